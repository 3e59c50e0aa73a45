//! The META records of a segment: what the payloads of its events mean.
//!
//! They are JSON, which this module does not read.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use ringlog_nostd::format::{MetaTopic, record_len};

use crate::event::MAX_PAYLOAD;
#[cfg(feature = "schema")]
use crate::schema::{LogInfo, SchemaSet};
use crate::storage::error::CreateError;

/// The META records of a segment take at most this many bytes, and at most half of the segment.
pub(crate) const MAX_PREAMBLE_BYTES: u64 = 1 << 20;

/// Descriptions of a log's events, as they are stored in META records: at most one for each event type, and one about the
/// log as a whole.
///
/// Each is a JSON object in UTF-8 of at most 65,535 bytes; `docs/format.md` describes it. Nothing here looks into it.
///
/// ```
/// use ringlog::event::MetaTopic;
/// use ringlog::storage::SchemaList;
///
/// let mut schemas = SchemaList::new();
/// schemas.insert(MetaTopic::EventType(1), &br#"{"type":1,"name":"tick","size":0,"fields":[]}"#[..])?;
/// assert!(schemas.of_type(1).is_some() && schemas.of_type(2).is_none());
/// # Ok::<(), ringlog::storage::SchemaTooLong>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SchemaList {
    /// Sorted by topic, so that equal lists are stored as equal bytes.
    pub(super) entries: Vec<(u16, Arc<[u8]>)>,
}

/// A description that is longer than the payload of a record can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a description of {len} bytes, a META record has room for 65535: shorten labels or names")]
pub struct SchemaTooLong {
    /// Length of the description in bytes.
    pub len: usize,
}

/// The log comes first, then the types in ascending order.
pub(super) const fn key_of(topic: MetaTopic) -> u16 {
    match topic {
        MetaTopic::Log => 0,
        MetaTopic::EventType(event_type) => 1 + event_type as u16,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a key above 0 is an event type plus 1")]
const fn topic_of(key: u16) -> MetaTopic {
    if key == 0 { MetaTopic::Log } else { MetaTopic::EventType((key - 1) as u8) }
}

impl SchemaList {
    /// Returns an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Returns the descriptions of these events.
    ///
    /// ```
    /// use ringlog::storage::SchemaList;
    ///
    /// #[ringlog::event(type = 1)]
    /// struct Tick {
    ///     number: u64,
    /// }
    /// ringlog::events!(Ticks: Tick);
    ///
    /// assert!(SchemaList::of::<Ticks>().of_type(1).is_some());
    /// ```
    #[cfg(feature = "macros")]
    #[must_use]
    pub fn of<E: ringlog_nostd::EventTypes>() -> Self {
        let mut list = Self::new();
        list.add_events::<E>();
        list
    }

    /// Adds a description, or replaces the one of the same topic.
    ///
    /// # Errors
    ///
    /// [`SchemaTooLong`] if it has more than 65,535 bytes.
    pub fn insert(&mut self, topic: MetaTopic, json: impl Into<Arc<[u8]>>) -> Result<(), SchemaTooLong> {
        let json = json.into();
        if json.len() > MAX_PAYLOAD {
            return Err(SchemaTooLong { len: json.len() });
        }
        let key = key_of(topic);
        match self.entries.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => self.entries[at].1 = json,
            Err(at) => self.entries.insert(at, (key, json)),
        }
        Ok(())
    }

    /// Adds a word about the log as a whole, such as the host that it comes from, or replaces the one of this name.
    ///
    /// ```
    /// use ringlog::storage::SchemaList;
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.insert_user("host", "gw7")?;
    /// assert_eq!(schemas.of_log(), Some(&br#"{"log":{"user":{"host":"gw7"}}}"#[..]));
    /// # Ok::<(), ringlog::storage::SchemaTooLong>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaTooLong`] if what is said of the log has more than 65,535 bytes.
    #[cfg(feature = "schema")]
    pub fn insert_user(&mut self, name: &str, word: &str) -> Result<(), SchemaTooLong> {
        let log = self.of_log().and_then(|json| LogInfo::parse(json).ok()).unwrap_or_default();
        self.insert(MetaTopic::Log, log.with_user(name, word).to_json().into_bytes())
    }

    /// Adds all descriptions of another list. Those of the same topic replace the ones here.
    pub fn extend(&mut self, other: &Self) {
        for (topic, json) in other.shared() {
            // It was short enough for the other list.
            let _ = self.insert(topic, Arc::clone(json));
        }
    }

    /// Takes a description out of the list.
    pub(crate) fn remove(&mut self, topic: MetaTopic) {
        let key = key_of(topic);
        self.entries.retain(|(other, _)| *other != key);
    }

    /// Returns what has to change to come from `before` to this list, in an order in which no list in between is longer
    /// than both. An empty description is none.
    pub(crate) fn changes_from(&self, before: &Self) -> Vec<(MetaTopic, Arc<[u8]>)> {
        let gone = before.iter().filter(|(topic, _)| self.about(*topic).is_none());
        let mut changes: Vec<_> = gone.map(|(topic, _)| (topic, Arc::from(&b""[..]))).collect();
        let new = self.shared().filter(|(topic, json)| before.about(*topic) != Some(&***json));
        changes.extend(new.map(|(topic, json)| (topic, Arc::clone(json))));
        let len_before = |topic| before.about(topic).map_or(0, <[u8]>::len).cast_signed();
        changes.sort_by_key(|(topic, json)| json.len().cast_signed() - len_before(*topic));
        changes
    }

    /// Returns the description of the events of this type.
    #[must_use]
    pub fn of_type(&self, event_type: u8) -> Option<&[u8]> {
        self.about(MetaTopic::EventType(event_type))
    }

    /// Returns the description of the log as a whole.
    #[must_use]
    pub fn of_log(&self) -> Option<&[u8]> {
        self.about(MetaTopic::Log)
    }

    pub(crate) fn about(&self, topic: MetaTopic) -> Option<&[u8]> {
        let at = self.entries.binary_search_by_key(&key_of(topic), |(key, _)| *key).ok()?;
        self.entries.get(at).map(|(_, json)| &**json)
    }

    /// Returns all descriptions, in the order in which a segment stores them.
    pub fn iter(&self) -> impl Iterator<Item = (MetaTopic, &[u8])> {
        self.shared().map(|(topic, json)| (topic, &**json))
    }

    fn shared(&self) -> impl Iterator<Item = (MetaTopic, &Arc<[u8]>)> {
        self.entries.iter().map(|(key, json)| (topic_of(*key), json))
    }

    /// Returns whether the list has no description.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many descriptions there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the descriptions, read as schemas. Those that cannot be read are in the set as such.
    ///
    /// ```
    /// use ringlog::event::MetaTopic;
    /// use ringlog::storage::SchemaList;
    ///
    /// let mut list = SchemaList::new();
    /// list.insert(MetaTopic::EventType(1), &br#"{"type":1,"name":"tick","size":0,"fields":[]}"#[..])?;
    /// assert_eq!(list.to_set().by_name("tick").map(|schema| schema.number()), Some(1));
    /// # Ok::<(), ringlog::storage::SchemaTooLong>(())
    /// ```
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn to_set(&self) -> SchemaSet {
        let mut set = SchemaSet::new();
        for (topic, json) in self.iter() {
            match topic {
                MetaTopic::Log => set.add_log(json),
                MetaTopic::EventType(event_type) => set.add_type(event_type, json),
            }
        }
        set
    }

    /// Checks that the META records leave room in a segment of this size.
    pub(crate) fn check_room(&self, path: &Path, segment_bytes: u64) -> Result<(), CreateError> {
        let schema_bytes = self.record_bytes();
        if schema_bytes <= MAX_PREAMBLE_BYTES.min(segment_bytes / 2) {
            return Ok(());
        }
        Err(CreateError::Schemas { path: path.into(), schema_bytes, segment_bytes })
    }

    /// Returns the length of the META records, in bytes.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        self.entries.iter().map(|(_, json)| record_len(json.len()) as u64).sum()
    }
}

