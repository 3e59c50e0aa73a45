//! What standard output is: a terminal of some width, or something that is read by a program.
#![forbid(unsafe_code)]

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};
use unicode_width::UnicodeWidthChar;

/// How lines for people are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Screen {
    /// The columns of the terminal; `None` where lines are not cut.
    pub(crate) width: Option<usize>,
    /// Whether parts of a line are coloured.
    pub(crate) is_coloured: bool,
}

impl Screen {
    /// Returns what standard output is. Colours are off with `NO_COLOR` and where they have no effect.
    pub(crate) fn of_stdout() -> Self {
        let out = std::io::stdout();
        let width = if out.is_terminal() { terminal_size::terminal_size_of(&out) } else { None };
        Self {
            width: width.map(|(width, _)| usize::from(width.0)).filter(|&width| width > 0),
            is_coloured: AutoStream::choice(&out) != ColorChoice::Never,
        }
    }
}

/// Returns the part of a text that fits into this many columns, and how many columns it takes.
pub(crate) fn fitting(text: &str, columns: usize) -> (&str, usize) {
    let mut taken = 0;
    for (at, sign) in text.char_indices() {
        let width = if sign == '\t' { 8 - taken % 8 } else { sign.width().unwrap_or(0) };
        if taken + width > columns {
            return (text.get(..at).unwrap_or_default(), taken);
        }
        taken += width;
    }
    (text, taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_not_bytes() {
        assert_eq!(fitting("abc", 3), ("abc", 3));
        assert_eq!(fitting("abcd", 3), ("abc", 3));
        assert_eq!(fitting("日本語", 5), ("日本", 4));
        assert_eq!(fitting("éa\u{301}b", 2), ("éa\u{301}", 2));
        assert_eq!(fitting("", 0), ("", 0));
    }
}
