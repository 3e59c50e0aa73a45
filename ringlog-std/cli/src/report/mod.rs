//! What `report` and `plot` gather from a log, and how they draw it.
//!
//! `gather` takes each record once and keeps a bounded amount: bins on one axis of time, histograms, the samples of chosen fields, and by
//! `breaks` the places where records are missing.
//! `probe` finds the fields in payloads. `content` is what a page shows, `page` makes one file of HTML from it, with `page.css`,
//! `words.js` and `page.js`, and `tables` writes the numbers of each chart as text, for readers without the script. `braille` draws a chart of characters for a terminal.
//! Nothing here opens a log: the commands do.
#![forbid(unsafe_code)]

pub(crate) mod bins;
pub(crate) mod braille;
mod breaks;
pub(crate) mod content;
pub(crate) mod gather;
pub(crate) mod histogram;
mod html;
pub(crate) mod numbers;
pub(crate) mod page;
pub(crate) mod probe;
mod tables;
