//! Finds rings that were built by hand, whole and damaged, in dumps.

use ringlog_nostd::format::{add_checksum, crc32c_append, encode, place_word};

use crate::dice::Dice;
use crate::event::{EventHeader, Gap, GapReason};
use crate::image::ring_image::{NO_GAP, RingImage, RingImageErrorKind};
use crate::image::words::{OVERWRITING, RETAINED, WordForm};

const CAPACITY: usize = 128;
const OVERRUN: usize = 40;
const IDENTITY: u64 = 0x1122_3344_5566_7788;

fn put(bytes: &mut [u8], form: WordForm, at: usize, value: u64) {
    for place in 0..form.bytes {
        let shift = if form.big_endian { form.bytes - 1 - place } else { place } * 8;
        bytes[at + place] = (value >> shift).to_le_bytes()[0];
    }
}

fn put_wide(bytes: &mut [u8], form: WordForm, at: usize, value: u64) {
    for skip in (0..8).step_by(form.bytes) {
        put(bytes, form, at + skip, value >> (8 * skip) & form.mask());
    }
}

/// Where the words are, written by hand from docs/format.md: producer, consumer, data.
fn places(form: WordForm) -> (usize, usize, usize, u64) {
    match form.bytes {
        8 => (128, 256, 384, 2 | 3 << 8 | 2 << 11),
        4 => (32, 56, 64, 1 | 2 << 8),
        _ => (24, 40, 48, 1 | 1 << 8),
    }
}

fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let payload = vec![number as u8; number as usize * 5 % 25];
    (EventHeader::new(number, 7, payload.len() as u16), payload)
}

/// Returns a ring as a machine of this form leaves it: `events` events from position `start` on.
fn ring(form: WordForm, start: u64, events: u64, extra_layout: u64) -> Vec<u8> {
    let (producer, consumer, data, layout) = places(form);
    let mut bytes = vec![0; data + CAPACITY + OVERRUN];
    let w = form.bytes;
    bytes[..w].copy_from_slice(form.magic());
    put(&mut bytes, form, w, layout | extra_layout);
    put(&mut bytes, form, 2 * w, CAPACITY as u64);
    put(&mut bytes, form, 3 * w, OVERRUN as u64);
    put_wide(&mut bytes, form, 4 * w, IDENTITY);
    put_wide(&mut bytes, form, 4 * w + 8, 9);
    let start = start & form.mask();
    let mut at = start;
    for number in 0..events {
        let (header, payload) = event(number);
        let from = data + usize::try_from(at).unwrap() % CAPACITY;
        let stride = encode(&mut bytes[from..], &header, &payload).unwrap();
        if extra_layout & RETAINED != 0 {
            let place = place_word(0x1122_3344 ^ 0x5566_7788, at);
            let _ = add_checksum(&mut bytes[from..], place, crc32c_append);
        }
        at = at.wrapping_add(stride as u64) & form.mask();
    }
    put(&mut bytes, form, producer, at);
    put(&mut bytes, form, producer + 3 * w, NO_GAP);
    put(&mut bytes, form, consumer, start);
    bytes
}

fn numbers(ring: &RingImage<'_>) -> Vec<u64> {
    ring.events().map(|event| event.unwrap().header.timestamp).collect()
}

#[test]
fn rings_of_every_word_size_and_byte_order_are_found_anywhere_in_a_dump() {
    for form in WordForm::ALL {
        for (extra_layout, start) in [(0, 0), (RETAINED, 96), (RETAINED | OVERWRITING, u64::MAX - 47)] {
            for before in [0, 1, 13] {
                let mut dump = vec![b'R'; before];
                dump.extend(ring(form, start, 4, extra_layout));
                dump.extend([b'1'; 9]);
                let found: Vec<_> = RingImage::find_all(&dump).collect();
                let [Ok(ring)] = &found[..] else { panic!("{form}: {found:?}") };
                assert_eq!((ring.offset(), ring.word_form()), (before, form));
                assert_eq!((ring.word_bits(), ring.is_big_endian()), (form.bits(), form.big_endian));
                assert_eq!((ring.capacity(), ring.identity(), ring.boot()), (CAPACITY, IDENTITY, 9));
                assert_eq!(ring.is_retained(), extra_layout & RETAINED != 0);
                assert_eq!(ring.overwrites_oldest(), extra_layout & OVERWRITING != 0);
                assert_eq!(numbers(ring), [0, 1, 2, 3], "{form} from {start:#x}");
                for event in ring.events() {
                    let event = event.unwrap();
                    assert_eq!(event.payload, self::event(event.sequence).1);
                }
            }
        }
    }
}

