//! What arrived, in order.

use ringlog::event::{EventHeader, MetaTopic};
use ringlog_nostd::format::FileHeader;

/// One thing that arrived, or did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// A device begins: the first one that is heard, or one that was reset.
    Life,
    /// The header of the present life.
    Header(FileHeader),
    /// What payloads mean.
    Meta(MetaTopic, Vec<u8>),
    /// An event or a GAP record of the device.
    Record(EventHeader, Vec<u8>),
    /// This number of records did not arrive; 0 if nobody can know how many.
    Missing(u64),
    /// A record arrived that this version cannot read.
    NotReadable,
}

/// What arrived besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Noise {
    /// Pieces that are neither frame nor text.
    pub(crate) pieces: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// A version of the framing that this program cannot read, if there was one.
    pub(crate) other_version: Option<u8>,
}
