//! Standard output, standard error, messages and signals.
//!
//! All output goes through here: no byte of a payload controls a terminal, and a reader that closes its pipe is no
//! failure.

pub(crate) mod messages;
pub(crate) mod print;
pub(crate) mod screen;
pub(crate) mod signals;
pub(crate) mod standard_input;
pub(crate) mod verdict;
pub(crate) mod words;
pub(crate) mod zone;
