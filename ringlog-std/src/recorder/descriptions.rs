//! What describes the events that a recorder takes: its own list, and that of its ring.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;

use ringlog_nostd::format::{FILE_HEADER_LEN, MetaTopic, record_len};

use super::schema_problem::{SchemaProblem, SchemaWatch};
use crate::consumer::Changes;
use crate::ring::{SharedRing, SharedRingError};
use crate::storage::{CreateError, LogWriter, SchemaList};

/// The descriptions of a recorder and of its ring, and what of them is in force.
#[derive(Debug)]
pub(super) struct Descriptions {
    room: Room,
    /// The recorder's own.
    own: SchemaList,
    ring: RingList,
    /// What log and consumers know.
    in_force: SchemaList,
    watch: SchemaWatch,
}

/// The list of the ring's producer.
#[derive(Debug, Default)]
struct RingList {
    /// The ring's word for it.
    word: usize,
    /// Empty if it could not be read.
    list: SchemaList,
    is_missing: bool,
    /// Whether it is read again although the word is the same.
    is_stale: bool,
}

/// What the META records of a segment may take.
#[derive(Debug)]
struct Room {
    log: PathBuf,
    segment_bytes: u64,
    /// Length of the largest record of the ring.
    record_bytes: u64,
}

impl Room {
    fn check(&self, list: &SchemaList) -> Result<(), CreateError> {
        list.check_room(&self.log, self.segment_bytes)?;
        let empty_bytes = self.segment_bytes.saturating_sub(FILE_HEADER_LEN as u64);
        let schema_bytes = list.record_bytes();
        // A record that fits no segment at all is refused by the log, with or without META records.
        if self.record_bytes <= empty_bytes && schema_bytes > empty_bytes - self.record_bytes {
            let (path, segment_bytes) = (self.log.clone(), self.segment_bytes);
            return Err(CreateError::Schemas { path, schema_bytes, segment_bytes });
        }
        Ok(())
    }
}

impl Descriptions {
    /// Begins with what the log was opened with.
    pub(super) fn new(log: &LogWriter, max_payload: usize, watch: SchemaWatch) -> Self {
        let room = Room {
            log: log.path().to_path_buf(),
            segment_bytes: log.segment_bytes(),
            record_bytes: record_len(max_payload) as u64,
        };
        let own = log.schemas().clone();
        Self { room, own, ring: RingList::default(), in_force: SchemaList::new(), watch }
    }

    /// Returns what the consumers have to know before the first event. The ring's list may change until then.
    pub(super) fn at_start(&mut self, ring: Option<&SharedRing>) -> Changes {
        if let Some(ring) = ring
            // A ring that is damaged by now shows when it is drained.
            && let Ok((word, found)) = ring.load_schemas()
        {
            self.take_list(ring, word, found);
        }
        let changes = self.settle(ring);
        // The log knows the recorder's own list already.
        let left_out = self.own.iter().filter(|(topic, _)| self.in_force.about(*topic).is_none());
        left_out.map(|(topic, _)| (topic, Arc::from(&b""[..]))).chain(changes).collect()
    }

    /// Returns what the consumers have to know before events that the ring's list with this word describes. They are
    /// unread, so the list stays.
    pub(super) fn under(&mut self, word: usize, ring: Option<&SharedRing>) -> Changes {
        match ring {
            Some(ring) if word != self.ring.word || self.ring.is_stale => {
                let found = ring.read_schemas(word);
                self.take_list(ring, word, found);
                self.settle(Some(ring))
            }
            _ => Changes::new(),
        }
    }

    /// Adds to the recorder's own descriptions, and returns what the consumers have to know.
    pub(super) fn add(
        &mut self,
        schemas: &SchemaList,
        ring: Option<&SharedRing>,
    ) -> Result<Changes, CreateError> {
        let mut own = self.own.clone();
        own.extend(schemas);
        self.room.check(&own)?;
        self.own = own;
        Ok(self.settle(ring))
    }

    /// Has a list that could not be read looked for again, with the next event.
    pub(super) const fn read_again_if_missing(&mut self) {
        self.ring.is_stale = self.ring.is_missing;
    }

    fn take_list(&mut self, ring: &SharedRing, word: usize, found: Result<SchemaList, SharedRingError>) {
        let is_missing = found.is_err();
        let list = found.unwrap_or_else(|error| {
            let (ring, reason) = (ring.path().to_path_buf(), error.to_string());
            self.watch.report(SchemaProblem::Unreadable { ring, reason });
            SchemaList::new()
        });
        self.ring = RingList { word, list, is_missing, is_stale: false };
    }

    /// Puts the two lists together. What is in doubt is not described.
    fn settle(&mut self, ring: Option<&SharedRing>) -> Changes {
        let (mut all, mut event_types) = (self.own.clone(), Vec::new());
        for (topic, json) in self.ring.list.iter() {
            match (topic, self.own.about(topic)) {
                (MetaTopic::EventType(event_type), Some(own)) if own != json => {
                    all.remove(topic);
                    event_types.push(event_type);
                }
                // The recorder knows more of its log than the producer does.
                (_, Some(_)) => {}
                // It was short enough for the other list.
                (_, None) => {
                    let _ = all.insert(topic, json);
                }
            }
        }
        if let Some(ring) = ring.map(|ring| ring.path().to_path_buf()) {
            let mut without_ring = self.own.clone();
            event_types.iter().for_each(|event_type| without_ring.remove(MetaTopic::EventType(*event_type)));
            if let Err(error) = self.room.check(&all)
                && all != without_ring
            {
                let (ring, reason) = (ring.clone(), error.to_string());
                self.watch.report(SchemaProblem::TooLong { ring, reason });
                all = without_ring;
            }
            if !event_types.is_empty() {
                self.watch.report(SchemaProblem::Conflict { ring, event_types });
            }
        }
        let changes = all.changes_from(&self.in_force);
        self.in_force = all;
        changes
    }
}
