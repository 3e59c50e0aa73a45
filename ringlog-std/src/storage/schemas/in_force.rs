//! What is in force in a segment: the descriptions that its META records gave.
#![forbid(unsafe_code)]

use std::any::Any;
#[cfg(feature = "schema")]
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use ringlog_nostd::format::{Layouts, MetaTopic};

use crate::event::Event;
#[cfg(feature = "schema")]
use crate::schema::{Decoded, NotFitting, SchemaSet};
use crate::storage::schemas::list::{SchemaList, key_of};

/// The descriptions in force in one segment. Within a segment an event type has one meaning.
///
/// An event that was read from a segment has a reference to this: see [`Event::layouts`](crate::event::Event::layouts).
#[derive(Debug)]
pub struct SegmentSchemas {
    list: SchemaList,
    /// For each entry of the list, the address of the schema that was equal to it at the last comparison; 0 for none.
    /// Schemas of a program live as long as the program, so an address is always that of the same bytes.
    equal_to: Vec<AtomicUsize>,
    #[cfg(feature = "schema")]
    parsed: OnceLock<SchemaSet>,
    #[cfg(feature = "schema")]
    this: Weak<Self>,
}

impl SegmentSchemas {
    /// Returns what these descriptions say of events that are not in a log yet.
    #[doc(hidden)]
    #[must_use]
    pub fn new(list: SchemaList) -> Arc<Self> {
        let equal_to = list.entries.iter().map(|_| AtomicUsize::new(0)).collect();
        Arc::new_cyclic(|_this| Self {
            list,
            equal_to,
            #[cfg(feature = "schema")]
            parsed: OnceLock::new(),
            #[cfg(feature = "schema")]
            this: Weak::clone(_this),
        })
    }

    /// Returns the descriptions.
    #[must_use]
    pub const fn list(&self) -> &SchemaList {
        &self.list
    }

    /// Returns a share in these descriptions, to keep them longer than their reader.
    #[cfg(feature = "schema")]
    #[doc(hidden)]
    pub fn shared(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Returns the descriptions that were in force for an event; `None` if its segment has none.
    ///
    /// ```
    /// use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogReader, LogWriter, SegmentSchemas};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// writer.close()?;
    /// let reader = LogReader::open(folder.path())?;
    /// assert!(SegmentSchemas::of(&reader.events().next().unwrap()?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of<'a>(event: &Event<'a>) -> Option<&'a Self> {
        let layouts: &dyn Any = event.layouts()?;
        layouts.downcast_ref()
    }

    /// Returns the same, read as schemas. They are read once.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn set(&self) -> &SchemaSet {
        self.parsed.get_or_init(|| self.list.to_set())
    }
}

impl Layouts for SegmentSchemas {
    fn accepts(&self, event_type: u8, schema: &'static [u8]) -> bool {
        let key = key_of(MetaTopic::EventType(event_type));
        let Ok(at) = self.list.entries.binary_search_by_key(&key, |(key, _)| *key) else { return true };
        let (Some((_, stored)), Some(equal_to)) = (self.list.entries.get(at), self.equal_to.get(at)) else {
            return true;
        };
        if stored.len() != schema.len() {
            return false;
        }
        let address = schema.as_ptr().addr();
        // ORDERING: Relaxed, here and below. The address guards no memory; at worst the bytes are compared again.
        if equal_to.load(Ordering::Relaxed) == address {
            return true;
        }
        let is_equal = **stored == *schema;
        if is_equal {
            equal_to.store(address, Ordering::Relaxed);
        }
        is_equal
    }
}

/// What is in force at an event, kept to notice where that changes. It is shared, so that no other segment's descriptions
/// have its address meanwhile.
#[cfg(feature = "schema")]
#[derive(Clone, Debug, Default)]
pub struct InForce(Option<Arc<SegmentSchemas>>);

#[cfg(feature = "schema")]
impl InForce {
    /// Returns what is in force at an event.
    #[doc(hidden)]
    pub fn at(event: &Event<'_>) -> Self {
        Self(SegmentSchemas::of(event).and_then(SegmentSchemas::shared))
    }

    /// Returns whether the same is in force at this event.
    #[inline]
    #[doc(hidden)]
    pub fn is_at(&self, event: &Event<'_>) -> bool {
        let wanted = event.layouts().map(|layouts| std::ptr::from_ref(layouts).cast::<()>());
        wanted == self.0.as_ref().map(|schemas| Arc::as_ptr(schemas).cast::<()>())
    }

