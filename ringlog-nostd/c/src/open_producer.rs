//! The producer's end of a ring, and what is begun with it: a claim, a batch.
//!
//! In Rust a claim and a batch borrow the producer, and the compiler refuses what would come in between. C has no borrows, so
//! a word says what is open, and every function looks at it.
//!
//! Unsafe because that word replaces the borrow of a batch.

use crate::owner::Owner;
use crate::status::{
    RINGLOG_E_BATCH_OPEN, RINGLOG_E_CLAIM_OPEN, RINGLOG_E_LENGTH, RINGLOG_E_NO_BATCH, RINGLOG_E_NO_CLAIM,
    RINGLOG_LOST, RINGLOG_OK, of_write,
};
use core::ffi::c_int;
use ringlog_nostd::internal::SuspendedBatch;
use ringlog_nostd::{Batch, Delivery, EventHeader, Loss, LossyProducer, Producer};

/// Nothing is open: the only state in which an event is written at once.
const IDLE: u8 = 0;
/// A claim is open, or a batch, or a claim in a batch.
const BUSY: u8 = 1;

/// A producer in a handle of the caller's.
#[derive(Debug)]
pub(crate) struct OpenProducer {
    state: u8,
    /// The length in bytes of the claim that is open.
    claim: Option<usize>,
    batch: Option<OpenBatch>,
    producer: LossyProducer<'static, Owner>,
}

#[derive(Clone, Copy, Debug)]
struct OpenBatch {
    suspended: SuspendedBatch,
    events: usize,
}

/// What a caller passes for an event, but for the payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventWords {
    pub(crate) timestamp: u64,
    pub(crate) event_type: u8,
    pub(crate) flags: u8,
}

impl EventWords {
    /// Returns the header; `None` if no payload has this length.
    #[inline]
    pub(crate) fn header(self, payload_len: usize) -> Option<EventHeader> {
        let len = u16::try_from(payload_len).ok()?;
        Some(EventHeader::new(self.timestamp, self.event_type, len).with_flags(self.flags))
    }
}

/// Continues the batch that is open.
#[inline]
fn resume<'p>(producer: &'p mut Producer<'static, Owner>, suspended: SuspendedBatch) -> Batch<'p, 'static> {
    // SAFETY: `suspended` is from `OpenProducer::batch`, which is what the last batch has left. While one is open, `state` and
    // `claim` keep every other function from writing and publishing; a claim that is dropped does neither.
    unsafe { producer.resume_batch(suspended) }
}

impl OpenProducer {
    pub(crate) fn new(producer: Producer<'static, Owner>) -> Self {
        Self { state: IDLE, claim: None, batch: None, producer: producer.lossy() }
    }

    #[inline]
    pub(crate) fn write(&mut self, header: &EventHeader, payload: &[u8]) -> c_int {
        if self.state != IDLE {
            return self.busy();
        }
        match self.producer.strict().write_event(header, payload) {
            Ok(()) => RINGLOG_OK,
            Err(error) => of_write(error),
        }
    }

    #[inline]
    pub(crate) fn write_lossy(&mut self, header: &EventHeader, payload: &[u8]) -> c_int {
        if self.state != IDLE {
            return self.busy();
        }
        match self.producer.write_event(header, payload) {
            Ok(Delivery::Written) => RINGLOG_OK,
            Ok(Delivery::Lost) => RINGLOG_LOST,
            Err(error) => of_write(error),
        }
    }

    pub(crate) fn flush_losses(&mut self) -> c_int {
        if self.state != IDLE {
            return self.busy();
        }
        match self.producer.flush() {
            Ok(true) => RINGLOG_OK,
            Ok(false) => RINGLOG_LOST,
            Err(error) => of_write(error),
        }
    }

    /// Returns what is open. Not for the state [`IDLE`].
    #[cold]
    fn busy(&self) -> c_int {
        if self.claim.is_some() { RINGLOG_E_CLAIM_OPEN } else { RINGLOG_E_BATCH_OPEN }
    }

