//! What the `writer` file of a log's folder holds: lines of text, with a checksum over all of them.
//!
//! A writer trusts nothing here: a file whose checksum is wrong is not used at all.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};

use crate::checksum::crc32c::crc32c_hardware;
use crate::storage::error::RecordedEnd;

/// More than any writer stores. Of a longer file only the start is read.
const MAX_RECORD_BYTES: u64 = 4096;

/// The name of the last line, whose value covers every byte before the line.
const CHECKSUM: &str = "checksum: ";

/// What the `writer` file records about a log and its last writer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WriterRecord {
    /// The process.
    pub pid: Option<u32>,
    /// The boot id of the kernel that it ran under.
    pub boot_id: Option<String>,
    /// A random number drawn when the log was created. A copy of the log has the same one.
    pub log_identity: Option<u128>,
    /// The sequence at which the log begins; `None` while its writer may retire its oldest segments.
    pub first_sequence: Option<u64>,
    /// The identity of the ring that feeds the log.
    pub ring_identity: u64,
    /// Whether a ring in the writer's own process feeds the log and was not drained to its end.
    pub has_undrained_ring: bool,
    /// Whether this is a copy of a log that was at work: the log has more.
    pub(crate) is_partial_copy: bool,
    /// Whether the writer syncs nothing before it closes the log, unless it is asked to.
    pub(crate) is_never_synced: bool,
    /// Where the log ends, if the writer closed it, so that nothing is missing from it.
    pub end: Option<RecordedEnd>,
    /// Events that it dropped on a full disk and that no GAP record reports, unless the log was continued since.
    pub unreported: Option<UnreportedLoss>,
    /// The file has a record whose checksum is wrong. All other fields are then unknown.
    pub is_damaged: bool,
}

/// Dropped events that no GAP record reports yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnreportedLoss {
    /// The log's position that the first of them would have had.
    pub position: u64,
    /// How many they were; 0 while their number grows.
    pub count: u64,
    /// Bytes that their records would have taken; 0 while they grow.
    pub bytes: u64,
    /// Timestamp of the first one.
    pub first_timestamp: u64,
}

impl WriterRecord {
    /// Whether the last writer closed the log.
    pub(crate) const fn is_closed(&self) -> bool {
        self.end.is_some()
    }

    /// Returns whether nothing was ever stored. A writer stores into the file before the log has a segment.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the file from its start; `None` if another program wrote it.
    pub(crate) fn read(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        file.take(MAX_RECORD_BYTES).read_to_end(&mut bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Parses the text. A loss of power may leave zeros, or nothing, in place of the first record: such a file holds
    /// nothing.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.iter().all(|&byte| byte == 0) {
            return Some(Self::default());
        }
        let text = String::from_utf8_lossy(bytes);
        // A single damaged byte leaves one of the two intact.
        if !text.starts_with("pid: ") && !text.contains(CHECKSUM) {
            return None;
        }
        let damaged = Self { is_damaged: true, ..Self::default() };
        Some(Self::checked(bytes).and_then(Self::parse).unwrap_or(damaged))
    }

