//! What a device sends over a wire that loses bytes, as a feed.
//!
//! `bytes` opens the device and follows it when it goes and comes back. `lives` finds the frames, counts by their numbers what
//! is missing, and notices resets; it knows nothing of logs or time, so that a test can damage what it reads. `unframed` does the same
//! for a stream file without frames; `places` computes where its records were, and `stream_file` says which files need that. `text` shows what is between the frames. `feed` makes events, GAP records and descriptions of it.

mod arrivals;
mod bytes;
#[cfg(test)]
mod damage;
mod feed;
mod heard;
mod lives;
mod places;
mod stream_file;
mod text;
mod unframed;

pub(crate) use feed::{WireFeed, WireOptions, WireSummary};
pub(crate) use stream_file::is_displaced_stream;
