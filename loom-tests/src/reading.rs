//! How the models' consumers read while a writer runs, and the rest after it has ended.
#![forbid(unsafe_code)]

use loom::thread::{JoinHandle, yield_now};

use crate::{ModelConsumer, Seen, read_id};

/// Returns the id of the next event, if there is one.
///
/// # Panics
///
/// If it is not the event that was written.
pub fn read_next(consumer: &mut ModelConsumer) -> Option<u64> {
    consumer.read_event().map(|(header, payload)| read_id(&header, payload))
}

/// Adds the ids of all events in the ring to `ids` and returns their number.
///
/// # Panics
///
/// If one is not the event that was written.
pub fn read_all(consumer: &mut ModelConsumer, ids: &mut Vec<u64>) -> usize {
    let read = consumer.drain(usize::MAX, |header, payload| ids.push(read_id(header, payload)));
    read.expect("a ring without a fault")
}

/// Looks twice for an event while the writer runs, and calls `look` with the ids so far each time. Then waits for the
/// writer's end and reads the rest.
///
/// # Panics
///
/// If an event is not the one that was written, or the writer panics.
pub fn read_beside(
    consumer: &mut ModelConsumer,
    writer: JoinHandle<()>,
    mut look: impl FnMut(&[u64]),
) -> Vec<u64> {
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.extend(read_next(consumer));
        look(&ids);
        yield_now();
    }
    writer.join().expect("the writer does not panic");
    read_all(consumer, &mut ids);
    ids
}

/// Two events that are published together, and whether a consumer has looked before and after that.
#[derive(Debug, Default)]
pub struct Together {
    nothing: Seen,
    all: Seen,
}

impl Together {
    /// Returns the state in which nobody has looked.
    #[must_use]
    pub const fn new() -> Self {
        Self { nothing: Seen::new(), all: Seen::new() }
    }

    /// Reads the events 0 and 1 while the writer runs: both or none, and then the rest.
    ///
    /// # Panics
    ///
    /// If only one of them is there, or an event is not the one that was written, or the writer panics.
    pub fn read(&self, consumer: &mut ModelConsumer, writer: JoinHandle<()>) {
        let mut ids = Vec::new();
        let early = read_all(consumer, &mut ids);
        assert!(early == 0 || early == 2, "{early} of 2");
        self.nothing.note_if(early == 0);
        self.all.note_if(early == 2);
        writer.join().expect("the writer does not panic");
        read_all(consumer, &mut ids);
        assert_eq!(ids, [0, 1]);
    }

    /// Checks that the model has looked at both moments. Call it after the last execution.
    ///
    /// # Panics
    ///
    /// If no execution has looked before the two events were published, or none has looked after that.
    pub fn expect(&self) {
        self.nothing.expect("a look before the batch");
        self.all.expect("a look after the batch");
    }
}
