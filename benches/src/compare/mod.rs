//! The parts of the program `compare`.

pub mod log;
pub mod read;
pub mod ring;
mod table;

pub use table::Table;
