//! Whether the record count in a file's header may be believed. No checksum covers it.
#![forbid(unsafe_code)]

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN};

use crate::event::{FileHeader, file_flags};

/// Returns the count of a file to which nothing will be added. A stream has none, and other counts are hints.
pub(crate) fn final_count(header: &FileHeader) -> Option<u64> {
    (header.has(file_flags::SEALED) && !header.has(file_flags::STREAM)).then_some(header.event_count)
}

/// Returns the final count if a file whose records end at `end` can have that many.
pub(crate) fn believed_count(header: &FileHeader, end: u64) -> Option<u64> {
    final_count(header).filter(|_| is_count_possible(header, end))
}

/// Returns whether records that end at `end` can be as many as the header says.
pub(crate) fn is_count_possible(header: &FileHeader, end: u64) -> bool {
    let most = most_records(end);
    header.event_count <= most && (header.event_count == 0) == (most == 0)
}

/// Returns the largest number of records that end at `end`.
pub(crate) const fn most_records(end: u64) -> u64 {
    end.saturating_sub(FILE_HEADER_LEN as u64) / HEADER_LEN as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ClockKind;

    #[test]
    fn only_a_final_count_for_which_there_is_room_is_believed() {
        let header = |flags, event_count| FileHeader {
            flags,
            event_count,
            ..FileHeader::new(1, ClockKind::Unspecified, true)
        };
        let sealed = file_flags::SEALED;
        for (flags, count, end, is_believed) in [
            (sealed, 2, 64 + 32, true),
            (sealed, 3, 64 + 32, false),
            (sealed, 0, 64 + 32, false),
            (sealed, 0, 64, true),
            (sealed, 1, 64, false),
            (0, 2, 64 + 32, false),
            (sealed | file_flags::STREAM, 2, 64 + 32, false),
        ] {
            let believed = believed_count(&header(flags, count), end);
            assert_eq!(believed, is_believed.then_some(count), "{count} up to {end}");
        }
    }
}
