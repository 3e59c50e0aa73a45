//! Reading logs: following them, seeking in them, merging them, and remembering how far one has come.

mod cursor;
mod follow;
mod merge;
mod positions;
mod recycling;
mod retention;
mod seek;
mod support;
