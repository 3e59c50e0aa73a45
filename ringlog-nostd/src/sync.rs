//! The atomics of the ring, real or modelled. The only file that knows of loom.
//!
//! Under `--cfg ringlog_loom` the atomics are loom's, and [`Shadow`] holds one loom cell for each 8 bytes of
//! the data region: touching a range there makes the model checker complain when the other side may be
//! touching the same bytes. In every other build `Shadow` is empty and its functions do nothing.
#![forbid(unsafe_code)]

#[cfg(not(ringlog_loom))]
pub(crate) use real::{AtomicUsize, Ordering, Shadow, zero_words};

#[cfg(ringlog_loom)]
pub use model::ShadowCell;
#[cfg(ringlog_loom)]
pub(crate) use model::{AtomicUsize, Ordering, Shadow, zero_words};

#[cfg(not(ringlog_loom))]
mod real {
    use core::marker::PhantomData;
    pub(crate) use portable_atomic::{AtomicUsize, Ordering};

    /// Nothing: the bytes themselves are the truth.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Shadow<'r>(PhantomData<&'r ()>);

    impl Shadow<'_> {
        /// The only value.
        pub(crate) const NONE: Self = Self(PhantomData);

        /// Bytes `index..index + len` are about to be read, or were being read until now.
        #[inline(always)]
        pub(crate) fn read(self, _index: usize, _len: usize) {}

        /// Bytes `index..index + len` are about to be written, or were being written until now.
        #[inline(always)]
        pub(crate) fn write(self, _index: usize, _len: usize) {}
    }

    /// `N` words of zero.
    pub(crate) const fn zero_words<const N: usize>() -> [AtomicUsize; N] {
        [const { AtomicUsize::new(0) }; N]
    }
}

#[cfg(ringlog_loom)]
mod model {
    use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};

    /// Stands for 8 bytes of the data region.
    pub type ShadowCell = UnsafeCell<()>;

    /// One cell for each 8 bytes of the data region.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Shadow<'r>(&'r [ShadowCell]);

    impl<'r> Shadow<'r> {
        /// Shadows a data region of `cells.len() * 8` bytes.
        pub(crate) fn new(cells: &'r [ShadowCell]) -> Self {
            Self(cells)
        }

        pub(crate) fn read(self, index: usize, len: usize) {
            for cell in &self.0[index / 8..(index + len).div_ceil(8)] {
                cell.with(|_| ());
            }
        }

        pub(crate) fn write(self, index: usize, len: usize) {
            for cell in &self.0[index / 8..(index + len).div_ceil(8)] {
                cell.with_mut(|_| ());
            }
        }
    }

    pub(crate) fn zero_words<const N: usize>() -> [AtomicUsize; N] {
        core::array::from_fn(|_| AtomicUsize::new(0))
    }
}

/// A function that is `const` but under the model checker, whose atomics cannot be made in constants.
macro_rules! const_unless_modelled {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$meta])* #[cfg(not(ringlog_loom))] $vis const fn $($rest)*
        $(#[$meta])* #[cfg(ringlog_loom)] $vis fn $($rest)*
    };
}
pub(crate) use const_unless_modelled;
