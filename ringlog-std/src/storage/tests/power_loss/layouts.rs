//! What the segments of the simulated logs say of their events, and checks that no event is read under another layout
//! than the one it was written under.

use std::path::Path;

use crate::event::{Event, MetaTopic};
use crate::storage::error::OpenError;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::repair::verify::verify_log;
use crate::storage::schemas::in_force::SegmentSchemas;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::file::SegmentFile;
use crate::storage::tests::power_loss::disk::Disk;

/// How much the segments of a run say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// Some records, within one sector or two.
    Small,
    /// Records of several pages.
    Pages,
}

/// Number of different descriptions. Two of them have the same length, so one's records can lie where the other's were.
pub(crate) const VERSIONS: u64 = 3;

impl Layout {
    /// Returns the descriptions of this version.
    pub(crate) fn list(self, version: u64) -> SchemaList {
        let filler = match self {
            Self::Small => 20 * (version / 2),
            Self::Pages => 2_500,
        };
        let mut list = SchemaList::new();
        let about_log = format!(r#"{{"log":{{"user":{{"version":"{version}"}}}}}}"#);
        list.insert(MetaTopic::Log, about_log.into_bytes()).unwrap();
        // The last version has fewer types.
        for event_type in 0..4 - version / 2 {
            let name = format!("version_{version}_{}", "x".repeat(filler as usize));
            let schema =
                format!(r#"{{"type":{event_type},"name":"{name}","size":0,"fields":[],"tail":"bytes"}}"#);
            list.insert(MetaTopic::EventType(event_type as u8), schema.into_bytes()).unwrap();
        }
        list
    }

    /// Returns a segment size that leaves room for all of them.
    pub(crate) const fn segment_bytes(self) -> u64 {
        match self {
            Self::Small => 4096,
            Self::Pages => 32_768,
        }
    }
}

/// Returns what the segment of an event says.
fn list_of(event: &Event<'_>) -> SchemaList {
    SegmentSchemas::of(event).map_or_else(SchemaList::new, |schemas| schemas.list().clone())
}

/// Checks the layouts of all events in a log that were written before event `end`.
///
/// Salvage reads past damaged descriptions: `may_lack` some of them.
pub(crate) fn check_layouts(folder: &Path, layout: Layout, run: &Disk, end: u64, may_lack: bool) {
    let reader = match LogReader::open(folder) {
        Err(OpenError::NoSegments { .. }) => return,
        other => other.unwrap(),
    };
    let mut records = 0;
    let replayed = reader.replay(|event| {
        records += 1;
        let number = event.header.timestamp;
        if event.gap().is_some() || number >= end {
            return;
        }
        let (found, written) = (list_of(&event), layout.list(run.layout_of(number)));
        if !may_lack {
            return assert_eq!(found, written, "event {number}");
        }
        for (topic, json) in found.iter() {
            assert!(
                written.iter().any(|other| other == (topic, json)),
                "event {number} was written under another"
            );
        }
    });
    replayed.unwrap();
    let check = verify_log(folder).unwrap();
    assert_eq!(check.counts().events + check.counts().gaps, records);
    let (first, next) =
        (reader.segments().first().map(|first| first.header.base_sequence), reader.next_sequence());
    assert_eq!(first.map(|first| first + check.counts().records()), Some(next), "{check:?}");
}

/// Checks that each segment with nothing but descriptions is an empty one.
pub(crate) fn check_empty_segments(folder: &Path) {
    let Ok(reader) = LogReader::open(folder) else { return };
    for segment in reader.segments() {
        let mut scan = FileScan::of(SegmentFile::open(&segment.path).unwrap());
        let header = *scan.header();
        if matches!(scan.advance(), Ok(false)) {
            assert_eq!((header.write_offset, header.event_count), (64, 0), "{}", segment.path.display());
        }
    }
}
