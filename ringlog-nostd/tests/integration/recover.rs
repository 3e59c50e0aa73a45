//! A retained ring after a reset: whole records are kept, others are never handed out.

use ringlog_nostd::{Consumer, EventHeader, Recovery, Ring, RingOptions};
use std::ptr::NonNull;

const CAPACITY: usize = 256;
const MAX_PAYLOAD: usize = 60;

/// Offsets of the tail and of the data, in bytes, as `control.rs` documents them.
const WIDE: bool = usize::BITS == 64;
const TAIL: std::ops::Range<usize> = if WIDE { 256..264 } else { 56..60 };
const DATA: usize = if WIDE { 384 } else { 64 };

type OwnedEvent = (EventHeader, Vec<u8>);

fn options(start: usize) -> RingOptions {
    RingOptions {
        capacity: Some(CAPACITY),
        max_payload: Some(MAX_PAYLOAD),
        identity: 0x0123_4567_89AB_CDEF,
        boot: 5,
        start,
        retained: true,
    }
}

/// Memory that lives longer than the rings in it.
struct Retained {
    words: Vec<u64>,
}

impl Retained {
    fn new() -> Self {
        Self { words: vec![0; Ring::required_len(CAPACITY, MAX_PAYLOAD).div_ceil(8)] }
    }

    fn of_image(image: &[u8]) -> Self {
        let words = image.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()).to_le());
        Self { words: words.collect() }
    }

    fn image(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le().to_le_bytes()).collect()
    }

    fn recover(&mut self, options: &RingOptions) -> (Ring<'_>, Recovery) {
        let len = self.words.len() * 8;
        let start = NonNull::from(&mut self.words[..]).cast();
        // SAFETY: the words are borrowed mutably for as long as the ring lives.
        unsafe { Ring::recover(start, len, options) }.unwrap()
    }
}

/// A ring as a reset finds it: its bytes, all events that it took, and how many of them were released.
struct Scene {
    image: Vec<u8>,
    start: usize,
    written: Vec<OwnedEvent>,
    released: usize,
}

impl Scene {
    /// Two laps or so, then `unread` events of various sizes, around the end of a lap for some starts.
    fn new(start: usize) -> Self {
        let mut memory = Retained::new();
        let mut written = Vec::new();
        let mut released = 0;
        let (ring, recovery) = memory.recover(&options(start));
        assert_eq!(recovery, Recovery::NoRing);
        let (mut producer, mut consumer) = ring.into_ends();
        for number in 0..24_u64 {
            let payload = vec![0xA0 | number as u8; (number as usize * 13) % (MAX_PAYLOAD + 1)];
            let header = EventHeader::new(1000 + number, number as u8, payload.len() as u16);
            while producer.write_event(&header, &payload).is_err() {
                released += consumer.drain(1, |_, _| ()).unwrap();
            }
            written.push((header, payload));
        }
        // Neither a claim nor a batch that the reset cuts short is an event.
        let _ = producer.claim(0).map(|mut claim| claim.payload_mut().fill(1));
        drop((producer, consumer));
        Self { image: memory.image(), start, written, released }
    }

    fn unread(&self) -> &[OwnedEvent] {
        &self.written[self.released..]
    }

    /// The unread event that holds this byte of the image.
    fn event_at(&self, byte: usize) -> Option<usize> {
        let mut position = self.start;
        let mut found = None;
        for (number, (header, _)) in self.written.iter().enumerate() {
            let index = DATA + position % CAPACITY;
            if number >= self.released && (index..index + header.stride()).contains(&byte) {
                found = Some(number - self.released);
            }
            position = position.wrapping_add(header.stride());
        }
        found
    }

