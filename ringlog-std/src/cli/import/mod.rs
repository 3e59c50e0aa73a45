//! Recorded files as feeds.

#[cfg(test)]
mod capture_table;
pub(crate) mod guess;
mod pcap;
pub(crate) mod table;

pub(crate) use guess::{Format, guess, time_of_lines};
pub(crate) use pcap::PcapFeed;
pub(crate) use table::{ChosenFeed, JsonFeed, TableFeed};