/// The descriptions of the set's types and of the log. Those that could not be read are there as well.
///
/// ```
/// use ringlog::{schema::SchemaSet, storage::SchemaList};
///
/// let set = SchemaSet::from_json(br#"[{"type":1,"name":"tick","size":0,"fields":[]}]"#)?;
/// assert_eq!(SchemaList::try_from(&set)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "schema")]
impl TryFrom<&SchemaSet> for SchemaList {
    type Error = SchemaTooLong;

    fn try_from(set: &SchemaSet) -> Result<Self, SchemaTooLong> {
        let mut list = Self::new();
        for (event_type, json) in set.meta_records() {
            list.insert(event_type.map_or(MetaTopic::Log, MetaTopic::EventType), json)?;
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_lead_from_one_list_to_another_without_a_longer_one_in_between() {
        let list = |entries: &[(u8, &str)]| {
            let mut list = SchemaList::new();
            for (event_type, json) in entries {
                list.insert(MetaTopic::EventType(*event_type), json.as_bytes()).unwrap();
            }
            list
        };
        let lists = [
            list(&[]),
            list(&[(1, "a long description of many bytes"), (2, "short"), (3, "same")]),
            list(&[(1, "short"), (2, "a long description of many bytes"), (3, "same")]),
            list(&[(4, "a description"), (3, "same")]),
        ];
        for (before, after) in lists.iter().flat_map(|one| lists.iter().map(move |other| (one, other))) {
            let (mut list, most) = (before.clone(), before.record_bytes().max(after.record_bytes()));
            let changes = after.changes_from(before);
            assert!(
                changes
                    .iter()
                    .all(|(topic, _)| *topic != MetaTopic::EventType(3) || before.len() != after.len())
            );
            for (topic, json) in changes {
                list.remove(topic);
                if !json.is_empty() {
                    list.insert(topic, json).unwrap();
                }
                assert!(list.record_bytes() <= most);
            }
            assert_eq!(list, *after);
        }
    }

    #[test]
    fn the_log_comes_first_and_then_the_types_in_order() {
        let mut list = SchemaList::new();
        for topic in [MetaTopic::EventType(255), MetaTopic::EventType(0), MetaTopic::Log] {
            list.insert(topic, &b"{}"[..]).unwrap();
        }
        list.insert(MetaTopic::EventType(0), &b"{\"type\":0}"[..]).unwrap();
        let topics: Vec<_> = list.iter().map(|(topic, _)| topic).collect();
        assert_eq!(topics, [MetaTopic::Log, MetaTopic::EventType(0), MetaTopic::EventType(255)]);
        assert_eq!(
            (list.len(), list.of_type(0), list.of_log()),
            (3, Some(&b"{\"type\":0}"[..]), Some(&b"{}"[..]))
        );
        assert_eq!(list.record_bytes(), 24 + 32 + 24);
        assert_eq!(list.insert(MetaTopic::Log, vec![b' '; 65_536]), Err(SchemaTooLong { len: 65_536 }));
    }
}
