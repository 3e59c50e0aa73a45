//! Recorded files as feeds.

#[cfg(test)]
mod capture_table;
mod guess;
mod pcap;
mod pcap_header;
mod pcap_time;
mod pcapng;
mod ticks;
mod time_column;

pub(crate) use guess::{Format, guess};
pub(crate) use pcap::PcapFeed;
pub(crate) use ticks::TickFeed;
pub(crate) use time_column::{TimeOptions, TimeUnit};
