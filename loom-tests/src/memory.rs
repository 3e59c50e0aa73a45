//! Rings whose two ends can move into the model's threads.
//!
//! Unsafe because each end keeps the memory alive that it points into.

use ringlog_nostd::format::{GAP_PAYLOAD_LEN, record_len};
use ringlog_nostd::{Consumer, ModelControl, Producer, Ring, RingError, RingOptions, ShadowCell};
use std::ptr::NonNull;
use std::sync::Arc;

/// The producer's end of a model ring.
pub type ModelProducer = Producer<'static, Arc<Memory>>;

/// The consumer's end of a model ring.
pub type ModelConsumer = Consumer<'static, Arc<Memory>>;

/// The memory of a model ring: control words, bytes, and one shadow cell for each 8 bytes.
#[derive(Debug)]
pub struct Memory {
    control: ModelControl,
    words: NonNull<[u64]>,
    cells: Box<[ShadowCell]>,
}

// SAFETY: (1) the bytes are touched through the two ends alone, which may be in different threads; (2) the
// cells are what the model checker finds races with, so sharing them is their purpose.
unsafe impl Send for Memory {}
// SAFETY: as for `Send`.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(data_len: usize) -> Self {
        let words = vec![0_u64; data_len / 8].into_boxed_slice();
        Self {
            control: ModelControl::new(),
            words: NonNull::from(Box::leak(words)),
            cells: (0..data_len / 8).map(|_| ShadowCell::new(())).collect(),
        }
    }

    /// Returns whether the caller is the one who may make the ring, as `StaticRing::split` does.
    #[must_use]
    pub fn is_first_split(&self) -> bool {
        self.control.is_first_split()
    }

    /// Pretends to read the 8 bytes at `index` of the data region, as only their owner may.
    pub fn trespass_read(&self, index: usize) {
        self.cells[index / 8].with(|_| ());
    }

    /// Pretends to write the 8 bytes at `index` of the data region, as only their owner may.
    pub fn trespass_write(&self, index: usize) {
        self.cells[index / 8].with_mut(|_| ());
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `words` came out of a box in `new`, and both ends, which keep this value, are gone.
        drop(unsafe { Box::from_raw(self.words.as_ptr()) });
    }
}

/// Makes a ring of `capacity` bytes for payloads of up to `max_payload` bytes, whose first event will be at `start`.
#[must_use]
pub fn ring(capacity: usize, max_payload: usize, start: usize) -> (ModelProducer, ModelConsumer) {
    let (producer, consumer, _) = ring_and_memory(capacity, max_payload, start);
    (producer, consumer)
}

/// Makes a ring as [`ring`] does and also returns its memory, for trespassers.
#[must_use]
pub fn ring_and_memory(
    capacity: usize,
    max_payload: usize,
    start: usize,
) -> (ModelProducer, ModelConsumer, Arc<Memory>) {
    let memory = unformatted(capacity, max_payload);
    let options = RingOptions {
        capacity: Some(capacity),
        max_payload: Some(max_payload),
        start,
        ..RingOptions::default()
    };
    let (producer, consumer) = format(&memory, &options);
    (producer, consumer, memory)
}

/// Returns memory for a ring that is not made yet.
#[must_use]
pub fn unformatted(capacity: usize, max_payload: usize) -> Arc<Memory> {
    Arc::new(Memory::new(capacity + record_len(max_payload.max(GAP_PAYLOAD_LEN))))
}

/// Makes a ring of this memory. Earlier ends must be gone.
#[must_use]
pub fn format(memory: &Arc<Memory>, options: &RingOptions) -> (ModelProducer, ModelConsumer) {
    // SAFETY: each end made below keeps the memory alive until it is dropped itself.
    let lasting: &'static Memory = unsafe { NonNull::from(&**memory).as_ref() };
    // SAFETY: (1) the words are valid, initialised and 8-aligned; (2) nothing but the two ends uses them;
    // (3) there is one cell for each word.
    let ring = unsafe { Ring::model(&lasting.control, lasting.words.cast(), &lasting.cells, options) };
    let (producer, consumer) = ring.into_ends();
    (producer.with_owner(Arc::clone(memory)), consumer.with_owner(Arc::clone(memory)))
}

/// Returns the producer's end for the next owner of the role.
///
/// The previous owner must be gone, by [`std::mem::forget`] if it dies without closing.
#[must_use]
pub fn take_over_producer(memory: &Arc<Memory>) -> ModelProducer {
    attach(memory).expect("a ring").into_producer().with_owner(Arc::clone(memory))
}

/// Does what [`take_over_producer`] does, for the consumer's end.
#[must_use]
pub fn take_over_consumer(memory: &Arc<Memory>) -> ModelConsumer {
    attach(memory).expect("a ring").into_consumer().with_owner(Arc::clone(memory))
}

/// Returns the ring in this memory, if it is made. All rings of one memory together may give at most one end of each
/// kind.
///
/// # Errors
///
/// As `Ring::attach`.
pub fn attach(memory: &Arc<Memory>) -> Result<Ring<'static>, RingError> {
    // SAFETY: the end that is made of the ring keeps the memory alive until it is dropped itself.
    let lasting: &'static Memory = unsafe { NonNull::from(&**memory).as_ref() };
    // SAFETY: as in `format`, whose ring this is; the former owner of the role is gone.
    unsafe { Ring::model_attach(&lasting.control, lasting.words.cast(), &lasting.cells) }
}
