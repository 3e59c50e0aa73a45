//! Makes one mistake on purpose; the witness that it is for has to end it with an error.
//!
//!     planted race | use-after-free | leak | uninitialised

use std::alloc::{Layout, alloc};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;

struct Shared(UnsafeCell<u64>);

// SAFETY: none. That is the mistake.
unsafe impl Sync for Shared {}

/// What a ring does whose positions are published without an ordering: two threads, plain memory.
fn race() {
    let shared = Arc::new(Shared(UnsafeCell::new(0)));
    let other = Arc::clone(&shared);
    let write = |shared: &Shared| {
        for _ in 0..1000 {
            // SAFETY: none, see above.
            unsafe { *shared.0.get() += 1 };
        }
    };
    let thread = thread::spawn(move || write(&other));
    write(&shared);
    thread.join().unwrap();
}

fn use_after_free() {
    let boxed = Box::new(black_box(7_u64));
    let pointer = black_box(&raw const *boxed);
    drop(boxed);
    // SAFETY: none. That is the mistake.
    println!("{}", unsafe { pointer.read_volatile() });
}

fn leak() {
    let bytes = black_box(vec![1_u8; 1000]);
    std::mem::forget(bytes);
}

fn uninitialised() {
    let layout = Layout::new::<[u8; 64]>();
    // SAFETY: the layout is not empty.
    let bytes = unsafe { alloc(layout) };
    // SAFETY: none: nothing was written there. That is the mistake.
    let first = unsafe { bytes.read_volatile() };
    if first == 7 {
        println!("seven");
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("race") => race(),
        Some("use-after-free") => use_after_free(),
        Some("leak") => leak(),
        Some("uninitialised") => uninitialised(),
        other => panic!("no mistake {other:?}"),
    }
}
