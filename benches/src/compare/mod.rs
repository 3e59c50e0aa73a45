//! The parts of the program `compare`.

pub mod c;
pub mod choosing;
pub mod grep;
pub mod log;
pub mod logging;
pub mod many;
pub mod read;
pub mod ring;
mod table;
pub mod verify;

pub use table::Table;