    fn set(&mut self, claim: Option<usize>, batch: Option<OpenBatch>) {
        (self.claim, self.batch) = (claim, batch);
        self.state = if claim.is_none() && batch.is_none() { IDLE } else { BUSY };
    }

    /// Reserves room for `len` bytes and returns where they are.
    pub(crate) fn claim(&mut self, len: usize) -> Result<*mut u8, c_int> {
        if self.claim.is_some() {
            return Err(RINGLOG_E_CLAIM_OPEN);
        }
        let producer = self.producer.strict();
        let start = match self.batch {
            None => producer.claim(len).map(|mut claim| claim.payload_mut().as_mut_ptr()),
            Some(batch) => {
                let mut batch = resume(producer, batch.suspended);
                batch.claim(len).map(|mut claim| claim.payload_mut().as_mut_ptr())
            }
        };
        let start = start.map_err(of_write)?;
        self.set(Some(len), self.batch);
        Ok(start)
    }

    /// Publishes the first `payload_len` claimed bytes as an event, or adds them to the batch. On an error the claim stays.
    pub(crate) fn commit(&mut self, words: EventWords, payload_len: usize) -> Result<(), c_int> {
        let len = self.claim.ok_or(RINGLOG_E_NO_CLAIM)?;
        let header = words.header(payload_len).filter(|_| payload_len <= len).ok_or(RINGLOG_E_LENGTH)?;
        let producer = self.producer.strict();
        // The claim that was dropped took no room and wrote nothing: this one has the same bytes.
        let batch = match self.batch {
            None => producer.claim(len).and_then(|claim| claim.commit(&header)).map(|()| None),
            Some(OpenBatch { suspended, events }) => {
                let mut batch = resume(producer, suspended);
                batch
                    .claim(len)
                    .and_then(|claim| claim.commit(&header))
                    .map(|()| Some(OpenBatch { suspended: batch.suspend(), events: events + 1 }))
            }
        };
        self.set(None, batch.map_err(of_write)?);
        Ok(())
    }

    pub(crate) fn abort(&mut self) -> Result<(), c_int> {
        self.claim.ok_or(RINGLOG_E_NO_CLAIM)?;
        self.set(None, self.batch);
        Ok(())
    }

    pub(crate) fn begin_batch(&mut self) -> Result<(), c_int> {
        if self.state != IDLE {
            return Err(self.busy());
        }
        let suspended = self.producer.strict().batch().suspend();
        self.set(None, Some(OpenBatch { suspended, events: 0 }));
        Ok(())
    }

    /// Returns the batch that is open, if no claim is.
    fn open_batch(&self) -> Result<OpenBatch, c_int> {
        if self.claim.is_some() {
            return Err(RINGLOG_E_CLAIM_OPEN);
        }
        self.batch.ok_or(RINGLOG_E_NO_BATCH)
    }

    pub(crate) fn write_to_batch(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), c_int> {
        let OpenBatch { suspended, events } = self.open_batch()?;
        let mut batch = resume(self.producer.strict(), suspended);
        batch.write_event(header, payload).map_err(of_write)?;
        self.batch = Some(OpenBatch { suspended: batch.suspend(), events: events + 1 });
        Ok(())
    }

    /// Publishes the batch and returns the number of its events.
    pub(crate) fn publish_batch(&mut self) -> Result<usize, c_int> {
        let OpenBatch { suspended, events } = self.open_batch()?;
        resume(self.producer.strict(), suspended).publish();
        self.set(None, None);
        Ok(events)
    }

    /// Discards the batch, also with a claim open in it.
    pub(crate) fn drop_batch(&mut self) -> Result<(), c_int> {
        self.batch.ok_or(RINGLOG_E_NO_BATCH)?;
        self.set(None, None);
        Ok(())
    }

    pub(crate) fn pending_loss(&self) -> Option<Loss> {
        self.producer.pending_loss()
    }

    pub(crate) fn strict(&mut self) -> &Producer<'static, Owner> {
        self.producer.strict()
    }
}
