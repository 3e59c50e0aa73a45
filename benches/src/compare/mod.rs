//! The parts of the program `compare`.

pub mod ring;
