//! The descriptions of the records that are written, and where they change.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use crate::descriptions::Descriptions;
use ringlog::event::{Event, MetaTopic};
use ringlog::programs::InForce;
use ringlog::schema::SchemaSet;
use ringlog::storage::{SchemaList, SegmentSchemas};

/// Follows what is said of the events, record by record.
pub(super) struct Described {
    /// What a file says, for the types that a segment does not describe.
    others: SchemaList,
    /// All that is said of the events, at any place.
    all: SchemaList,
    current: SchemaList,
    in_force: InForce,
    given: HashSet<MetaTopic>,
    has_begun: bool,
}

impl Described {
    pub(super) fn new(descriptions: &Descriptions, all: &SchemaSet) -> Self {
        // What is too long for a record was never in one.
        let list = |set: &SchemaSet| SchemaList::try_from(set).unwrap_or_default();
        Self {
            others: list(descriptions.others()),
            all: list(all),
            current: SchemaList::new(),
            in_force: InForce::default(),
            given: HashSet::new(),
            has_begun: false,
        }
    }

    /// Returns what is described in another way from this record on; at the first record, all that describes it. An empty
    /// description is none.
    pub(super) fn change_at(&mut self, event: &Event<'_>) -> Option<SchemaList> {
        if self.has_begun && self.in_force.is_at(event) {
            return None;
        }
        let segment = SegmentSchemas::of(event);
        // A file of GAP records alone describes nothing, and changes nothing.
        if self.has_begun && event.header.is_gap() && segment.is_none() {
            return None;
        }
        self.in_force = InForce::at(event);
        let mut now = self.others.clone();
        if let Some(segment) = segment {
            now.extend(segment.list());
        }
        let mut changes = SchemaList::new();
        for (topic, json) in now.iter().filter(|(topic, json)| about(&self.current, *topic) != Some(*json)) {
            self.given.insert(topic);
            // It was short enough for the other list.
            let _ = changes.insert(topic, json);
        }
        for (topic, _) in self.current.iter().filter(|(topic, _)| about(&now, *topic).is_none()) {
            let _ = changes.insert(topic, &b""[..]);
        }
        self.current = now;
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        (is_first || !changes.is_empty()).then_some(changes)
    }

    /// Returns the descriptions that no record had.
    pub(super) fn rest(&self) -> SchemaList {
        let mut rest = SchemaList::new();
        for (topic, json) in self.all.iter().filter(|(topic, _)| !self.given.contains(topic)) {
            let _ = rest.insert(topic, json);
        }
        rest
    }
}

fn about(list: &SchemaList, topic: MetaTopic) -> Option<&[u8]> {
    match topic {
        MetaTopic::Log => list.of_log(),
        MetaTopic::EventType(number) => list.of_type(number),
    }
}