    /// Returns what the event's segment says, if this was not returned last. A segment that says nothing changes nothing.
    pub fn change_at(&mut self, event: &Event<'_>) -> Option<&SchemaList> {
        if self.is_at(event) {
            return None;
        }
        let next = Self::at(event);
        next.0.is_some().then(|| *self = next)?;
        self.schemas().map(SegmentSchemas::list)
    }

    /// Returns the descriptions; `None` if the segment has none.
    pub(crate) fn schemas(&self) -> Option<&SegmentSchemas> {
        self.0.as_deref()
    }
}

/// Names and values of events whose segments describe them.
#[cfg(feature = "schema")]
pub trait DecodeEvent<'a> {
    /// Reads the payload by the description that is in force in the event's segment; `None` if there is none for its type.
    ///
    /// ```
    /// use ringlog::storage::{DecodeEvent, LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// #[ringlog::event(type = 1)]
    /// struct Tick {
    ///     #[event(scale = -2)]
    ///     price: i64,
    /// }
    /// ringlog::events!(Ticks: Tick);
    ///
    /// let mut writer = LogWriter::options().events::<Ticks>().open(folder.path())?;
    /// writer.write(1_000, &Tick { price: 10_125 })?;
    /// writer.close()?;
    ///
    /// let reader = LogReader::open(folder.path())?;
    /// let event = reader.events().next().unwrap()?;
    /// assert_eq!(event.decode().unwrap()?.to_string(), "price=101.25");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFitting`] if the payload does not fit the description.
    fn decode(&self) -> Option<Result<Decoded<'a>, NotFitting>>;
}

#[cfg(feature = "schema")]
impl<'a> DecodeEvent<'a> for Event<'a> {
    fn decode(&self) -> Option<Result<Decoded<'a>, NotFitting>> {
        // A GAP is no event of type 0.
        if self.header.is_gap() {
            return None;
        }
        SegmentSchemas::of(self)?.set().decode(self.header.event_type, self.payload)
    }
}

/// Collects the META records at the start of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct SchemaCollector {
    list: SchemaList,
    /// Made once they are asked for.
    shared: OnceLock<Arc<SegmentSchemas>>,
}

impl SchemaCollector {
    /// Takes over a META record.
    pub(crate) fn add(&mut self, topic: MetaTopic, json: &[u8]) {
        // The payload of a record is short enough.
        let _ = self.list.insert(topic, json);
        self.shared = OnceLock::new();
    }

    /// Returns what is in force; `None` if the segment has no META record.
    pub(crate) fn schemas(&self) -> Option<&Arc<SegmentSchemas>> {
        if self.list.is_empty() {
            return None;
        }
        Some(self.shared.get_or_init(|| SegmentSchemas::new(self.list.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_accepted_if_its_bytes_are_those_of_the_segment() {
        let mut list = SchemaList::new();
        list.insert(MetaTopic::EventType(1), &b"first"[..]).unwrap();
        let schemas = SegmentSchemas::new(list);
        let same: &'static [u8] = b"first";
        for _ in 0..2 {
            assert!(schemas.accepts(1, same));
            assert!(!schemas.accepts(1, b"other") && !schemas.accepts(1, b"longer"));
        }
        assert!(schemas.accepts(2, b"other"), "nothing is known of this type");
    }

    #[cfg(feature = "schema")]
    #[test]
    fn a_change_is_reported_once_and_a_segment_without_descriptions_is_none() {
        let schemas = |json: &'static [u8]| {
            let mut list = SchemaList::new();
            list.insert(MetaTopic::EventType(1), json).unwrap();
            SegmentSchemas::new(list)
        };
        let (first, second) = (schemas(b"first"), schemas(b"second"));
        let event = |schemas: Option<&'static Arc<SegmentSchemas>>| {
            let layouts = schemas.map(|schemas| &**schemas as &dyn Layouts);
            Event::new(crate::event::EventHeader::new(1, 1, 0), &[], 0, 64).with_layouts(layouts)
        };
        let (first, second): (&'static _, &'static _) =
            (Box::leak(Box::new(first)), Box::leak(Box::new(second)));
        let mut in_force = InForce::default();
        assert!(in_force.is_at(&event(None)) && in_force.change_at(&event(None)).is_none());
        let mut changes = [Some(first), Some(first), None, Some(first), Some(second), Some(first)]
            .map(|schemas| in_force.change_at(&event(schemas)).cloned());
        assert_eq!(
            changes.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, false, false, false, true, true]
        );
        assert_eq!(changes[4].take().unwrap(), *second.list());
        assert!(in_force.is_at(&event(Some(first))) && !in_force.is_at(&event(None)));
    }
}
