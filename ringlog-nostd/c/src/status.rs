//! What the functions return, as numbers and in words.
//!
//! The numbers never change. Those of `ringlog-c` are here too, so that one function has the words of all.

use core::ffi::{CStr, c_char, c_int};
use ringlog_nostd::{RingError, WriteError};

/// The version of this header: 10,000 times its first number, 100 times the second, the third.
pub const RINGLOG_VERSION: c_int = 100;

const _: () = assert!(
    RINGLOG_VERSION
        == number(env!("CARGO_PKG_VERSION_MAJOR")) * 10_000
            + number(env!("CARGO_PKG_VERSION_MINOR")) * 100
            + number(env!("CARGO_PKG_VERSION_PATCH")),
    "RINGLOG_VERSION is not the package's version"
);

/// Returns the number that a text has in decimal.
const fn number(text: &str) -> c_int {
    let (mut value, mut digits) = (0, text.as_bytes());
    while let [digit, rest @ ..] = digits {
        value = value * 10 + (*digit - b'0') as c_int;
        digits = rest;
    }
    value
}

/// Returns the version of the library, as `RINGLOG_VERSION` is that of the header. A program that may meet another library than
/// it was compiled for compares them: before 1.0, `ringlog_version() / 100` has to be `RINGLOG_VERSION / 100`.
#[unsafe(no_mangle)]
#[must_use]
pub const extern "C" fn ringlog_version() -> c_int {
    RINGLOG_VERSION
}

/// Done.
pub const RINGLOG_OK: c_int = 0;
/// There is nothing: no event to read, no GAP record, no loss, no such field.
pub const RINGLOG_EMPTY: c_int = 1;
/// The ring was full, so the event was counted as lost, or losses wait for room for their GAP record.
pub const RINGLOG_LOST: c_int = 2;
/// The ring has no room now. The event fits once the consumer has released some space.
pub const RINGLOG_E_FULL: c_int = -1;
/// The payload is longer than this ring takes, so it never fits: see `ringlog_producer_max_payload`.
pub const RINGLOG_E_PAYLOAD_TOO_LONG: c_int = -2;
/// More bytes were committed than were claimed.
pub const RINGLOG_E_LENGTH: c_int = -3;
/// A flag bit outside 0 to 3 is set.
pub const RINGLOG_E_FLAGS: c_int = -4;
/// The ring is corrupt: its words or records are such as no correct peer writes. This end uses it no further.
pub const RINGLOG_E_CORRUPT: c_int = -5;
/// A pointer is null that must not be.
pub const RINGLOG_E_NULL: c_int = -10;
/// A handle is not aligned as its type is, or memory does not start at a multiple of 8.
pub const RINGLOG_E_MISALIGNED: c_int = -11;
/// The handle is not open: it is all zero, was closed, or is one of another type.
pub const RINGLOG_E_NOT_OPEN: c_int = -12;
/// The handle is open already. Close it first, or use another one.
pub const RINGLOG_E_OPEN: c_int = -13;
/// This end of the ring was given out already.
pub const RINGLOG_E_TAKEN: c_int = -14;
/// A claim is neither committed nor aborted.
pub const RINGLOG_E_CLAIM_OPEN: c_int = -15;
/// Nothing is claimed.
pub const RINGLOG_E_NO_CLAIM: c_int = -16;
/// A batch is neither published nor dropped.
pub const RINGLOG_E_BATCH_OPEN: c_int = -17;
/// No batch was begun.
pub const RINGLOG_E_NO_BATCH: c_int = -18;
/// The capacity is no power of two, or too small for the longest payload, or too large.
pub const RINGLOG_E_CAPACITY: c_int = -20;
/// A longest payload of more than 65,535 bytes was asked for.
pub const RINGLOG_E_MAX_PAYLOAD: c_int = -21;
/// The memory is too small for the ring: see `ringlog_ring_required_len`.
pub const RINGLOG_E_TOO_SMALL: c_int = -22;
/// There is no ring in this memory or file, or one of another word size, byte order or layout.
pub const RINGLOG_E_NOT_A_RING: c_int = -23;
/// The sizes or positions of the ring contradict each other.
pub const RINGLOG_E_DAMAGED: c_int = -24;
/// The system refused: see `ringlog_last_error`.
pub const RINGLOG_E_IO: c_int = -30;
/// There is no ring or no log of that name. It may come: a recorder makes its ring when it starts.
pub const RINGLOG_E_MISSING: c_int = -31;
/// Something of that name exists.
pub const RINGLOG_E_EXISTS: c_int = -32;
/// Another process is making this ring. Open it once it is there.
pub const RINGLOG_E_BUSY: c_int = -33;
/// The file system has no room for the ring, or takes no file so large.
pub const RINGLOG_E_NO_SPACE: c_int = -34;
/// A folder, a pipe, a device, or a file with several names where a ring's file has to be.
pub const RINGLOG_E_NOT_A_FILE: c_int = -35;
/// The role of this end has an owner that is alive: one process writes, one reads.
pub const RINGLOG_E_ROLE_TAKEN: c_int = -36;
/// The ring is of an earlier boot, so its content cannot be trusted. Its recorder, once started, replaces it.
pub const RINGLOG_E_OTHER_BOOT: c_int = -37;
/// Events with another list of types are unread. The same call succeeds once they are read.
pub const RINGLOG_E_OTHER_TYPES: c_int = -38;
/// The list of types is not valid, or too long: see `ringlog_last_error`.
pub const RINGLOG_E_TYPES: c_int = -39;
/// The ring was replaced while it was opened. Open it again.
pub const RINGLOG_E_REPLACED: c_int = -40;
/// The name of a role's file beside the ring is taken by something else.
pub const RINGLOG_E_ROLE_FILE: c_int = -41;
/// There is no log at this path, or none that can be read.
pub const RINGLOG_E_NOT_A_LOG: c_int = -50;
/// A record, a header or a segment of the log is damaged or missing. What was read before is good.
pub const RINGLOG_E_LOG_DAMAGED: c_int = -51;
/// Retention deleted what would have been read next. Seek to a later sequence.
pub const RINGLOG_E_OVERTAKEN: c_int = -52;
/// The payload does not fit what the log says of its type.
pub const RINGLOG_E_NOT_FITTING: c_int = -53;
/// An error of a newer version of the core that this one has no code for.
pub const RINGLOG_E_OTHER: c_int = -99;

