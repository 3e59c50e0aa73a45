//! The atomics of the ring, real or modelled. The only file that uses loom.
//!
//! Under `--cfg ringlog_loom` the atomics are loom's, and [`Shadow`] holds one loom cell for each 8 bytes of the data
//! region. Each access to the region touches its cells, so the model checker reports an access that the other side may
//! make to the same bytes at the same time. In every other build `Shadow` is empty and its functions do nothing.
#![forbid(unsafe_code)]

#[cfg(all(not(ringlog_loom), feature = "async"))]
pub(crate) use real::AtomicWaker;
#[cfg(not(ringlog_loom))]
pub(crate) use real::{
    AtomicBool, AtomicUsize, Lent, Ordering, Shadow, fence, in_program_order, near_fence, zero_words,
};
#[cfg(all(not(ringlog_loom), target_has_atomic = "64"))]
pub use real::{AtomicU32, AtomicU64};

#[cfg(all(ringlog_loom, feature = "async"))]
pub(crate) use model::AtomicWaker;
#[cfg(ringlog_loom)]
pub(crate) use model::{
    AtomicBool, AtomicUsize, Lent, Ordering, Shadow, fence, in_program_order, near_fence, zero_words,
};
#[cfg(ringlog_loom)]
pub use model::{AtomicU32, AtomicU64, Killed, ShadowCell, die_before_store, die_not};

#[cfg(not(ringlog_loom))]
mod real {
    #[cfg(feature = "async")]
    pub(crate) use atomic_waker::AtomicWaker;
    use core::marker::PhantomData;
    pub(crate) use core::sync::atomic::fence;
    // For a mapped file. The standard library's atomics, whose loads are allowed on read-only memory.
    #[cfg(target_has_atomic = "64")]
    pub use core::sync::atomic::{AtomicU32, AtomicU64};
    pub(crate) use portable_atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Keeps the compiler from moving a store before it past a store after it.
    ///
    /// For words that are read after the death of the thread that stores them, by the next owner of its role. The
    /// hand-over of the role orders all that was stored. But death comes between two instructions, and the compiler
    /// chooses their order.
    #[inline(always)]
    pub(crate) fn in_program_order() {
        core::sync::atomic::compiler_fence(Ordering::Release);
    }

    /// The near half of a fence whose far half another thread makes this processor execute. It keeps the compiler from
    /// moving a load before it past a store after it, or a store before it past a load after it.
    #[inline(always)]
    pub(crate) fn near_fence() {
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
    }

    /// Empty: only the model shadows the bytes.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Shadow<'r>(PhantomData<&'r ()>);

    impl<'r> Shadow<'r> {
        /// The only value.
        pub(crate) const NONE: Self = Self(PhantomData);

        /// Notes that bytes `index..index + len` are about to be read, or were being read until now.
        #[inline(always)]
        pub(crate) fn read(self, _index: usize, _len: usize) {}

        /// Notes that bytes `index..index + len` are about to be written, or were being written until now.
        #[inline(always)]
        pub(crate) fn write(self, _index: usize, _len: usize) {}

        /// Notes that bytes `index..index + len` are lent for writing until the result is dropped.
        #[inline(always)]
        pub(crate) fn lend(self, _index: usize, _len: usize) -> Lent<'r> {
            Lent(self.0)
        }
    }

    /// Bytes that are lent for writing until this is dropped.
    #[derive(Debug)]
    pub(crate) struct Lent<'r>(PhantomData<&'r ()>);

    impl Lent<'_> {
        /// Ends the lend.
        #[inline(always)]
        pub(crate) fn end(self) {}
    }

    /// Returns `N` words of zero.
    pub(crate) const fn zero_words<const N: usize>() -> [AtomicUsize; N] {
        [const { AtomicUsize::new(0) }; N]
    }
}

#[cfg(ringlog_loom)]
mod model {
    extern crate std;

    use core::cell::Cell;
    #[cfg(feature = "async")]
    use core::task::Waker;
    use loom::cell::UnsafeCell;
    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
    pub use loom::sync::atomic::{AtomicU32, AtomicU64};
    use loom::thread::ThreadId;

    /// The model's thread that will die, and the number of stores that it makes before. `None` once it is dead.
    type Death = (ThreadId, Option<usize>);

    std::thread_local! {
        // All threads of a model run on one real thread.
        static DEATH: Cell<Option<Death>> = const { Cell::new(None) };
    }

    /// Makes the calling thread die, by unwinding, at its store number `stores + 1` to a control word from now on.
    ///
    /// It stores nothing any more: values that are dropped while it unwinds leave no trace either.
    pub fn die_before_store(stores: usize) {
        DEATH.set(Some((loom::thread::current().id(), Some(stores))));
    }

    /// Forgets the thread that was to die: it is gone, or it lives.
    pub fn die_not() {
        DEATH.set(None);
    }

    /// Returns whether the calling thread is alive and may store. Kills it if its time has come.
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

    /// The payload with which a killed thread unwinds.
    #[derive(Debug)]
    pub struct Killed;

    /// A word of the model. A thread can be made to die before any store to it.
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

    /// A place for a waker. A mutex orders what the real one orders by read-modify-writes with Acquire and Release.
    #[cfg(feature = "async")]
    #[derive(Debug)]
    pub(crate) struct AtomicWaker(loom::sync::Mutex<Option<Waker>>);

    #[cfg(feature = "async")]
    impl AtomicWaker {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Mutex::new(None))
        }

        /// Stores the waker, or wakes it if another one is being taken at this moment.
        #[track_caller]
        pub(crate) fn register(&self, waker: &Waker) {
            match self.0.try_lock() {
                Ok(mut place) => *place = Some(waker.clone()),
                Err(_) => waker.wake_by_ref(),
            }
        }

        #[track_caller]
        pub(crate) fn wake(&self) {
            let waker = self.0.lock().expect("nobody panics meanwhile").take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Does nothing: a model's thread dies between two stores, in the order of the program.
    pub(crate) fn in_program_order() {}

    /// Both halves: to the two threads the call that makes this processor execute a fence is one at this place.
    pub(crate) fn near_fence() {
        fence(Ordering::SeqCst);
    }

    /// Represents 8 bytes of the data region.
    pub type ShadowCell = UnsafeCell<()>;

    /// One cell for each 8 bytes of the data region.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Shadow<'r>(&'r [ShadowCell]);

    impl<'r> Shadow<'r> {
        /// Makes the shadow of a data region of `cells.len() * 8` bytes.
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

    /// Bytes that are lent for writing until this is dropped.
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

/// Makes a function `const`, except under the model checker, whose atomics cannot be made in constants.
macro_rules! const_unless_modelled {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$meta])* #[cfg(not(ringlog_loom))] $vis const fn $($rest)*
        $(#[$meta])* #[cfg(ringlog_loom)] $vis fn $($rest)*
    };
}
pub(crate) use const_unless_modelled;
