//! Records in frames, for a wire that loses bytes.
//!
//! A UART loses bytes, a capture starts late, and a device resets. In a [stream file](crate::format::file_flags::STREAM)
//! each of them makes all that follows unreadable. In frames it costs the record that was hit: each record is a
//! frame with a number and a checksum, and what describes the records is repeated. `FramedSink` (feature `embedded-io`)
//! writes frames, `ringlog receive` makes a log of them. The bytes are described in `docs/format.md` in the repository.
//!
//! | task | use |
//! |---|---|
//! | find the frames in the bytes that arrive | [`FrameDecoder`] |
//! | write a frame without a sink | [`Frame::bytes`] |
//!
//! ```
//! use ringlog_nostd::EventHeader;
//! use ringlog_nostd::frame::{Chunk, Content, Frame, FrameDecoder};
//!
//! let content = Content::Record(EventHeader::new(1, 7, 3), b"abc");
//! let mut wire = b"boot\n\0".to_vec();
//! wire.extend(Frame { life: 9, number: 0, content }.bytes());
//!
//! let mut buffer = [0; 64];
//! let mut decoder = FrameDecoder::new(&mut buffer);
//! let (taken, text) = decoder.push(&wire);
//! assert_eq!(text, Some(Chunk::Broken { bytes: b"boot\n", len: 5 }));
//! let (_, frame) = decoder.push(&wire[taken..]);
//! assert_eq!(frame, Some(Chunk::Frame(Frame { life: 9, number: 0, content })));
//! ```

// Plain slices, as in `format`: nothing here knows a ring, allocates or panics. `content` is what a frame holds, `encoder` and
// `decoder` are its bytes. The sinks are in `sink`, because they read rings.

pub(crate) mod content;
pub(crate) mod decoder;
pub(crate) mod encoder;

pub use content::{Content, FRAMING_VERSION, Frame, MAX_FRAME_LEN};
pub use decoder::{Chunk, FrameDecoder};
pub use encoder::FrameBytes;
