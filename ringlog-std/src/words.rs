//! Words that the texts of several errors share.
//!
//! An error's text is `CAUSE; ADVICE`, with one `; ` between the two. An error that reports another one takes only
//! the [`cause`]: advice is given once.
#![forbid(unsafe_code)]

use std::{fmt, io};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// A number of things: `1 byte`, `2 bytes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counted(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one) = self;
        write!(f, "{count} {one}{}", if *count == 1 { "" } else { "s" })
    }
}

/// Returns an error's text without the advice.
pub fn cause(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.split_once("; ").map_or(text.as_str(), |(cause, _)| cause).to_owned()
}

/// Returns what to do where the system refuses.
pub(crate) fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path, and whether it was renamed or deleted",
        io::ErrorKind::NotADirectory => "check the path",
        io::ErrorKind::IsADirectory => "give a file",
        io::ErrorKind::AddrInUse => "stop the program that has it, or choose another one",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine",
        io::ErrorKind::PermissionDenied => "check who may read and write there",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::FileTooLarge if has_size_limit(u64::MAX) => {
            "ask for less, or raise the limit (`ulimit -f`)"
        }
        io::ErrorKind::FileTooLarge => "choose a file system that takes files of that size",
        io::ErrorKind::InvalidFilename => "choose another name",
        _ if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            "start what reads the pipe or serves the device, or choose another file"
        }
        _ => "check the path and its file system, and try again",
    }
}

/// Returns whether this process must not create a file of this size (`ulimit -f`). A file system has a limit too,
/// with the same error.
pub(crate) fn has_size_limit(bytes: u64) -> bool {
    getrlimit(Resource::Fsize).current.is_some_and(|most| most < bytes)
}

/// Returns what the system said and what to do; errors that this program creates have both.
pub fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    if text.contains("; ") { text } else { format!("{text}; {}", io_advice(error)) }
}

/// Whether a terminal or an editor takes this character as a command: control characters, line and paragraph
/// separators, and changes of the writing direction.
#[cfg(feature = "schema")]
pub fn is_risky(sign: char) -> bool {
    let turns = matches!(sign, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}');
    sign.is_control() || turns || matches!(sign, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let said = [0, 1, 2].map(|count| Counted(count, "byte").to_string());
        assert_eq!(said, ["0 bytes", "1 byte", "2 bytes"]);
    }

    #[test]
    fn a_cause_is_what_comes_before_the_advice() {
        assert_eq!(cause(&"x: broken; mend it; twice"), "x: broken");
        assert_eq!(cause(&"x: broken"), "x: broken");
    }
}