    /// Recovers from the image with these bytes changed, and checks what must hold in every case.
    fn recover_changed(&self, changes: &[(usize, u8)]) -> (Recovery, Vec<OwnedEvent>) {
        let mut image = self.image.clone();
        changes.iter().for_each(|(at, value)| image[*at] = *value);
        let mut memory = Retained::of_image(&image);
        let (ring, recovery) = memory.recover(&options(self.start));
        let (mut producer, mut consumer) = ring.into_ends();
        let found = collect_runs(&mut consumer);
        match recovery {
            Recovery::Recovered { events, .. } => assert_eq!(events, found.len() as u64, "{changes:?}"),
            _ => assert!(found.is_empty(), "{changes:?}"),
        }
        assert_eq!(consumer.drain(usize::MAX, |_, _| ()), Ok(found.len()), "{changes:?}");
        let next = EventHeader::new(7, 7, MAX_PAYLOAD as u16);
        assert_eq!(producer.write_event(&next, &[7; MAX_PAYLOAD]), Ok(()), "continues: {changes:?}");
        assert_eq!(consumer.read_event().map(|(header, _)| header.as_user()), Some(next), "{changes:?}");
        (recovery, found)
    }
}

/// Reads without releasing, through the runs that a log copies.
fn collect_runs(consumer: &mut Consumer<'_>) -> Vec<OwnedEvent> {
    let mut found = Vec::new();
    let mut seen_bytes = 0;
    while let Some(mut run) = consumer.peek_run(seen_bytes).unwrap() {
        while !run.is_done() {
            let (header, payload) = run.peek().expect("a run is whole records");
            found.push((header.as_user(), payload.to_vec()));
            run.accept();
        }
        seen_bytes += run.accepted_bytes();
    }
    found
}

fn scenes() -> impl Iterator<Item = Scene> {
    [0, 64, 136, usize::MAX - 447, usize::MAX - 7].into_iter().map(Scene::new)
}

fn values_near(byte: u8) -> impl Iterator<Item = u8> {
    [0, 0xFF, 0x80, 8, 16, byte ^ 1, byte ^ 8, byte ^ 0x80, byte.wrapping_add(16), byte.wrapping_sub(24)]
        .into_iter()
        .filter(move |value| *value != byte)
}

#[test]
fn every_event_is_found_after_a_reset() {
    for scene in scenes() {
        let events = scene.unread().len() as u64;
        assert!(events >= 3 && scene.released > 3);
        let (recovery, found) = scene.recover_changed(&[]);
        assert_eq!(recovery, Recovery::Recovered { events, cut: false });
        assert_eq!(found, scene.unread());
    }
}

#[test]
fn a_reset_may_come_again_and_again() {
    let mut memory = Retained::of_image(&Scene::new(64).image);
    let expected = Scene::new(64).unread().len() as u64;
    for _ in 0..3 {
        let (ring, recovery) = memory.recover(&options(64));
        assert_eq!(recovery, Recovery::Recovered { events: expected, cut: false });
        drop(ring.into_ends());
    }
}

#[test]
fn a_damaged_byte_of_a_record_cuts_exactly_there() {
    for scene in scenes() {
        for at in DATA..scene.image.len() {
            let whole = scene.event_at(at).unwrap_or(scene.unread().len());
            for value in values_near(scene.image[at]) {
                let (recovery, found) = scene.recover_changed(&[(at, value)]);
                let cut = whole < scene.unread().len();
                let context = format!("start {:#x} byte {at} value {value:#x}", scene.start);
                assert_eq!(recovery, Recovery::Recovered { events: whole as u64, cut }, "{context}");
                assert_eq!(found, &scene.unread()[..whole], "{context}");
            }
        }
    }
}

#[test]
fn a_damaged_control_byte_gives_a_fresh_ring_or_whole_events_in_order() {
    for scene in scenes() {
        for at in 0..DATA {
            for value in values_near(scene.image[at]) {
                let (_, found) = scene.recover_changed(&[(at, value)]);
                let possible = if TAIL.contains(&at) {
                    // A tail at another record: older events come again, or some unread ones are missing.
                    found.is_empty() || scene.written.windows(found.len()).any(|events| events == found)
                } else {
                    scene.unread().starts_with(&found)
                };
                assert!(possible, "start {:#x} byte {at} value {value:#x}: {found:?}", scene.start);
            }
        }
    }
}

