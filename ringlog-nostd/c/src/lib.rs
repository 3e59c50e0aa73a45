//! The ring of ringlog for C and C++: `no_std`, no allocator, over the caller's memory.
//!
//! `docs/c.md` in the repository says how to build and install it. Its header is `ringlog-std/c/include/ringlog.h`, which
//! cbindgen makes of this package and of `ringlog-c`. So the comments of what is exported are written for readers of C.
//!
//! | what | where |
//! |---|---|
//! | making a ring, attaching to one, its two ends | [`ring_functions`] |
//! | writing: one event, in place, several at once, with losses counted | [`producer_functions`] |
//! | reading | [`consumer_functions`] |
//! | codes and their words | [`status`] |
//!
//! Only the functions are for C. The rest is for `ringlog-c`, and any version may change it.

// Firmware has no allocator and no operating system.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

// In the order of the header, which cbindgen takes from here.
pub mod status;

pub mod ring_functions;

pub mod producer_functions;

pub mod consumer_functions;

mod event;
mod handles;
mod open_consumer;
mod open_producer;
mod open_ring;
mod owner;

pub use self::event::{LoggedGap, RingEvent};
pub use self::handles::{ConsumerHandle, ProducerHandle, RingHandle, open_consumer, open_producer};
pub use self::open_ring::Options;
pub use self::owner::Owner;

/// Ends the program, or what is left of it: nothing here panics, and the checks of CI see that no code of it remains.
#[cfg(all(feature = "panic-handler", not(test)))]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