#[test]
fn losses_are_reported_with_their_reason_unless_a_record_reports_them() {
    for form in WordForm::ALL {
        let producer = places(form).0;
        for (extra_layout, reason) in [(0, GapReason::RingFull), (OVERWRITING, GapReason::ReaderOverrun)] {
            let mut dump = ring(form, 0, 3, extra_layout);
            put(&mut dump, form, producer + 2 * form.bytes, 5);
            put_wide(&mut dump, form, producer + 4 * form.bytes, u64::MAX - 1);
            let gap = RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap();
            assert_eq!(gap, Some((u64::MAX - 1, Gap::new(reason, 5))));
            put(&mut dump, form, producer + 2 * form.bytes, form.mask());
            let unknown = RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap();
            assert_eq!(unknown, Some((u64::MAX - 1, Gap::new(reason, 0))));
            // The record at position 16 is the GAP record that reports them.
            put(&mut dump, form, producer + 3 * form.bytes, 16);
            assert_eq!(RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap(), None);
        }
    }
}

#[test]
fn a_damaged_record_ends_the_events_with_its_position() {
    for form in WordForm::ALL {
        let mut dump = ring(form, 0, 4, RETAINED);
        dump[places(form).2 + 16 + 16] ^= 1;
        let found = RingImage::find_all(&dump).next().unwrap().unwrap();
        let events: Vec<_> = found.events().collect();
        assert_eq!(events.len(), 2);
        assert!(events[0].is_ok());
        assert_eq!(events[1].unwrap_err().offset, 16);
    }
}

#[test]
fn control_words_that_contradict_each_other_are_named() {
    let form = WordForm { bytes: 4, big_endian: true };
    let kind_with = |at: usize, value: u64, cut: usize| {
        let mut dump = ring(form, 0, 4, 0);
        put(&mut dump, form, at, value);
        dump.truncate(dump.len() - cut);
        RingImage::find_all(&dump).next().unwrap().unwrap_err().kind
    };
    assert!(matches!(kind_with(8, 100, 0), RingImageErrorKind::Sizes { capacity: 100, .. }));
    assert!(matches!(kind_with(8, 1 << 31, 0), RingImageErrorKind::Sizes { .. }));
    assert!(matches!(kind_with(12, 36, 0), RingImageErrorKind::Sizes { overrun: 36, .. }));
    assert!(matches!(kind_with(8, 1 << 20, 0), RingImageErrorKind::Truncated { .. }));
    assert_eq!(kind_with(56, 0, 1), RingImageErrorKind::Truncated { missing: 1 });
    assert!(matches!(kind_with(56, 4, 0), RingImageErrorKind::Positions { tail: 4, .. }));
    assert!(matches!(kind_with(32, 136, 0), RingImageErrorKind::Positions { head: 136, .. }));
    let mut dump = ring(form, 0, 4, 0);
    put(&mut dump, form, 4, 2 | 2 << 8);
    assert_eq!(RingImage::find_all(&dump).count(), 0, "another layout version");
}

#[test]
fn a_64_bit_ring_is_found_in_each_layout_that_there_was() {
    let form = WordForm { bytes: 8, big_endian: false };
    for (version, found) in [(0, 0), (1, 1), (2, 1), (3, 0)] {
        let mut dump = ring(form, 0, 4, 0);
        put(&mut dump, form, 8, version | 3 << 8 | 2 << 11);
        assert_eq!(RingImage::find_all(&dump).count(), found, "layout version {version}");
    }
}

#[test]
fn damage_anywhere_neither_panics_nor_invents_events_of_a_retained_ring() {
    let mut dice = Dice(1);
    for round in 0..20_000 {
        let form = WordForm::ALL[round % 6];
        let mut dump = ring(form, u64::MAX - 39, 4, RETAINED);
        for _ in 0..1 + dice.below(6) {
            let at = dice.below(dump.len());
            dump[at] = dice.next() as u8;
        }
        for found in RingImage::find_all(&dump).flatten().filter(|ring| ring.is_retained()) {
            let found: Vec<u64> = found.events().flatten().map(|event| event.header.timestamp).collect();
            assert!([0, 1, 2, 3].windows(found.len().max(1)).any(|part| part == found) || found.is_empty());
        }
    }
}

#[test]
fn noise_full_of_magics_ends() {
    let magics: Vec<u8> = WordForm::ALL.into_iter().flat_map(|form| form.magic().repeat(50)).collect();
    assert_eq!(RingImage::find_all(&magics).count(), 0);
}
