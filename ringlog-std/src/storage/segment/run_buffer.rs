//! Long runs on their way from a ring into a file by a call of the system, instead of through the file's mapping.
//!
//! A store through the mapping costs a page fault a page; a call costs some microseconds. Above some KiB the call is
//! cheaper, and the pages need not be prefaulted. The kernel keeps one cache for both, so readers that map the file see what
//! a call has written. Nothing is published before the call has returned.
#![forbid(unsafe_code)]

use ringlog_nostd::Gap;
use ringlog_nostd::format::RecordErrorKind;

use crate::os::mmap::PAGE_BYTES;
use crate::storage::segment::copy::{RunPlacement, Taken, add_checksums, remove_checksums};

/// Bytes that are copied at a time. A processor keeps as many in its first cache, between the copy and the checksums.
const CHUNK_BYTES: usize = 16 << 10;

/// Where records get their checksums before they are written.
#[derive(Debug, Default)]
pub struct RunBuffer {
    bytes: Vec<u8>,
    /// Bytes of the file before the records.
    lead: usize,
    /// Whether pages are written whole and leave the kernel's cache then.
    pub(crate) is_uncached: bool,
}

/// The start of the page in which the next run begins, from the last call. The kernel's cache may not have it any more.
#[derive(Debug, Default)]
pub(crate) struct PageStart {
    bytes: Vec<u8>,
    /// Where in the file the bytes end.
    end: u64,
}

impl PageStart {
    /// Returns the bytes of the file's page before `offset`, if they are known.
    pub(crate) fn before(&self, offset: u64) -> &[u8] {
        if self.end == offset { &self.bytes } else { &[] }
    }

    fn set(&mut self, bytes: &[u8], end: u64) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.end = end;
    }
}

/// How a run's records are stored.
#[derive(Clone, Copy, Debug)]
pub struct RunForm {
    /// Where the first record will be.
    pub place: RunPlacement,
    /// Whether its file has checksums.
    pub checksums: bool,
}

impl RunBuffer {
    /// Calls end just below multiples of this many bytes of the file: the kernel's cache then takes them as large pieces.
    const STEP: usize = 256 << 10;
    /// The least room of a call: more than the longest record takes.
    const LEAST: usize = 72 << 10;
    /// The most bytes of one call. A processor keeps as many in its second cache, between the copy and the call.
    pub(crate) const BYTES: usize = Self::STEP + Self::LEAST;

    /// `is_uncached` says that pages are written whole and leave the kernel's cache then.
    pub(crate) const fn new(is_uncached: bool) -> Self {
        Self { bytes: Vec::new(), lead: 0, is_uncached }
    }

    /// Returns the most bytes of a call at this offset of the file.
    pub(crate) const fn room(offset: u64) -> usize {
        let left = Self::STEP - offset as usize % Self::STEP;
        if left < Self::LEAST { left + Self::STEP } else { left }
    }

    /// Copies the records of `from`, at most [`BYTES`](Self::BYTES) long, and adds their checksums.
    ///
    /// The records of `from` are read once: the checks are made from the copy. The bytes of the file before them, less than a
    /// page, are `lead`.
    #[doc(hidden)]
    pub fn fill(
        &mut self,
        lead: &[u8],
        from: &[u8],
        form: RunForm,
        ends_before: impl Fn(&Gap) -> bool,
    ) -> Taken {
        // Room for the rest of the first page and of the last one.
        self.bytes.resize(Self::BYTES + 2 * PAGE_BYTES as usize, 0);
        self.lead = lead.len();
        self.bytes[..lead.len()].copy_from_slice(lead);
        let records = &mut self.bytes[lead.len()..];
        let mut all = Taken::default();
        for start in (0..from.len()).step_by(CHUNK_BYTES) {
            let end = from.len().min(start + CHUNK_BYTES);
            records[start..end].copy_from_slice(&from[start..end]);
            let place = RunPlacement { offset: form.place.offset + all.bytes as u64, ..form.place };
            let copied = &mut records[all.bytes..end];
            let taken = if form.checksums {
                add_checksums(copied, place, &ends_before)
            } else {
                remove_checksums(copied, &ends_before)
            };
            all.add(&taken);
            // The next chunk may hold the rest of a record.
            let is_cut = matches!(taken.damage, Some(RecordErrorKind::Truncated { .. }));
            if !is_cut && all.bytes < end {
                break;
            }
        }
        all
    }

    /// Returns the first `len` bytes of records, which belong at `offset`, with what comes before them, and where both go. If
    /// they are to end at a page of the file, zeros follow up to there.
    pub(crate) fn written(&mut self, len: usize, offset: u64, ends_at_page: bool) -> (u64, &[u8]) {
        let start = offset - self.lead as u64;
        let records_end = self.lead + len;
        let end = if ends_at_page {
            (offset + len as u64).next_multiple_of(PAGE_BYTES) - start
        } else {
            records_end as u64
        };
        self.bytes[records_end..end as usize].fill(0);
        (start, &self.bytes[..end as usize])
    }

