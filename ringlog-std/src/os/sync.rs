//! What a log's writer and its workers share things and wait with: the standard library's, or scheduled.
//!
//! The only file that knows of shuttle. In the unit tests under `--cfg ringlog_shuttle`, locks, atomics and threads are
//! that scheduler's: one thread runs at a time, and each use of them, each call of the tests' platform and each store that
//! it is told of is a place where another one may go on. Everywhere else they are what they always are.
#![forbid(unsafe_code)]

use std::sync::PoisonError;

#[cfg(all(test, not(ringlog_shuttle)))]
pub(crate) use real::slow_kernel_call;
#[cfg(not(all(test, ringlog_shuttle)))]
pub(crate) use real::{
    AtomicBool, AtomicU64, Builder, JoinHandle, Mutex, MutexGuard, Thread, before_load, kernel_call, now,
    park_timeout, sleep,
};

#[cfg(all(test, ringlog_shuttle))]
pub(crate) use scheduled::{
    AtomicBool, AtomicU64, Builder, JoinHandle, Mutex, MutexGuard, Thread, before_load, kernel_call, now,
    park_timeout, sleep, slow_kernel_call,
};

/// A lock whose holders leave things as they should be even when they panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(all(test, ringlog_shuttle)))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Builder, JoinHandle, Thread, park_timeout, sleep};
    use std::time::Instant;

    /// When it is, for what is only done from time to time.
    #[inline(always)]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// The kernel is about to be asked something that another thread or process may change the answer to.
    #[inline(always)]
    pub(crate) const fn kernel_call() {}

    /// A word of a mapping is about to be loaded that another thread stores.
    #[inline(always)]
    pub(crate) const fn before_load() {}

    /// The same where the disk is waited for.
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

    shuttle::thread_local! {
        static CURRENT: RefCell<Option<Current>> = RefCell::new(None);
    }

    thread_local! {
        // All threads of a schedule are one real thread.
        static NOW: Cell<Instant> = Cell::new(Instant::now());
    }

    /// How often a pause ends by itself, of one thread or another: always, as if nobody ever had to wake it, or never.
    const ODDS: [f64; 3] = [0.0, 0.5, 1.0];

    /// How often others may go on, at most, while the disk is waited for.
    const SLOW: usize = 8;

    #[derive(Clone)]
    struct Current {
        thread: Thread,
        odds: f64,
    }

    /// Every other time it is late for whatever waits: the real time would make a schedule another one each run.
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

    /// Others may come far meanwhile.
    pub(crate) fn slow_kernel_call() {
        for _ in 0..thread_rng().gen_range(0..SLOW) {
            kernel_call();
        }
    }

    /// Lets every other thread go first.
    pub(crate) fn sleep(_: Duration) {
        thread::yield_now();
    }

    /// Some pauses end by themselves; the rest last until somebody ends them. So whatever is to be waited for
    /// has to be told of: a forgotten wake-up is a thread that never goes on.
    pub(crate) fn park_timeout(_: Duration) {
        let current = CURRENT.with(|current| current.borrow().clone());
        let current = current.expect("a thread of `Builder`");
        if thread_rng().gen_bool(current.odds) {
            thread::yield_now();
        } else {
            current.thread.wait();
        }
    }

    /// As the standard library's, whose `unpark` is kept for the next pause. Shuttle's own may end by itself.
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
