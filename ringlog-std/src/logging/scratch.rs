//! Memory in which a thread formats its messages.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};

struct OfThread {
    /// The kernel's number of this thread; 0 if it was not asked yet.
    id: Cell<u32>,
    /// Buffers that no message uses at the moment. A message within a message, from a `Debug` that logs, takes another one.
    free: RefCell<Vec<Vec<u8>>>,
}

thread_local! {
    static OF_THREAD: OfThread = const { OfThread { id: Cell::new(0), free: RefCell::new(Vec::new()) } };
}

/// A buffer, given back when it is dropped.
pub(super) struct Scratch {
    buffer: Vec<u8>,
}

impl Scratch {
    /// Returns an empty buffer, and this thread's number. Where the thread is ending, the buffer is a new one.
    pub(super) fn take() -> (Self, u32) {
        let taken = OF_THREAD.try_with(|thread| {
            if thread.id.get() == 0 {
                thread.id.set(thread_id());
            }
            let buffer = thread.free.try_borrow_mut().ok().and_then(|mut free| free.pop());
            (buffer.unwrap_or_default(), thread.id.get())
        });
        let (buffer, id) = taken.unwrap_or_else(|_| (Vec::new(), thread_id()));
        (Self { buffer }, id)
    }

    pub(super) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // The thread's own are gone if it is ending.
        let _ = OF_THREAD.try_with(|thread| {
            if let Ok(mut free) = thread.free.try_borrow_mut() {
                free.push(buffer);
            }
        });
    }
}

fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}
