//! Reads logs for a command: several merged, the last N events, at their pace, counts of what is in them.
//!
//! `source` opens a log and goes to the first event that the filters of a command want; `lines` has what `info` shows of it. The commands that show or check
//! logs call this folder. It prints nothing.

pub(crate) mod last;
pub(crate) mod lines;
pub(crate) mod merged;
pub(crate) mod replay_pace;
pub(crate) mod ring_report;
pub(crate) mod source;
pub(crate) mod stats;
pub(crate) mod survey;
pub(crate) mod types;