/// Returns the words of a code. They end with a zero, have no newline, and stay valid for as long as the program runs.
///
/// Any number may be asked for. Any thread may call it at any time.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ringlog_error_text(code: c_int) -> *const c_char {
    text_of(code).as_ptr()
}

/// Returns the words of a code; for any other number, that it is none.
#[must_use]
pub const fn text_of(code: c_int) -> &'static CStr {
    match code {
        RINGLOG_OK => c"done",
        RINGLOG_EMPTY => c"nothing there",
        RINGLOG_LOST => c"the ring is full: counted as lost",
        RINGLOG_E_FULL => c"the ring is full; try again once its consumer has released some space",
        RINGLOG_E_PAYLOAD_TOO_LONG => c"the payload is longer than this ring takes",
        RINGLOG_E_LENGTH => c"more bytes committed than claimed",
        RINGLOG_E_FLAGS => c"flags have bits 0 to 3 only",
        RINGLOG_E_CORRUPT => {
            c"the ring is corrupt: its other end, or a stray write, damaged it; make it again"
        }
        RINGLOG_E_NULL => c"a pointer is null",
        RINGLOG_E_MISALIGNED => {
            c"a handle or the memory is misaligned; memory of a ring starts at a multiple of 8"
        }
        RINGLOG_E_NOT_OPEN => c"the handle is not open: never opened, or closed",
        RINGLOG_E_OPEN => c"the handle is open already; close it first",
        RINGLOG_E_TAKEN => c"this end of the ring was given out already",
        RINGLOG_E_CLAIM_OPEN => c"a claim is open; commit or abort it first",
        RINGLOG_E_NO_CLAIM => c"nothing is claimed",
        RINGLOG_E_BATCH_OPEN => c"a batch is open; publish or drop it first",
        RINGLOG_E_NO_BATCH => c"no batch was begun",
        RINGLOG_E_CAPACITY => c"the capacity has to be a power of two with room for the longest payload",
        RINGLOG_E_MAX_PAYLOAD => c"no payload is longer than 65535 bytes",
        RINGLOG_E_TOO_SMALL => c"the memory is too small for this ring",
        RINGLOG_E_NOT_A_RING => c"no ring of this layout here",
        RINGLOG_E_DAMAGED => c"the ring's control words contradict each other",
        RINGLOG_E_IO => c"the system refused",
        RINGLOG_E_MISSING => c"there is no such file; start what makes it, or check the path",
        RINGLOG_E_EXISTS => c"something of that name exists",
        RINGLOG_E_BUSY => c"another process is making this ring; open it once it is there",
        RINGLOG_E_NO_SPACE => c"no room for the ring; free some space, or ask for a smaller one",
        RINGLOG_E_NOT_A_FILE => c"not a regular file with one name, as a ring is",
        RINGLOG_E_ROLE_TAKEN => {
            c"this end of the ring is taken by a process that is alive; stop that one first"
        }
        RINGLOG_E_OTHER_BOOT => c"the ring is of an earlier boot; start its recorder, which replaces it",
        RINGLOG_E_OTHER_TYPES => {
            c"events with another list of types are unread; start the ring's recorder, and try again"
        }
        RINGLOG_E_TYPES => c"the list of types is not valid",
        RINGLOG_E_REPLACED => c"the ring was replaced while it was opened; open it again",
        RINGLOG_E_ROLE_FILE => c"something else has the name of a role's file; move it away",
        RINGLOG_E_NOT_A_LOG => c"no log that can be read",
        RINGLOG_E_LOG_DAMAGED => c"the log is damaged here; what was read before is good",
        RINGLOG_E_OVERTAKEN => c"retention deleted what would have been read next; seek to a later sequence",
        RINGLOG_E_NOT_FITTING => c"the payload does not fit the description of its type",
        RINGLOG_E_OTHER => c"an error without a code",
        _ => c"no code of ringlog",
    }
}

