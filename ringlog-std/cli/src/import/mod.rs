//! Files that can be imported, as feeds.

#[cfg(test)]
mod capture_table;
pub(crate) mod exported;
pub(crate) mod guess;
mod pcap;
pub(crate) mod resume;
pub(crate) mod table;
pub(crate) mod typed;

pub(crate) use exported::ExportedFeed;
pub(crate) use guess::{Format, guess, time_of_lines};
pub(crate) use pcap::{PACKET, PcapFeed};
pub(crate) use resume::{Mark, Passed, ResumedFeed, Taken};
pub(crate) use table::{ChosenFeed, JsonFeed, TableFeed};
pub(crate) use typed::TypedFeed;
