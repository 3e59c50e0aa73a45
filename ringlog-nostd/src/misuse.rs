//! Programs that the compiler must refuse: one item for each way to misuse a ring, with the nearest correct program
//! above the wrong one. Only `cargo test --doc` reads this file.
//!
//! Only a nightly compiler compares the error codes; `.ci/run sanitizers-full` uses one.
#![forbid(unsafe_code)]

/// ```
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// # let mut memory = AlignedBytes::<1024>::new();
/// let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// drop(ring.split());
/// let (second, _) = ring.split();
/// # drop(second);
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// # let mut memory = AlignedBytes::<1024>::new();
/// let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// let (first, _) = ring.split();
/// let (second, _) = ring.split();
/// # drop((first, second));
/// ```
///
/// ```compile_fail,E0382
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// # let mut memory = AlignedBytes::<1024>::new();
/// let ring = Ring::format(memory.as_mut(), 64).unwrap();
/// let first = ring.into_producer();
/// let second = ring.into_producer();
/// ```
struct SecondProducer;

/// ```
/// fn once(producer: ringlog_nostd::Producer<'static>, consumer: ringlog_nostd::Consumer<'static>) {
///     std::thread::spawn(move || producer.position());
///     std::thread::spawn(move || consumer.position());
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn twice(producer: ringlog_nostd::Producer<'static>) {
///     let other = producer.clone();
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn twice(consumer: ringlog_nostd::Consumer<'static>) {
///     let other = consumer.clone();
/// }
/// ```
struct ClonedEnd;

/// ```compile_fail,E0277
/// fn shared(consumer: ringlog_nostd::Consumer<'static>) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| consumer.position());
///         consumer.position();
///     });
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn shared(producer: ringlog_nostd::Producer<'static>) {
///     std::thread::scope(|scope| {
///         scope.spawn(|| producer.position());
///         producer.position();
///     });
/// }
/// ```
struct EndSharedBetweenThreads;

/// ```
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let mut claim = producer.claim(8).unwrap();
///     let payload = claim.payload_mut();
///     payload[0] = 1;
///     claim.commit(header).unwrap();
/// }
/// ```
///
/// ```compile_fail,E0505
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let mut claim = producer.claim(8).unwrap();
///     let payload = claim.payload_mut();
///     claim.commit(header).unwrap();
///     payload[0] = 1;
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let mut claim = producer.claim(8).unwrap();
///     claim.commit(header).unwrap();
///     claim.payload_mut()[0] = 1;
/// }
/// ```
struct ClaimKeptAcrossCommit;

/// ```compile_fail,E0499
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>) {
///     let mut first = producer.claim(8).unwrap();
///     let mut second = producer.claim(8).unwrap();
///     first.payload_mut()[0] = second.payload_mut()[0];
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let claim = producer.claim(8).unwrap();
///     producer.write_event(header, b"").unwrap();
///     claim.commit(header).unwrap();
/// }
/// ```
struct WriteWhileClaimed;

/// ```
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let mut batch = producer.batch();
///     batch.claim(8).unwrap().commit(header).unwrap();
///     batch.publish();
/// }
/// ```
///
/// ```compile_fail,E0505
/// # use ringlog_nostd::{EventHeader, Producer};
/// fn fill(mut producer: Producer<'_>, header: &EventHeader) {
///     let mut batch = producer.batch();
///     let claim = batch.claim(8).unwrap();
///     batch.publish();
///     claim.commit(header).unwrap();
/// }
/// ```
struct BatchPublishedWhileClaimed;

/// ```
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// let mut memory = AlignedBytes::<1024>::new();
/// let (producer, consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
/// drop((producer, consumer));
/// memory.as_mut()[0] = 1;
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// let mut memory = AlignedBytes::<1024>::new();
/// let (producer, consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
/// memory.as_mut()[0] = 1;
/// drop((producer, consumer));
/// ```
///
/// ```compile_fail,E0505
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// let mut memory = AlignedBytes::<1024>::new();
/// let (producer, consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
/// drop(memory);
/// drop((producer, consumer));
/// ```
struct BufferReusedWhileSplit;

/// ```
/// # use ringlog_nostd::Consumer;
/// fn read(mut consumer: Consumer<'_>) {
///     let first = consumer.read_event().unwrap().1.len();
///     let second = consumer.read_event().unwrap().1;
///     assert_eq!(first, second.len());
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::Consumer;
/// fn read(mut consumer: Consumer<'_>) {
///     let first = consumer.read_event().unwrap().1;
///     let second = consumer.read_event().unwrap().1;
///     assert_eq!(first, second);
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::Consumer;
/// fn read(mut consumer: Consumer<'_>) {
///     let payload = consumer.read_event().unwrap().1;
///     consumer.release();
///     assert_eq!(payload, b"");
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use ringlog_nostd::Consumer;
/// fn read(mut consumer: Consumer<'_>) {
///     let run = consumer.peek_run(0).unwrap().unwrap();
///     consumer.release_bytes(run.remaining().len());
///     assert!(run.peek().is_none());
/// }
/// ```
///
/// ```compile_fail,E0521
/// # use ringlog_nostd::Consumer;
/// fn read(mut consumer: Consumer<'_>) {
///     let mut kept: Option<&[u8]> = None;
///     consumer.drain(1, |_, payload| kept = Some(payload)).unwrap();
/// }
/// ```
struct PayloadKeptAcrossRelease;

/// ```compile_fail,E0133
/// static RING: ringlog_nostd::StaticRing<1024, 32> = ringlog_nostd::StaticRing::new();
/// let ends = RING.split_unchecked();
/// ```
///
/// ```compile_fail,E0080
/// static RING: ringlog_nostd::StaticRing<1000, 32> = ringlog_nostd::StaticRing::new();
/// ```
struct StaticRingUnchecked;
