//! Rings found in a dump of memory: a core file, a RAM image, what a debugger saved.
//!
//! Ring images are read only: nothing attaches to them, and every word is checked before it is used. The command
//! `recover-image` and programs call this folder. It knows the layout of a ring, not where the dump is from.

pub(crate) mod ring_image;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use ring_image::{RingImage, RingImageError};
