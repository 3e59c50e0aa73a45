//! The producer's hot path: no allocation, no system call.

use crate::allocations;
use ringlog::event::EventHeader;
use ringlog::ring::{Consumer, Producer, RingOptions, SharedRing, SpscRingBuffer, WriteError};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const EVENTS: u64 = 1_000_000;

#[test]
fn neither_end_allocates() {
    let (producer, consumer) = SpscRingBuffer::new(1 << 16).split();
    assert_no_allocation(producer, consumer);
}

#[test]
fn neither_end_of_a_shared_ring_allocates() {
    let folder = tempfile::tempdir().unwrap();
    let (producer, consumer) = shared_ends(folder.path());
    assert_no_allocation(producer, consumer);
}

fn shared_ends(folder: &Path) -> (Producer, Consumer) {
    let options = RingOptions { capacity: Some(1 << 16), ..RingOptions::default() };
    let ring = SharedRing::create(folder.join("ring"), &options).unwrap();
    (ring.claim_producer().unwrap(), ring.claim_consumer().unwrap())
}

fn assert_no_allocation(mut producer: Producer, mut consumer: Consumer) {
    let before = allocations::count();
    let mut read = 0_u64;
    for time in 0..EVENTS / 10 {
        let len = (time % 100) as usize;
        producer.write_event(&EventHeader::new(time, 0, len as u16), &[7; 100][..len]).unwrap();
        let mut claim = producer.claim(16).unwrap();
        claim.payload_mut().fill(1);
        claim.commit(&EventHeader::new(time, 1, 16)).unwrap();
        let mut batch = producer.batch();
        batch.write_event(&EventHeader::new(time, 2, 0), b"").unwrap();
        batch.publish();
        read += u64::from(consumer.read_event().is_some());
        read += consumer.drain(usize::MAX, |_, _| ()).unwrap() as u64;
    }
    assert_eq!(allocations::count() - before, 0);
    assert_eq!(read, EVENTS / 10 * 3);
}

#[test]
fn the_counting_allocator_counts() {
    let before = allocations::count();
    drop(std::hint::black_box(Box::new(1)));
    assert!(allocations::count() > before);
}

/// Under seccomp's strict mode any system call but read, write, exit and sigreturn kills the process, so this
/// runs in a child: it writes a million events on a restricted thread while another drains.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_producer_makes_no_system_call() {
    if std::env::var_os(RESTRICTED).is_some() {
        let (producer, consumer) = SpscRingBuffer::new(1 << 16).split();
        restricted_child(producer, consumer);
    }
    run_restricted("the_producer_makes_no_system_call");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_producer_of_a_shared_ring_makes_no_system_call() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os(RESTRICTED).is_some() {
        let (producer, consumer) = shared_ends(folder.path());
        // The child exits without clean-up, so the names are removed here.
        folder.close().unwrap();
        restricted_child(producer, consumer);
    }
    run_restricted("the_producer_of_a_shared_ring_makes_no_system_call");
}

#[cfg(target_arch = "x86_64")]
const RESTRICTED: &str = "RINGLOG_TEST_SECCOMP";

/// Runs a test of this module alone in a process.
#[cfg(target_arch = "x86_64")]
fn run_restricted(test: &str) {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("hot_path::{test}"), "--nocapture"])
        .env(RESTRICTED, "1")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(77), "the restricted thread did not get through: {status}");
}

#[cfg(target_arch = "x86_64")]
static WRITTEN: AtomicU64 = AtomicU64::new(0);

#[cfg(target_arch = "x86_64")]
fn restricted_child(mut producer: Producer, mut consumer: Consumer) -> ! {
    std::thread::spawn(move || {
        enter_strict_mode();
        let header = EventHeader::new(1, 2, 24);
        let mut written = 0;
        while written < EVENTS {
            match producer.write_event(&header, &[9; 24]) {
                Ok(()) => written += 1,
                Err(WriteError::Full) => std::hint::spin_loop(),
                Err(_) => break,
            }
        }
        WRITTEN.store(written, Ordering::Release);
        exit_thread();
    });
    let end = Instant::now() + Duration::from_secs(60);
    let mut read = 0;
    while read < EVENTS && Instant::now() < end {
        read += consumer.drain(usize::MAX, |_, _| ()).unwrap() as u64;
    }
    while WRITTEN.load(Ordering::Acquire) == 0 && Instant::now() < end {
        std::thread::yield_now();
    }
    let complete = read == EVENTS && WRITTEN.load(Ordering::Acquire) == EVENTS;
    std::process::exit(if complete { 77 } else { 1 });
}

/// `prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)`, for this thread.
#[cfg(target_arch = "x86_64")]
fn enter_strict_mode() {
    let result: isize;
    // SAFETY: the system call takes numbers only; rcx and r11 are declared as overwritten.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") 157_isize => result,
            in("rdi") 22, in("rsi") 1, in("rdx") 0, in("r10") 0, in("r8") 0,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    assert_eq!(result, 0, "no seccomp here");
}

/// `exit(0)`, which ends this thread alone and is allowed in strict mode.
#[cfg(target_arch = "x86_64")]
fn exit_thread() -> ! {
    // SAFETY: does not return; what the thread owns is leaked, which is safe.
    unsafe { std::arch::asm!("syscall", in("rax") 60, in("rdi") 0, options(noreturn)) }
}
