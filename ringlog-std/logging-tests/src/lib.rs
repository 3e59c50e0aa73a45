//! Runs the program of the guide.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/logging.md")]
mod guide {}
