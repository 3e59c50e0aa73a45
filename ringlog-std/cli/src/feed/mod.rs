//! The sources of events.

mod bytes;
mod connections;
mod datagrams;
pub(crate) mod demo;
mod demo_payload;
mod framing;
mod interface;
mod lines;
mod receive_options;
mod socket_file;
pub(crate) mod spec;
mod udp;

pub(crate) use bytes::{ByteSource, Fill};
pub(crate) use connections::ConnectionFeed;
pub(crate) use datagrams::DatagramFeed;
pub(crate) use demo::DemoFeed;
pub(crate) use lines::LineFeed;

pub(crate) use super::error::FeedError;
use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::SchemaList;

/// The next step of a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// An event; its payload is in the buffer.
    Event {
        /// Nanoseconds since 1970.
        timestamp: u64,
        /// Its type.
        event_type: u8,
    },
    /// A record of another log, to be stored with all that its header says. A GAP record has its content in the buffer, too.
    Kept(EventHeader),
    /// Descriptions that are in force from the next record on; an empty one says that there is none any more.
    Described(SchemaList),
    /// Nothing at the moment: check for signals, then ask again.
    Idle,
    /// Events that are missing in this place. The feed continues after them.
    Lost(Loss),
    /// No more events will come.
    End,
}

/// Events that the input should have given but did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Loss {
    /// The number of events, and why they are missing.
    pub(crate) gap: Gap,
    /// The time of the first one, if known.
    pub(crate) timestamp: Option<u64>,
    /// The piece of the input that was skipped, if there is one.
    pub(crate) skip: Option<Skip>,
}

impl Loss {
    /// A piece of the input at `offset` that should have been one event.
    pub(crate) const fn skipped(
        reason: GapReason,
        timestamp: Option<u64>,
        offset: u64,
        what: String,
    ) -> Self {
        Self { gap: Gap::new(reason, 1), timestamp, skip: Some(Skip { offset, what }) }
    }

    /// Events that had arrived when the run was stopped but were not recorded; a count of 0 means an unknown number.
    pub(crate) const fn left(count: u64, timestamp: Option<u64>) -> Self {
        Self { gap: Gap::new(GapReason::RecorderEnded, count), timestamp, skip: None }
    }

    /// The rest of an input that cannot be read further.
    pub(crate) const fn rest() -> Self {
        Self { gap: Gap::new(GapReason::NotReadable, 0), timestamp: None, skip: None }
    }
}

/// A piece of the input that did not become an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Skip {
    /// Offset in the input at which it starts.
    pub(crate) offset: u64,
    /// What it is, and why it cannot be an event.
    pub(crate) what: String,
}

/// The note about what [`Feed::leave_unfinished`] left.
pub(crate) const UNFINISHED: &str = "the file ends inside of an event: it is left for the next import with --resume, or give the file its last line end";

/// A source of events.
pub(crate) trait Feed {
    /// Returns the next step. Replaces the content of `payload` by the payload of an event.
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError>;

    /// Stops the feed; called once when a run is stopped. Returns whether events that have arrived would be lost.
    ///
    /// If so, [`next_event`](Self::next_event) then gives those events without waiting, and ends.
    fn stop(&mut self) -> bool {
        false
    }

    /// Returns the bytes of the input that were read so far, for a progress bar.
    fn read_bytes(&self) -> u64 {
        0
    }

    /// Leaves what at the end of the file is not complete yet: a later run takes it.
    fn leave_unfinished(&mut self) {}

    /// Returns events that were lost since the last call. A run also calls it at its end.
    fn look_for_loss(&mut self) -> Option<Loss> {
        None
    }

    /// Returns how many datagrams the kernel dropped, as [`look_for_loss`](Self::look_for_loss) reported them.
    ///
    /// `None` if there can be none, or if the number cannot be known.
    fn dropped(&self) -> Option<u64> {
        None
    }

    /// Returns the descriptions of its events.
    fn schemas(&self) -> SchemaList {
        SchemaList::new()
    }

    /// Returns the address at which it listens, if it is a socket.
    fn place(&self) -> &str {
        ""
    }

    /// Returns messages for the start: where it listens, and how.
    fn introduction(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns messages for the end, besides the counts.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