    /// Keeps the start of the page in which `len` bytes of records at `offset` end.
    pub(crate) fn keep_page_start(&self, len: usize, offset: u64, page: &mut PageStart) {
        let (end, records_end) = (offset + len as u64, self.lead + len);
        // The file's first page holds its header, which changes.
        let in_page = if end < PAGE_BYTES { 0 } else { (end % PAGE_BYTES) as usize };
        match records_end.checked_sub(in_page) {
            Some(start) => page.set(&self.bytes[start..records_end], end),
            // The page began before what is in memory.
            None => page.set(&[], 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::encode;
    use ringlog_nostd::{EventHeader, GapReason, flags};

    const PLACE: RunPlacement = RunPlacement { salt: 99, offset: 4072 };

    /// Returns records of all lengths, those of the ring's side, up to some KiB short of what a buffer holds.
    fn records() -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0.. {
            let payload = vec![number as u8; [0, 5, 64, 1000, 9_000, 40_000][number % 6]];
            let header =
                EventHeader::new(number as u64, 1, payload.len() as u16).with_flags(flags::COMMITTED);
            if bytes.len() + header.stride() > RunBuffer::BYTES {
                return bytes;
            }
            append(&mut bytes, &header, &payload);
        }
        unreachable!("the buffer has an end")
    }

    fn append(bytes: &mut Vec<u8>, header: &EventHeader, payload: &[u8]) {
        let start = bytes.len();
        bytes.resize(start + header.stride(), 0);
        encode(&mut bytes[start..], header, payload).unwrap();
    }

    fn form(checksums: bool) -> RunForm {
        RunForm { place: PLACE, checksums }
    }

    #[test]
    fn records_across_chunks_become_what_they_become_in_one_piece() {
        let bytes = records();
        for checksums in [true, false] {
            let mut whole = bytes.clone();
            let expected = if checksums {
                add_checksums(&mut whole, PLACE, |_| false)
            } else {
                remove_checksums(&mut whole, |_| false)
            };
            let mut buffer = RunBuffer::default();
            let taken = buffer.fill(&[], &bytes, form(checksums), |_| false);
            assert_eq!((taken, taken.bytes), (expected, bytes.len()));
            assert!(
                buffer.written(taken.bytes, PLACE.offset, false) == (PLACE.offset, &whole[..]),
                "checksums: {checksums}"
            );
        }
    }

    #[test]
    fn a_run_ends_at_bytes_that_are_no_record_and_before_some_gaps() {
        let bytes = records();
        let mut buffer = RunBuffer::default();
        let cut = &bytes[..bytes.len() - 8];
        let taken = buffer.fill(&[], cut, form(true), |_| false);
        assert!(matches!(taken.damage, Some(RecordErrorKind::Truncated { .. })) && taken.bytes < cut.len());

        let mut damaged = bytes.clone();
        damaged[100_352..].fill(0);
        let taken = buffer.fill(&[], &damaged, form(true), |_| false);
        assert_eq!(taken.damage, Some(RecordErrorKind::NotCommitted), "{taken:?}");
        assert!((16..=100_352).contains(&taken.bytes), "{taken:?}");

        let mut with_gap = Vec::new();
        append(&mut with_gap, &EventHeader::new(1, 1, 0).with_flags(flags::COMMITTED), b"");
        let gap = Gap { log_side: true, ..Gap::new(GapReason::RingFull, 5) };
        append(&mut with_gap, &Gap::header(0), &gap.to_payload());
        let taken = buffer.fill(&[], &with_gap, form(true), |gap| gap.log_side);
        assert_eq!((taken.bytes, taken.records, taken.damage), (16, 1, None));
    }

    #[test]
    fn calls_end_at_steps_of_the_file_and_are_not_short() {
        let step = RunBuffer::STEP;
        assert_eq!(RunBuffer::room(0), step);
        assert_eq!(RunBuffer::room(4096), step - 4096);
        assert_eq!(RunBuffer::room(step as u64 - 48), step + 48);
        assert_eq!(RunBuffer::room(step as u64 * 7 - 1), step + 1);
        let longest = EventHeader::new(0, 0, u16::MAX).stride();
        for offset in (0..4 * step as u64).step_by(8) {
            assert!((longest..=RunBuffer::BYTES).contains(&RunBuffer::room(offset)), "{offset}");
        }
    }

    #[test]
    fn a_page_is_written_to_its_end_with_zeros() {
        let mut buffer = RunBuffer::default();
        let bytes = records();
        buffer.fill(&[], &bytes, form(true), |_| false);
        let (offset, written) = buffer.written(16, 4072, true);
        assert_eq!((offset, written.len(), &written[16..]), (4072, 24, &[0; 8][..]));
        assert_eq!(buffer.written(16, 4080, true).1.len(), 16, "it ends at a page already");
        assert_eq!(buffer.written(RunBuffer::BYTES, 4088, true).1.len(), RunBuffer::BYTES + 8);
    }

    #[test]
    fn the_start_of_a_page_is_written_again_with_what_follows() {
        let (mut buffer, mut page) = (RunBuffer::default(), PageStart::default());
        let bytes = records();
        // The file, as writes of whole pages make it.
        let mut file = vec![0; 4 * RunBuffer::BYTES];
        let (mut offset, mut from) = (PLACE.offset, &bytes[..]);
        let mut lead_bytes = Vec::new();
        for most in [100, 5_000, 3_000, 60_000, 100_000] {
            let form = RunForm { place: RunPlacement { offset, ..PLACE }, checksums: true };
            let taken = buffer.fill(page.before(offset), &from[..most], form, |_| false);
            let (start, written) = buffer.written(taken.bytes, offset, true);
            assert!(start == offset || start.is_multiple_of(PAGE_BYTES), "{start}");
            assert!((start + written.len() as u64).is_multiple_of(PAGE_BYTES));
            lead_bytes.push(offset - start);
            file[start as usize..][..written.len()].copy_from_slice(written);
            buffer.keep_page_start(taken.bytes, offset, &mut page);
            (offset, from) = (offset + taken.bytes as u64, &from[taken.bytes..]);
        }
        assert!(lead_bytes[0] == 0 && lead_bytes[2..].iter().all(|&bytes| bytes > 0), "{lead_bytes:?}");
        let len = (offset - PLACE.offset) as usize;
        let mut whole = bytes[..len].to_vec();
        add_checksums(&mut whole, PLACE, |_| false);
        assert!(file[PLACE.offset as usize..offset as usize] == whole);
    }
}
