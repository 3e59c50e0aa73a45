//! How the two ends of a ring share its memory.
//!
//! It holds the control words with their ORDERING arguments, all arithmetic on sizes and positions, and the two ends:
//! the only code that touches a ring's bytes while another thread, interrupt or process may do the same. `handle` and
//! `ring` call it. It depends neither on where the memory comes from nor on what a user calls.

pub(crate) mod closer;
pub(crate) mod control;
pub(crate) mod geometry;
pub(crate) mod losses;
pub(crate) mod parts;
pub(crate) mod read_end;
pub(crate) mod retained;
pub(crate) mod write_end;
