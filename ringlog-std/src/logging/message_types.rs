//! The types of the events that log messages become, and their descriptions.
#![forbid(unsafe_code)]

use super::error::SinkError;
use crate::event::MetaTopic;
use crate::storage::SchemaList;

/// The types of the events that log messages become.
///
/// ```
/// use ringlog::logging::{Sink, MessageTypes};
/// use ringlog::storage::LogReader;
/// # let folder = tempfile::tempdir()?;
///
/// assert_eq!(MessageTypes::default(), MessageTypes { record: 252, span_opened: 253, span_closed: 254 });
/// let (sink, guard) = Sink::builder().types(MessageTypes { record: 100, ..MessageTypes::default() }).open(folder.path())?;
/// assert_eq!(sink.types().record, 100);
/// # let header = ringlog::event::EventHeader::new(1, 7, 5);
/// # sink.producers().with(|producer| producer.write_event(&header, b"hello"))??;
/// guard.finish()?;
/// assert!(LogReader::open(folder.path())?.schemas()?.of_type(100).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageTypes {
    /// A message, or values that a span got later. Named `log_record` in the log.
    pub record: u8,
    /// The beginning of a span: `span_opened`.
    pub span_opened: u8,
    /// The end of a span: `span_closed`.
    pub span_closed: u8,
}

impl Default for MessageTypes {
    fn default() -> Self {
        Self { record: 252, span_opened: 253, span_closed: 254 }
    }
}

/// The level's names, for numbers from 1 on.
const LEVELS: &str = r#""labels":{"1":"ERROR","2":"WARN","3":"INFO","4":"DEBUG","5":"TRACE"}"#;

impl MessageTypes {
    /// Returns their descriptions, unless two of the types are the same or `is_taken` says that one is in use.
    pub(super) fn descriptions(self, is_taken: impl Fn(u8) -> bool) -> Result<SchemaList, SinkError> {
        let Self { record, span_opened, span_closed } = self;
        let mut list = SchemaList::new();
        for (event_type, json) in [
            (record, record_schema(record)),
            (span_opened, span_opened_schema(span_opened)),
            (span_closed, span_closed_schema(span_closed)),
        ] {
            if list.of_type(event_type).is_some() {
                return Err(SinkError::SameType { event_type });
            }
            if is_taken(event_type) {
                return Err(SinkError::TypeTaken { event_type });
            }
            list.insert(MetaTopic::EventType(event_type), json.into_bytes())?;
        }
        Ok(list)
    }
}

/// Length of what is before the tail of a `log_record`, in bytes. Each of these lengths is a multiple of 8, so that a struct with
/// these fields and `reserved` bytes at its end is a payload.
pub(super) const RECORD_LEN: usize = 24;

fn record_schema(event_type: u8) -> String {
    format!(
        r#"{{"type":{event_type},"name":"log_record","size":{RECORD_LEN},"fields":[{{"name":"level","offset":16,"kind":"u8",{LEVELS}}},{{"name":"span","offset":0,"kind":"u64"}},{{"name":"thread","offset":8,"kind":"u32"}},{{"name":"line","offset":12,"kind":"u32"}},{{"name":"cut","offset":17,"kind":"bool"}}],"tail":"cbor"}}"#
    )
}

/// Length of what is before the tail of a `span_opened`, in bytes.
pub(super) const SPAN_OPENED_LEN: usize = 32;

fn span_opened_schema(event_type: u8) -> String {
    format!(
        r#"{{"type":{event_type},"name":"span_opened","size":{SPAN_OPENED_LEN},"fields":[{{"name":"level","offset":24,"kind":"u8",{LEVELS}}},{{"name":"span","offset":0,"kind":"u64"}},{{"name":"parent","offset":8,"kind":"u64"}},{{"name":"thread","offset":16,"kind":"u32"}},{{"name":"line","offset":20,"kind":"u32"}},{{"name":"cut","offset":25,"kind":"bool"}}],"tail":"cbor"}}"#
    )
}

/// Length of a `span_closed`, in bytes.
pub(super) const SPAN_CLOSED_LEN: usize = 16;

fn span_closed_schema(event_type: u8) -> String {
    format!(
        r#"{{"type":{event_type},"name":"span_closed","size":{SPAN_CLOSED_LEN},"fields":[{{"name":"span","offset":0,"kind":"u64"}},{{"name":"thread","offset":8,"kind":"u32"}}],"tail":"none"}}"#
    )
}
