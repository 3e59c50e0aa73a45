//! What the compiler must refuse, for what this crate adds to the core: see `misuse.rs` there. Only `cargo test
//! --doc` reads it.
#![forbid(unsafe_code)]

/// ```
/// let (producer, consumer) = ringlog::ring::SpscRingBuffer::new(1024).split();
/// std::thread::spawn(move || producer.position()).join().unwrap();
/// consumer.position();
/// ```
///
/// ```compile_fail,E0382
/// let ring = ringlog::ring::SpscRingBuffer::new(1024);
/// let first = ring.split();
/// let second = ring.split();
/// ```
struct SecondProducer;

/// ```compile_fail,E0277
/// let (_, consumer) = ringlog::ring::SpscRingBuffer::new(1024).split();
/// std::thread::scope(|scope| {
///     scope.spawn(|| consumer.position());
///     consumer.position();
/// });
/// ```
struct ConsumerSharedBetweenThreads;

/// ```
/// let (_, mut consumer) = ringlog::ring::SpscRingBuffer::new(1024).split();
/// let payload = consumer.read_event().map(|(_, payload)| payload.to_vec());
/// drop(consumer);
/// assert_eq!(payload, None);
/// ```
///
/// ```compile_fail,E0505
/// let (_, mut consumer) = ringlog::ring::SpscRingBuffer::new(1024).split();
/// let payload = consumer.read_event().map(|(_, payload)| payload);
/// drop(consumer);
/// assert_eq!(payload, None);
/// ```
struct PayloadOutlivesItsMemory;
