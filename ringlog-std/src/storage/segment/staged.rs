//! The preamble of one file: what its writer stores before the first record that takes a position.
#![forbid(unsafe_code)]

use ringlog_nostd::Gap;
use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::storage::error::AppendError;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::writer::MmapWriter;

impl MmapWriter {
    /// Stores META records after the header. The first record is published together with them: until then the file
    /// counts as empty. Replaces what was staged before, also on the disk: a record of the former list would be valid
    /// there, and after a loss of power a sector may have its former content.
    ///
    /// # Errors
    ///
    /// [`AppendError::TooLarge`] if they do not fit. Nothing is staged then. [`AppendError::Close`] if a former list
    /// cannot be replaced on the disk: the writer takes no more events.
    pub(crate) fn stage(&mut self, schemas: &SchemaList) -> Result<(), AppendError> {
        debug_assert!(self.is_empty(), "they are only allowed at the start");
        let before = self.map.write_offset();
        self.map.unstage();
        (self.staged_records, self.event_count) = (0, 0);
        self.flusher.set_preamble(0);
        let needed_bytes = usize::try_from(schemas.record_bytes()).unwrap_or(usize::MAX);
        if needed_bytes > self.map.remaining_bytes() {
            return Err(self.full(needed_bytes));
        }
        self.map.populate_ahead(needed_bytes);
        for (topic, json) in schemas.iter() {
            // A list has no longer ones.
            let len = u16::try_from(json.len()).unwrap_or(u16::MAX);
            let stride = self.encode(&topic.header(len), json)?;
            self.map.stage(stride);
        }
        // Records of a longer list must not follow what this one will be followed by.
        let rest = usize::try_from(before.saturating_sub(self.map.write_offset())).unwrap_or(0);
        self.map.unpublished()[..rest].fill(0);
        self.map.show_to_witness(rest);
        self.staged_records = schemas.len() as u64;
        self.event_count = self.staged_records;
        self.flusher.set_preamble(schemas.record_bytes());
        if before > FILE_HEADER_LEN as u64 {
            self.flusher.sync_staged(before.max(self.map.write_offset()))?;
        }
        Ok(())
    }

    /// Returns where the next record goes, after META records that are not published yet.
    #[inline]
    pub(crate) const fn next_offset(&self) -> u64 {
        self.map.write_offset()
    }

    /// Appends a GAP record to the preamble, which takes no position.
    pub(crate) fn append_preamble(&mut self, timestamp: u64, gap: Gap) -> Result<(), AppendError> {
        self.flusher.add_preamble(Gap::header(timestamp).stride() as u64);
        self.append_gap(timestamp, gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::EventHeader;
    use ringlog_nostd::format::MetaTopic;

    #[test]
    fn staged_descriptions_replace_the_former_ones_and_are_published_with_the_first_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.evtl");
        let mut writer = MmapWriter::create(&path, 4096).unwrap();
        let list = |len| {
            let mut list = SchemaList::new();
            list.insert(MetaTopic::EventType(1), vec![b'x'; len]).unwrap();
            list
        };
        writer.stage(&list(1_000)).unwrap();
        writer.stage(&list(10)).unwrap();
        assert_eq!((writer.next_offset(), writer.write_offset(), writer.len()), (64 + 32, 64, 0));
        let stored = std::fs::read(&path).unwrap();
        assert!(
            stored[80..90] == *b"xxxxxxxxxx" && stored[90..].iter().all(|&byte| byte == 0),
            "of the longer list"
        );
        assert_eq!(stored[24..32], 64_u64.to_le_bytes(), "published");
        assert!(matches!(
            writer.stage(&list(5_000)),
            Err(AppendError::TooLarge { capacity_bytes: 4032, .. })
        ));
        assert_eq!((writer.next_offset(), writer.is_empty()), (64, true));
        writer.stage(&list(4_000)).unwrap();
        let refused = writer.write_event(&EventHeader::new(1, 2, 3), b"abc");
        assert!(matches!(refused, Err(AppendError::TooLarge { capacity_bytes: 16, .. })), "{refused:?}");
        writer.write_event(&EventHeader::new(1, 2, 0), b"").unwrap();
        assert_eq!((writer.len(), writer.write_offset(), writer.flusher.published_position()), (2, 4096, 16));
    }
}