/// Returns the code of a write that failed.
#[cold]
pub(crate) fn of_write(error: WriteError) -> c_int {
    match error {
        WriteError::Full => RINGLOG_E_FULL,
        WriteError::PayloadTooLarge { .. } => RINGLOG_E_PAYLOAD_TOO_LONG,
        WriteError::LengthMismatch { .. } => RINGLOG_E_LENGTH,
        WriteError::Flags { .. } => RINGLOG_E_FLAGS,
        WriteError::Fault(_) => RINGLOG_E_CORRUPT,
        // `Closed` is for producers of a group, which C has none of.
        _ => RINGLOG_E_OTHER,
    }
}

/// Returns the code of a ring that could not be made or found.
#[must_use]
pub fn of_ring(error: RingError) -> c_int {
    match error {
        RingError::Capacity { .. } => RINGLOG_E_CAPACITY,
        RingError::MaxPayload { .. } => RINGLOG_E_MAX_PAYLOAD,
        RingError::TooSmall { .. } => RINGLOG_E_TOO_SMALL,
        RingError::Misaligned => RINGLOG_E_MISALIGNED,
        RingError::NotARing => RINGLOG_E_NOT_A_RING,
        RingError::Damaged => RINGLOG_E_DAMAGED,
        RingError::AlreadySplit => RINGLOG_E_TAKEN,
        _ => RINGLOG_E_OTHER,
    }
}

/// Returns the code of a result: that of the error, or [`RINGLOG_OK`].
#[inline]
#[must_use]
pub fn of(result: Result<(), c_int>) -> c_int {
    match result {
        Ok(()) => RINGLOG_OK,
        Err(code) => code,
    }
}
