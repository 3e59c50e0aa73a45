//! The words of a mapped header, followed store by store.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ringlog_nostd::ClockKind;
use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, field, file_flags};
use ringlog_nostd::internal::publication::{
    HeaderWords, erase_header, publish, raise_synced_offset, read_header, set_flags, store_header,
    write_offset,
};

/// A header in memory, and the bytes that `stored` has reported.
#[derive(Default)]
struct Words {
    wide: [AtomicU64; 7],
    narrow: [AtomicU32; 2],
    copy: RefCell<Vec<u8>>,
    calls: RefCell<Vec<usize>>,
}

impl HeaderWords for Words {
    fn word64(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8));
        &self.wide[at / 8]
    }

    fn word32(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4));
        &self.narrow[(at - field::FLAGS) / 4]
    }

    fn stored(&self, at: usize, bytes: &[u8]) {
        let mut copy = self.copy.borrow_mut();
        copy.resize(FILE_HEADER_LEN, 0);
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        self.calls.borrow_mut().push(at);
    }
}

impl Words {
    /// Returns the header's bytes, which must be those reported.
    fn header(&self) -> [u8; FILE_HEADER_LEN] {
        let bytes = read_header(self);
        assert_eq!(bytes[..], self.copy.borrow()[..]);
        bytes
    }
}

fn sample() -> FileHeader {
    FileHeader {
        base_sequence: 0x0102_0304_0506_0708,
        base_position: 0x1112_1314_1516_1718,
        ..FileHeader::new(-7, ClockKind::Ticks, true)
    }
}

#[test]
fn a_header_is_stored_read_and_erased_whole() {
    let words = Words::default();
    store_header(&words, &sample());
    assert_eq!(words.header(), sample().to_bytes());
    assert_eq!(words.calls.borrow().last(), Some(&field::MAGIC), "without the magic it is no log yet");
    erase_header(&words);
    assert_eq!(words.header(), [0; FILE_HEADER_LEN]);
}

#[test]
fn each_store_changes_its_own_words() {
    let words = Words::default();
    store_header(&words, &sample());
    publish(&words, 200, 9);
    assert_eq!(write_offset(&words), 200);
    let mut expected = FileHeader { write_offset: 200, event_count: 9, ..sample() };
    assert_eq!(FileHeader::from_bytes(&words.header()), Ok(expected));
    raise_synced_offset(&words, 136);
    expected.synced_offset = 136;
    assert_eq!(FileHeader::from_bytes(&words.header()), Ok(expected));
    for flags in [file_flags::SEALED, file_flags::CLEAN | file_flags::STREAM, file_flags::SEALED] {
        set_flags(&words, flags);
        expected.flags |= flags & !file_flags::STREAM;
        assert_eq!(FileHeader::from_bytes(&words.header()), Ok(expected));
    }
}
