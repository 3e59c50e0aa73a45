//! `ringlog top`: shows a log or a ring while it is written.
//!
//! A thread looks at the log or the ring once in an interval (`watcher`, with `log_source` and `ring_source`) and hands over what it
//! found, a `look`. The thread of the terminal keeps these in a `state`, whose `rates` are a pure function of the looks, changes it
//! by `keys`, and draws it (`view`, `table`). Only `watcher` knows threads, only `screen` knows the terminal, so everything else is
//! tested without either. A slow disk never keeps the terminal from an answer to a key.

mod keys;
mod log_source;
mod look;
mod rates;
mod recent;
mod ring_source;
pub(crate) mod screen;
pub(crate) mod state;
mod table;
mod view;
pub(crate) mod watcher;
