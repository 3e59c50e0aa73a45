//! Reading logs for a command: several merged, the last N, what is in them.
//!
//! The commands that show or check logs call this folder. It prints nothing.

pub(crate) mod last;
pub(crate) mod merged;
pub(crate) mod source;
pub(crate) mod survey;
pub(crate) mod tally;
