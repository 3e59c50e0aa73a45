//! What a log's writer and its workers, and a recorder and its producers, share and wait with: the standard library's types, or
//! scheduled ones.
//!
//! The only file that knows of shuttle. In the unit tests under `--cfg ringlog_shuttle`, locks, atomics and threads
//! belong to that scheduler. One thread runs at a time. Another one may continue at each use of them, at each call of
//! the tests' platform and at each store that the platform is notified of. Everywhere else they are the ordinary
//! ones.
#![forbid(unsafe_code)]

use std::sync::PoisonError;

#[cfg(all(test, not(ringlog_shuttle)))]
pub(crate) use real::slow_kernel_call;
#[cfg(not(all(test, ringlog_shuttle)))]
pub(crate) use real::{
    AtomicBool, AtomicU64, Builder, JoinHandle, Mutex, MutexGuard, Thread, before_load, kernel_call, now,
    park_timeout, sleep, yield_now,
};

#[cfg(all(test, ringlog_shuttle))]
pub(crate) use scheduled::{
    AtomicBool, AtomicU64, Builder, JoinHandle, Mutex, MutexGuard, Thread, before_load, kernel_call, now,
    park_timeout, sleep, slow_kernel_call, yield_now,
};

/// Locks a mutex whose holders leave its data valid even when they panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the same with a mutex that no scheduler knows, around numbers that nobody decides by.
pub(crate) fn lock_plain<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(all(test, ringlog_shuttle)))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Builder, JoinHandle, Thread, park_timeout, sleep, yield_now};
    use std::time::Instant;

    /// Returns the time, for what is only done from time to time.
    #[inline(always)]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Marks a question to the kernel whose answer another thread or process may change.
    #[inline(always)]
    pub(crate) const fn kernel_call() {}

    /// Marks the load of a word in a mapping that another thread stores.
    #[inline(always)]
    pub(crate) const fn before_load() {}

    /// Marks the same, for a call that waits for the disk.
    #[cfg(test)]
    pub(crate) const fn slow_kernel_call() {}
}

#[cfg(all(test, ringlog_shuttle))]
mod scheduled {
    use std::cell::{Cell, RefCell};
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use shuttle::rand::{Rng, thread_rng};
    use shuttle::sync::Condvar;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    use shuttle::thread;
    pub(crate) use shuttle::thread::yield_now;

    shuttle::thread_local! {
        static CURRENT: RefCell<Option<Current>> = RefCell::new(None);
    }

    thread_local! {
        // All threads of a schedule are one real thread.
        static NOW: Cell<Instant> = Cell::new(Instant::now());
    }

    /// How often a thread's pause ends by itself: never, every other time, or always.
    const ODDS: [f64; 3] = [0.0, 0.5, 1.0];

    /// How often others may continue, at most, during a wait for the disk.
    const SLOW: usize = 8;

    #[derive(Clone)]
    struct Current {
        thread: Thread,
        odds: f64,
    }

    /// Returns a time that is late for every wait every other time. The real time would make each run another
    /// schedule.
    pub(crate) fn now() -> Instant {
        if thread_rng().gen_bool(0.5) {
            NOW.set(NOW.get() + Duration::from_secs(3600));
        }
        NOW.get()
    }

    pub(crate) fn kernel_call() {
        thread::sleep(Duration::ZERO);
    }

    pub(crate) fn before_load() {
        thread::sleep(Duration::ZERO);
    }

    /// Lets others come far meanwhile.
    pub(crate) fn slow_kernel_call() {
        for _ in 0..thread_rng().gen_range(0..SLOW) {
            kernel_call();
        }
    }

    /// Lets every other thread run first.
    pub(crate) fn sleep(_: Duration) {
        thread::yield_now();
    }

    /// Ends some pauses by itself; the rest last until somebody ends them. So every wait needs a wake-up: a forgotten
    /// one is a thread that never continues.
    pub(crate) fn park_timeout(_: Duration) {
        let current = CURRENT.with(|current| current.borrow().clone());
        let current = current.expect("a thread of `Builder`");
        if thread_rng().gen_bool(current.odds) {
            thread::yield_now();
        } else {
            current.thread.wait();
        }
    }

    /// Works as the standard library's: an `unpark` is kept for the next pause. Shuttle's pause may end by itself.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Thread(Arc<(Mutex<bool>, Condvar)>);

    impl Thread {
        pub(crate) fn unpark(&self) {
            let (token, changed) = &*self.0;
            *token.lock().unwrap() = true;
            changed.notify_one();
        }

        fn wait(&self) {
            let (token, changed) = &*self.0;
            let mut token = token.lock().unwrap();
            while !*token {
                token = changed.wait(token).unwrap();
            }
            *token = false;
        }
    }

    #[derive(Debug)]
    pub(crate) struct Builder(thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self(thread::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(crate) fn spawn<T: Send + 'static>(
            self,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            let (handle, is_finished) = (Thread::default(), Arc::new(AtomicBool::new(false)));
            let (thread, finished) = (handle.clone(), Arc::clone(&is_finished));
            let current = Current { thread, odds: ODDS[thread_rng().gen_range(0..ODDS.len())] };
            let thread = self.0.spawn(move || {
                CURRENT.with(|it| it.replace(Some(current)));
                let result = f();
                finished.store(true, Ordering::SeqCst);
                result
            })?;
            Ok(JoinHandle { thread, handle, is_finished })
        }
    }

    #[derive(Debug)]
    pub(crate) struct JoinHandle<T> {
        thread: thread::JoinHandle<T>,
        handle: Thread,
        is_finished: Arc<AtomicBool>,
    }

    impl<T> JoinHandle<T> {
        pub(crate) fn thread(&self) -> &Thread {
            &self.handle
        }

        pub(crate) fn is_finished(&self) -> bool {
            self.is_finished.load(Ordering::SeqCst)
        }

        pub(crate) fn join(self) -> std::thread::Result<T> {
            self.thread.join()
        }
    }
}
