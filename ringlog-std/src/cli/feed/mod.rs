//! Where events come from.

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

pub(crate) use connections::ConnectionFeed;
pub(crate) use datagrams::DatagramFeed;
pub(crate) use demo::DemoFeed;
pub(crate) use lines::LineFeed;

pub(crate) use super::error::FeedError;
use crate::event::{Gap, GapReason};

/// What a feed has to give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// An event; its payload is in the buffer.
    Event {
        /// Nanoseconds since 1970.
        timestamp: u64,
        /// Its type.
        event_type: u8,
    },
    /// Nothing at the moment: look for signals, then ask again.
    Idle,
    /// Events that are missing here. The feed continues after them.
    Lost(Loss),
    /// There will be no more.
    End,
}

/// Events that the input should have given and did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Loss {
    /// How many, and why.
    pub(crate) gap: Gap,
    /// The time of the first one, as far as it is known.
    pub(crate) timestamp: Option<u64>,
    /// The piece of the input that was skipped, if it is one.
    pub(crate) skip: Option<Skip>,
}

impl Loss {
    /// The piece of the input at `offset`, which would have been one event.
    pub(crate) const fn skipped(
        reason: GapReason,
        timestamp: Option<u64>,
        offset: u64,
        what: String,
    ) -> Self {
        Self { gap: Gap::new(reason, 1), timestamp, skip: Some(Skip { offset, what }) }
    }

    /// Events that had arrived when the run was stopped, and were not recorded; of unknown number if that is 0.
    pub(crate) const fn left(count: u64, timestamp: Option<u64>) -> Self {
        Self { gap: Gap::new(GapReason::RecorderEnded, count), timestamp, skip: None }
    }

    /// The rest of an input that cannot be read any further.
    pub(crate) const fn rest() -> Self {
        Self { gap: Gap::new(GapReason::NotReadable, 0), timestamp: None, skip: None }
    }
}

/// Something in the input that did not become an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Skip {
    /// Where it starts in the input.
    pub(crate) offset: u64,
    /// What it is, and why it cannot be taken.
    pub(crate) what: String,
}

/// A source of events.
pub(crate) trait Feed {
    /// Gives the next event, its payload in `payload`, whose former content it replaces.
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError>;

    /// Called once when a run is stopped: whether what has arrived here would be lost with the feed.
    ///
    /// Then [`next_event`](Self::next_event) gives what is there, waits for nothing, and ends.
    fn stop(&mut self) -> bool {
        false
    }

    /// Bytes of the input that were read so far, for a progress bar.
    fn read_bytes(&self) -> u64 {
        0
    }

    /// Looks for events that were lost since the last look, at the end of a run too.
    fn look_for_loss(&mut self) -> Option<Loss> {
        None
    }

    /// What the kernel had no room for, as [`look_for_loss`](Self::look_for_loss) has reported it; `None` where such a
    /// thing cannot be, or nobody can know.
    fn dropped(&self) -> Option<u64> {
        None
    }

    /// Where it listens: the address that it has got, if it is a socket.
    fn place(&self) -> &str {
        ""
    }

    /// What is worth telling at the start: where it listens, and how.
    fn introduction(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is worth telling at the end, besides the counts.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
