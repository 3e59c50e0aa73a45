//! Producers of a log with several, and consumers that follow a log.

use std::io;
use std::path::Path;
use std::time::Duration;

use ringlog::consumer::EventConsumer;
use ringlog::event::EventHeader;
use ringlog::recorder::{FollowError, ProducersError, Recorder, RecorderError};

use super::Row;
use super::library::{failed, made};

fn producing(folder: &Path) -> Vec<Row> {
    let builder = Recorder::builder().ring_bytes(4096).max_producers(1);
    let (producers, recorder) = builder.start_many(folder.join("many")).unwrap();
    let busy = producers.with(|_| producers.with(|_| ())).unwrap();
    // The kept producer of this thread has the only ring.
    let full = producers.producer();
    recorder.stop().unwrap();
    let closed = producers.producer();
    vec![
        failed("ProducersError::TooMany", folder, full),
        failed("ProducersError::Busy", folder, busy),
        failed("ProducersError::Closed", folder, closed),
        made("ProducersError::Ending", "the tests of `many` trigger it", ProducersError::Ending),
    ]
}

/// A consumer that refuses each event, or panics at it.
struct Unwilling {
    panics: bool,
}

impl EventConsumer for Unwilling {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        assert!(!self.panics, "this one is meant to panic");
        false
    }

    fn name(&self) -> &str {
        "unwilling"
    }
}

fn following(folder: &Path) -> Vec<Row> {
    let (mut producer, recorder) =
        Recorder::builder().ring_bytes(4096).start(folder.join("followed")).unwrap();
    producer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    let late = recorder.follow("late", Unwilling { panics: false }).unwrap();
    let panicked = recorder.follow("panicked", Unwilling { panics: true }).unwrap();
    let name = recorder.follow("no/name", Unwilling { panics: false });
    recorder.shutdown(producer).unwrap();
    let (late, panicked) = (late.wait(Duration::from_millis(5)), panicked.wait(Duration::from_secs(60)));
    vec![
        failed("FollowError::Cursor", folder, name),
        failed("FollowError::Timeout", folder, late),
        failed("FollowError::Panicked", folder, panicked),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let refused = || io::ErrorKind::WouldBlock.into();
    let no_memory = RecorderError::Gate(io::ErrorKind::OutOfMemory.into());
    let threads = "the limit on threads is that of all tests";
    let elsewhere = FollowError::OtherProcess { name: "forward".into() };
    let others = vec![
        made("FollowError::OtherProcess", "the tests of `fork` trigger it", elsewhere),
        made("FollowError::Thread", threads, FollowError::Thread(refused())),
        made("RecorderError::Gate", "the kernel would have to have no memory for a page", no_memory),
    ];
    [producing(folder), following(folder), others].concat()
}
