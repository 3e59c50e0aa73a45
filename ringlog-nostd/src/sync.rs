//! The atomics of the ring, real or modelled. The only file that knows of loom.
//!
//! Under `--cfg ringlog_loom` the atomics are loom's, and [`Shadow`] holds one loom cell for each 8 bytes of
//! the data region: touching a range there makes the model checker complain when the other side may be
//! touching the same bytes. In every other build `Shadow` is empty and its functions do nothing.
#![forbid(unsafe_code)]

#[cfg(not(ringlog_loom))]
pub(crate) use real::{AtomicBool, AtomicUsize, Lent, Ordering, Shadow, fence, in_program_order, zero_words};
#[cfg(all(not(ringlog_loom), target_has_atomic = "64"))]
pub use real::{AtomicU32, AtomicU64};

#[cfg(ringlog_loom)]
pub(crate) use model::{
    AtomicBool, AtomicUsize, Lent, Ordering, Shadow, fence, in_program_order, zero_words,
};
#[cfg(ringlog_loom)]
pub use model::{AtomicU32, AtomicU64, Killed, ShadowCell, die_before_store, die_not};

#[cfg(not(ringlog_loom))]
mod real {
    use core::marker::PhantomData;
    pub(crate) use core::sync::atomic::fence;
    // Of a mapped file. The standard library's own, whose loads are allowed on read-only memory.
    #[cfg(target_has_atomic = "64")]
    pub use core::sync::atomic::{AtomicU32, AtomicU64};
    pub(crate) use portable_atomic::{AtomicBool, AtomicUsize, Ordering};

    /// The compiler moves no store from above to below a store that follows.
    ///
    /// For words that are read after the death of the thread that stores them, by somebody to whom its role
    /// was handed over. That hand-over orders whatever was stored; but death comes between two instructions,
    /// and their order is the compiler's.
    #[inline(always)]
    pub(crate) fn in_program_order() {
        core::sync::atomic::compiler_fence(Ordering::Release);
    }

    /// Nothing: the bytes themselves are the truth.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Shadow<'r>(PhantomData<&'r ()>);

    impl<'r> Shadow<'r> {
        /// The only value.
        pub(crate) const NONE: Self = Self(PhantomData);

        /// Bytes `index..index + len` are about to be read, or were being read until now.
        #[inline(always)]
        pub(crate) fn read(self, _index: usize, _len: usize) {}

        /// Bytes `index..index + len` are about to be written, or were being written until now.
        #[inline(always)]
        pub(crate) fn write(self, _index: usize, _len: usize) {}

        /// Bytes `index..index + len` are lent for writing.
        #[inline(always)]
        pub(crate) fn lend(self, _index: usize, _len: usize) -> Lent<'r> {
            Lent(self.0)
        }
    }

    /// Bytes that are lent for writing, until this goes.
    #[derive(Debug)]
    pub(crate) struct Lent<'r>(PhantomData<&'r ()>);

    impl Lent<'_> {
        /// They are not used any more.
        #[inline(always)]
        pub(crate) fn end(self) {}
    }

    /// `N` words of zero.
    pub(crate) const fn zero_words<const N: usize>() -> [AtomicUsize; N] {
        [const { AtomicUsize::new(0) }; N]
    }
}

#[cfg(ringlog_loom)]
mod model {
    extern crate std;

    use core::cell::Cell;
    use loom::cell::UnsafeCell;
    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
    pub use loom::sync::atomic::{AtomicU32, AtomicU64};
    use loom::thread::ThreadId;

    /// The one of a model's threads that is going to die, and the stores that it will still make; `None`
    /// once it is dead.
    type Death = (ThreadId, Option<usize>);

    std::thread_local! {
        // All of a model's threads run on one real one.
        static DEATH: Cell<Option<Death>> = const { Cell::new(None) };
    }

    /// From now on the calling thread dies, by unwinding, where it would make its `stores + 1`st store to a
    /// control word, and stores nothing any more: what is dropped on the way leaves no trace either.
    pub fn die_before_store(stores: usize) {
        DEATH.set(Some((loom::thread::current().id(), Some(stores))));
    }

    /// The one who was going to die is gone, or lives on.
    pub fn die_not() {
        DEATH.set(None);
    }

    /// Whether the calling thread is still there to store something.
    fn lives_to_store() -> bool {
        let Some((id, left)) = DEATH.get() else { return true };
        if id != loom::thread::current().id() {
            return true;
        }
        let Some(left) = left else { return false };
        DEATH.set(Some((id, left.checked_sub(1))));
        if left == 0 {
            std::panic::resume_unwind(std::boxed::Box::new(Killed));
        }
        true
    }

    /// What a thread that was made to die unwinds with.
    #[derive(Debug)]
    pub struct Killed;

    /// A word of the model, before any store to which a thread can be made to die.
    #[derive(Debug)]
    pub(crate) struct AtomicUsize(atomic::AtomicUsize);

    impl AtomicUsize {
        #[track_caller]
        pub(crate) fn new(value: usize) -> Self {
            Self(atomic::AtomicUsize::new(value))
        }

        #[track_caller]
        pub(crate) fn load(&self, ordering: Ordering) -> usize {
            self.0.load(ordering)
        }

        #[track_caller]
        pub(crate) fn store(&self, value: usize, ordering: Ordering) {
            if lives_to_store() {
                self.0.store(value, ordering);
            }
        }
    }

    /// A model's threads die between two stores, in the order of the program.
    pub(crate) fn in_program_order() {}

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

        pub(crate) fn lend(self, index: usize, len: usize) -> Lent<'r> {
            self.write(index, len);
            Lent { shadow: self, index, len }
        }
    }

    /// Bytes that are lent for writing, until this goes.
    #[derive(Debug)]
    pub(crate) struct Lent<'r> {
        shadow: Shadow<'r>,
        index: usize,
        len: usize,
    }

    impl Lent<'_> {
        pub(crate) fn end(self) {}
    }

    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            self.shadow.write(self.index, self.len);
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
