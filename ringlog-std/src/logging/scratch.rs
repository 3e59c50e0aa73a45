//! Memory in which a thread formats its messages.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
#[cfg(feature = "tracing")]
use std::rc::Rc;

#[cfg(feature = "tracing")]
use tracing_core::Metadata;

#[cfg(feature = "tracing")]
use super::call::{Call, Calls};
use super::tail::SLACK;

struct OfThread {
    /// The kernel's number of this thread; 0 if it was not asked yet.
    id: Cell<u32>,
    /// The buffer of a message that is in no other one; `None` while it is in use.
    outer: Cell<Option<Box<[u8]>>>,
    /// More of them that no message uses at the moment. A message within a message, from a `Debug` that logs, takes one.
    nested: RefCell<Vec<Box<[u8]>>>,
    #[cfg(feature = "tracing")]
    calls: RefCell<Calls>,
}

thread_local! {
    static OF_THREAD: OfThread = const {
        OfThread {
            id: Cell::new(0),
            outer: Cell::new(None),
            nested: RefCell::new(Vec::new()),
            #[cfg(feature = "tracing")]
            calls: RefCell::new(Calls::new()),
        }
    };
}

/// A buffer, given back when it is dropped.
pub(super) struct Scratch {
    /// Its length is not that of the payload.
    buffer: Box<[u8]>,
    len: usize,
    /// The kernel's number of this thread.
    thread: u32,
}

impl Scratch {
    /// Returns a buffer for payloads of up to `max_payload` bytes. Where the thread is ending, it is a new one.
    pub(super) fn take(max_payload: usize) -> Self {
        OF_THREAD
            .try_with(|thread| Self::of(thread, max_payload))
            .unwrap_or_else(|_| Self::new(Box::default(), thread_id(), max_payload))
    }

    /// Does the same, and returns what is known of this call of a macro, unless the thread is ending.
    #[cfg(feature = "tracing")]
    #[inline]
    pub(super) fn take_for(
        metadata: &'static Metadata<'static>,
        max_payload: usize,
    ) -> (Self, Option<Rc<Call>>) {
        let taken = OF_THREAD.try_with(|thread| {
            let call = thread.calls.try_borrow_mut().ok().and_then(|mut calls| calls.find(metadata));
            (Self::of(thread, max_payload), call)
        });
        taken.unwrap_or_else(|_| (Self::new(Box::default(), thread_id(), max_payload), None))
    }

    #[inline]
    fn of(thread: &OfThread, max_payload: usize) -> Self {
        match (thread.outer.take(), thread.id.get()) {
            // The buffer of another log may be too short.
            (Some(buffer), id) if id != 0 && buffer.len() >= max_payload + SLACK => {
                Self { buffer, len: 0, thread: id }
            }
            (outer, _) => Self::first(thread, outer, max_payload),
        }
    }

    #[cold]
    fn first(thread: &OfThread, outer: Option<Box<[u8]>>, max_payload: usize) -> Self {
        if thread.id.get() == 0 {
            thread.id.set(thread_id());
        }
        let nested = || thread.nested.try_borrow_mut().ok().and_then(|mut nested| nested.pop());
        let buffer = outer.or_else(nested).unwrap_or_default();
        Self::new(buffer, thread.id.get(), max_payload)
    }

    fn new(mut buffer: Box<[u8]>, thread: u32, max_payload: usize) -> Self {
        if buffer.len() < max_payload + SLACK {
            buffer = vec![0; max_payload + SLACK].into_boxed_slice();
        }
        Self { buffer, len: 0, thread }
    }

    /// Returns the kernel's number of this thread.
    pub(super) const fn thread(&self) -> u32 {
        self.thread
    }

    /// Returns the buffer, which is [`SLACK`] bytes longer than the longest payload.
    pub(super) const fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Notes how long the payload in the buffer is.
    pub(super) const fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // The thread's own are gone if it is ending.
        let _ = OF_THREAD.try_with(|thread| {
            // A message within this one may have put its own there.
            if let Some(other) = thread.outer.replace(Some(buffer))
                && let Ok(mut nested) = thread.nested.try_borrow_mut()
            {
                nested.push(other);
            }
        });
    }
}

fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}
