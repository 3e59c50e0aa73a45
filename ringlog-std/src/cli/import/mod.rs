//! Recorded files as feeds.

mod guess;
mod pcap;
mod pcap_time;
mod pcapng;
mod table;

pub(crate) use guess::{Format, Guess, guess};
pub(crate) use pcap::PcapFeed;
pub(crate) use table::{JsonFeed, TableFeed, TableOptions};
