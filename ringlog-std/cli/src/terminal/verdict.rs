//! Text with coloured verdicts: green for what is sound, yellow for what may matter, red for damage.
#![forbid(unsafe_code)]

use std::io::Write;
use std::ops::{AddAssign, Range};

use anstyle::{AnsiColor, Style};

use super::words::printable_lines;
use crate::error::CliError;
use crate::terminal::standard_input::named;

/// What a verdict means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// It may matter.
    Fair,
    /// Something is damaged or missing.
    Bad,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Fair => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Text of which some words have a tone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ToneText {
    text: String,
    tones: Vec<(Range<usize>, Tone)>,
}

impl ToneText {
    /// Begins with a word of this tone.
    pub(crate) fn of(tone: Tone, word: &str) -> Self {
        let mut text = Self::default();
        text.add(tone, word);
        text
    }

    /// Adds a word of this tone.
    pub(crate) fn add(&mut self, tone: Tone, word: &str) {
        let start = self.text.len();
        self.text += word;
        self.tones.push((start..self.text.len(), tone));
    }

    /// Adds other text.
    pub(crate) fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text += &other.text;
        let moved = other.tones.iter().map(|(range, tone)| (range.start + start..range.end + start, *tone));
        self.tones.extend(moved);
    }

    /// Returns the text with the sequences that colour it. What could control a terminal otherwise is escaped.
    fn styled(&self) -> String {
        let (mut styled, mut at) = (String::new(), 0);
        let part = |range: Range<usize>| printable_lines(self.text.get(range).unwrap_or_default());
        for (range, tone) in &self.tones {
            let style = tone.style();
            styled += &part(at..range.start);
            styled += &format!("{style}{}{style:#}", part(range.clone()));
            at = range.end;
        }
        styled + &part(at..self.text.len())
    }

    /// Prints the text. Colours are left out where standard output shows none, and with `NO_COLOR`; `CLICOLOR_FORCE` has them in
    /// any case.
    pub(crate) fn print(&self) -> Result<(), CliError> {
        let mut out = anstream::stdout().lock();
        out.write_all(named(&self.styled()).as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
    }
}

impl AddAssign<&str> for ToneText {
    fn add_assign(&mut self, text: &str) {
        self.text += text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_with_a_tone_are_coloured_and_nothing_else_controls_a_terminal() {
        let mut text = ToneText::of(Tone::Bad, "loss");
        text += ": \x1b[2J in 1 file\n";
        let mut other = ToneText::default();
        other += "a.evtl  ";
        other.add(Tone::Good, "clean");
        other += "\n";
        text.append(&other);
        let styled = text.styled();
        assert_eq!(
            anstream::adapter::strip_str(&styled).to_string(),
            "loss: \\u001b[2J in 1 file\na.evtl  clean\n"
        );
        assert!(styled.contains("\x1b[31m") && styled.contains("\x1b[32mclean\x1b[0m\n"), "{styled:?}");
    }
}
