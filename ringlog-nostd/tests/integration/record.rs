//! Records outside of a ring: written again, read as gaps, and the texts of their errors.

use ringlog_nostd::format::{
    Checksums, RecordErrorKind, Records, add_checksum, crc32c_append, encode, place_word,
};
use ringlog_nostd::{EventHeader, Gap, GapReason};

#[test]
fn a_header_that_was_read_can_be_written_again() {
    let mut first = [0xAA; 24];
    assert_eq!(encode(&mut first, &EventHeader::new(1, 2, 3).with_flags(5), b"abc"), Some(24));
    add_checksum(&mut first, place_word(7, 64), crc32c_append).unwrap();
    let event = Records::new(&first, Checksums::Present).next().unwrap().unwrap();
    assert!(event.header.is_committed() && event.header.is_checksummed());
    let mut second = [0x55; 24];
    assert_eq!(encode(&mut second, &event.header, event.payload), Some(24));
    assert_eq!(second, first);
    add_checksum(&mut second, place_word(7, 64), crc32c_append).unwrap();
    assert_eq!(second, first);
}

#[test]
fn only_a_gap_record_reads_as_a_gap() {
    let gap = Gap { extent: 3, ..Gap::new(GapReason::RingFull, 7) };
    let mut bytes = [0; 64];
    encode(&mut bytes, &Gap::header(9), &gap.to_payload()).unwrap();
    encode(&mut bytes[32..], &EventHeader::new(10, 0, 16), &gap.to_payload()).unwrap();
    let gaps: Vec<_> = Records::new(&bytes, Checksums::Absent).map(|event| event.unwrap().gap()).collect();
    assert_eq!(gaps, [Some(gap), None]);
}

#[test]
fn each_error_says_what_is_wrong_and_where() {
    let error = Records::starting_at(&[0; 8], Checksums::Absent, 128, 3).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "record 3 at offset 128: record of 16 bytes cut short, 8 bytes left");
    for (kind, text) in [
        (RecordErrorKind::NotCommitted, "no committed record here"),
        (RecordErrorKind::MisplacedMeta, "a META record, which only the start of a segment may have"),
        (RecordErrorKind::MetaAndGap, "flag bits of META and GAP both set"),
        (RecordErrorKind::Padding, "padding is not zero"),
        (RecordErrorKind::GapLength { found: 15 }, "payload of 15 bytes"),
        (RecordErrorKind::ChecksumMissing, "without a checksum in a file with"),
        (RecordErrorKind::ChecksumUnexpected, "with a checksum in a file without"),
        (RecordErrorKind::Checksum { stored: 0xAB, computed: 5 }, "0x000000ab stored, 0x00000005 computed"),
    ] {
        assert!(kind.to_string().contains(text), "{kind}");
    }
}