#[test]
fn every_value_of_every_control_byte_gives_a_fresh_ring_or_whole_events_in_order() {
    let scene = Scene::new(136);
    for at in 0..DATA {
        for value in 0..=u8::MAX {
            let (_, found) = scene.recover_changed(&[(at, value)]);
            let possible = scene.written.windows(found.len().max(1)).any(|events| events == found);
            assert!(possible || found.is_empty(), "byte {at} value {value:#x}: {found:?}");
            assert!(TAIL.contains(&at) || scene.unread().starts_with(&found), "byte {at} value {value:#x}");
        }
    }
}

#[test]
fn random_damage_gives_a_fresh_ring_or_whole_events_in_order() {
    let scenes: Vec<_> = scenes().collect();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % bound as u64) as usize
    };
    for round in 0..20_000 {
        let scene = &scenes[next(scenes.len())];
        let from = if round % 2 == 0 { 0 } else { DATA };
        let changes: Vec<_> =
            (0..1 + next(8)).map(|_| (from + next(scene.image.len() - from), next(256) as u8)).collect();
        let (_, found) = scene.recover_changed(&changes);
        let possible = found.is_empty() || scene.written.windows(found.len()).any(|events| events == found);
        assert!(possible, "round {round} {changes:?}: {found:?}");
    }
}

#[test]
fn memory_of_noise_is_a_fresh_ring() {
    let mut random = 0xD1B5_4A32_D192_ED03_u64;
    for _ in 0..200 {
        let mut memory = Retained::new();
        for word in &mut memory.words {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *word = random;
        }
        let (_, recovery) = memory.recover(&options(0));
        assert_eq!(recovery, Recovery::NoRing);
    }
}

#[test]
fn another_life_of_the_ring_is_not_recovered() {
    let scene = Scene::new(0);
    let mut memory = Retained::of_image(&scene.image);
    let smaller = RingOptions { max_payload: Some(MAX_PAYLOAD - 8), ..options(0) };
    assert_eq!(memory.recover(&smaller).1, Recovery::OtherSizes);

    let plain = RingOptions { retained: false, ..options(0) };
    assert!(!matches!(memory.recover(&plain).1, Recovery::Recovered { .. }));
    assert_eq!(memory.recover(&options(0)).1, Recovery::NotRetained);
    assert_eq!(memory.recover(&options(0)).1, Recovery::Recovered { events: 0, cut: false });
}

#[test]
fn records_of_another_identity_are_cut() {
    let scene = Scene::new(0);
    let identity = if WIDE { 32 } else { 16 };
    let changed = scene.image[identity] ^ 1;
    let (recovery, found) = scene.recover_changed(&[(identity, changed)]);
    assert_eq!((recovery, found.len()), (Recovery::Recovered { events: 0, cut: true }, 0));
}

/// The data region holds records from an earlier life of the same identity.
#[test]
fn a_fresh_ring_holds_nothing_of_an_earlier_life() {
    for scene in scenes() {
        let mut image = scene.image.clone();
        image[8] ^= 0xFF; // an impossible capacity, or the layout word
        let mut memory = Retained::of_image(&image);
        assert!(!matches!(memory.recover(&options(scene.start)).1, Recovery::Recovered { .. }));
        let fresh = memory.image();
        // The head and the tail of the former life overwrite those of the fresh ring.
        let mut forged = fresh;
        forged[..DATA].copy_from_slice(&scene.image[..DATA]);
        let recovery = Retained::of_image(&forged).recover(&options(scene.start)).1;
        assert_eq!(recovery, Recovery::Recovered { events: 0, cut: true });
    }
}

#[test]
fn what_was_after_a_cut_never_comes_back() {
    for scene in scenes() {
        let first = (DATA..scene.image.len()).find(|at| scene.event_at(*at) == Some(0)).unwrap();
        let mut image = scene.image.clone();
        image[first] ^= 1;
        let mut memory = Retained::of_image(&image);
        assert_eq!(memory.recover(&options(scene.start)).1, Recovery::Recovered { events: 0, cut: true });
        let mut forged = memory.image();
        forged[..DATA].copy_from_slice(&scene.image[..DATA]);
        forged[first] ^= 1;
        let recovery = Retained::of_image(&forged).recover(&options(scene.start)).1;
        assert!(matches!(recovery, Recovery::Recovered { events: 0, cut: true }), "{recovery:?}");
    }
}