    /// Returns the lines that the checksum covers, if it is right.
    fn checked(bytes: &[u8]) -> Option<&str> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // The rest of an older text may be anything.
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        };
        let at = text.find(&format!("\n{CHECKSUM}"))? + 1;
        let (lines, rest) = text.split_at(at);
        let (last, _) = rest.split_once('\n')?;
        (last == checksum_line(lines).trim_end()).then_some(lines)
    }

    fn parse(lines: &str) -> Option<Self> {
        let value = |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Some(Self {
            pid: value("pid").and_then(|pid| pid.parse().ok()),
            boot_id: value("boot_id").filter(|id| !id.is_empty()).map(str::to_owned),
            log_identity: value("log_identity").and_then(|id| u128::from_str_radix(id, 16).ok()),
            first_sequence: value("first").map(str::parse).transpose().ok()?,
            ring_identity: value("ring_identity")?.parse().ok()?,
            has_undrained_ring: value("ring") == Some("not drained"),
            is_partial_copy: value("copy") == Some("of a log at work"),
            is_never_synced: value("sync") == Some("never"),
            end: value("end").map(RecordedEnd::parse).transpose().ok()?,
            unreported: value("untold_loss").map(UnreportedLoss::parse).transpose().ok()?,
            is_damaged: false,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let pid = self.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let boot_id = self.boot_id.as_deref().unwrap_or_default();
        let mut text = format!("pid: {pid}\nboot_id: {boot_id}\n");
        if let Some(identity) = self.log_identity {
            text.push_str(&format!("log_identity: {identity:032x}\n"));
        }
        if let Some(first) = self.first_sequence {
            text.push_str(&format!("first: {first}\n"));
        }
        text.push_str(&format!("ring_identity: {}\n", self.ring_identity));
        if self.has_undrained_ring {
            text.push_str("ring: not drained\n");
        }
        if self.is_partial_copy {
            text.push_str("copy: of a log at work\n");
        }
        if self.is_never_synced {
            text.push_str("sync: never\n");
        }
        text.push_str(if self.is_closed() { "state: closed\n" } else { "state: open\n" });
        if let Some(RecordedEnd { sequence, position }) = self.end {
            text.push_str(&format!("end: {sequence} {position}\n"));
        }
        if let Some(UnreportedLoss { position, count, bytes, first_timestamp }) = self.unreported {
            text.push_str(&format!("untold_loss: {position} {count} {bytes} {first_timestamp}\n"));
        }
        let last = checksum_line(&text);
        text + &last
    }
}

fn checksum_line(lines: &str) -> String {
    format!("{CHECKSUM}{:08x}\n", crc32c_hardware(0, lines.as_bytes()))
}

/// Parses N decimal numbers, separated by single spaces, and nothing else.
fn numbers<const N: usize>(text: &str) -> Result<[u64; N], NotNumbers> {
    let numbers = text.split(' ').map(|number| number.parse().map_err(|_| NotNumbers));
    numbers.collect::<Result<Vec<u64>, _>>()?.try_into().map_err(|_| NotNumbers)
}

/// Checks a position, or a distance between two positions.
fn position_of(number: u64) -> Result<u64, NotNumbers> {
    if number.is_multiple_of(8) { Ok(number) } else { Err(NotNumbers) }
}

/// The text does not hold the expected numbers.
struct NotNumbers;

/// GAP records that a run may begin with before it has stored that the log is open again.
const MOST_FIRST_GAPS: u64 = 4;

impl RecordedEnd {
    /// Returns whether a log that ends at this sequence has records that were not there when it was closed.
    pub(crate) const fn is_passed_by(self, next_sequence: u64) -> bool {
        next_sequence.saturating_sub(self.sequence) > MOST_FIRST_GAPS
    }

    /// Returns whether a log has as many records as when it was closed and ends at another position, so that one of
    /// them is another.
    pub(crate) fn is_elsewhere(self, next_sequence: u64, position: Option<u64>) -> bool {
        next_sequence == self.sequence && position.is_some_and(|position| position != self.position)
    }

    fn parse(text: &str) -> Result<Self, NotNumbers> {
        let [sequence, position] = numbers(text)?;
        Ok(Self { sequence, position: position_of(position)? })
    }
}

impl UnreportedLoss {
    fn parse(text: &str) -> Result<Self, NotNumbers> {
        let [position, count, bytes, first_timestamp] = numbers(text)?;
        Ok(Self { position: position_of(position)?, count, bytes: position_of(bytes)?, first_timestamp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> WriterRecord {
        WriterRecord {
            pid: Some(7),
            boot_id: Some("a-b".into()),
            log_identity: Some(u128::MAX - 1),
            first_sequence: Some(u64::MAX),
            ring_identity: u64::MAX,
            has_undrained_ring: true,
            is_partial_copy: true,
            is_never_synced: true,
            end: Some(RecordedEnd { sequence: 3, position: u64::MAX - 7 }),
            unreported: Some(UnreportedLoss { position: 8, count: 2, bytes: 24, first_timestamp: u64::MAX }),
            is_damaged: false,
        }
    }

    fn read(bytes: &[u8]) -> Option<WriterRecord> {
        WriterRecord::from_bytes(bytes)
    }

    #[test]
    fn a_record_survives_a_round_trip() {
        for record in [full(), WriterRecord::default()] {
            assert_eq!(read(record.to_text().as_bytes()), Some(record));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let damaged = WriterRecord { is_damaged: true, ..WriterRecord::default() };
        let text = full().to_text().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped).as_ref(), Some(&damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_text_that_is_cut_short_is_damaged_and_what_follows_the_checksum_is_ignored() {
        let text = full().to_text();
        for len in 5..text.len() {
            assert!(read(&text.as_bytes()[..len]).unwrap().is_damaged, "{len} bytes");
        }
        let followed = [text.as_bytes(), b"end: 1 1\n\xFF\0"].concat();
        assert_eq!(read(&followed), Some(full()));
    }

    #[test]
    fn a_position_that_is_no_multiple_of_8_is_damage() {
        let (end, unreported) = (full().end.unwrap(), full().unreported.unwrap());
        for off in 1..8 {
            let bad = [
                WriterRecord { end: Some(RecordedEnd { position: off, ..end }), ..full() },
                WriterRecord { unreported: Some(UnreportedLoss { position: off, ..unreported }), ..full() },
                WriterRecord { unreported: Some(UnreportedLoss { bytes: off, ..unreported }), ..full() },
            ];
            assert!(bad.iter().all(|it| read(it.to_text().as_bytes()).unwrap().is_damaged), "{off}");
        }
    }

    #[test]
    fn zeros_say_nothing_and_another_programs_file_is_refused() {
        assert_eq!(read(b""), Some(WriterRecord::default()));
        assert_eq!(read(&[0; 100]), Some(WriterRecord::default()));
        assert_eq!(read(b"Dear reader"), None);
    }
}
