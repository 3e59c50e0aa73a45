//! Tables with a time in each row, and lines of JSON. Each row is an event.

mod calendar;
mod cells;
mod choice;
mod choose;
mod columns;
mod doubts;
mod encoding;
mod file_columns;
mod format;
mod head;
mod json;
mod names;
mod number;
pub(crate) mod options;
#[cfg(test)]
mod properties;
mod rows;
mod sample;
mod strftime;
mod words;

pub(crate) use cells::Cells;
pub(crate) use file_columns::Columns;
pub(crate) use json::{Fields, JsonFeed};
pub(crate) use options::TableOptions;
pub(crate) use sample::is_missing;
pub(crate) use words::cut;

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use choice::Choice;
use encoding::TextReader;
use rows::{Found, Layout, RowReader};
use sample::Start;

use crate::feed::{Feed, FeedError, Loss, Next, UNFINISHED};
use crate::input::{Input, Padding, Peeked};
use ringlog::event::{GapReason, MAX_PAYLOAD};

const PROBE_BYTES: u64 = 256 * 1024;
/// Fewest bytes of a damaged file by which a choice is made.
const CHOICE_BYTES_MIN: usize = 1024;
/// So far the rest of a file is read for an error of it, if its first bytes allow no choice.
pub(crate) const LOOK_FOR_DAMAGE_BYTES: u64 = 64 << 20;

/// A feed that has chosen how to read its file.
pub(crate) trait ChosenFeed: Feed {
    /// How it is read, in words.
    fn words(&self) -> String;

    /// Gives the event that came last once more.
    fn put_back(&mut self);

    /// Begins again at the first row, with what was chosen.
    fn restart(&mut self) -> Result<(), FeedError>;

    /// How a row is split, and which parts of it are the time; an error says why that is not certain.
    fn columns(&self) -> Result<Columns, String>;

    /// The number of the first line of the row that came last.
    fn row_number(&self) -> u64;

    /// How many bytes of the text, from its start, chose how it is read.
    fn head_bytes(&self) -> u64;

    /// The row that came last, as one that is no event.
    fn lost(&self, reason: GapReason, time: Option<u64>, what: &str) -> Next;
}

/// Gives each row as an event: its time, and its bytes as in the file, without the line end.
///
/// The header, empty lines and comments are not events. UTF-16 is converted to UTF-8.
#[derive(Debug)]
pub(crate) struct TableFeed {
    rows: Rows,
    choice: Choice,
    /// Whether the last row is an event but has no line end.
    has_open_end: bool,
}

impl TableFeed {
    /// Opens a table and finds how to read it.
    pub(crate) fn open(path: &Path, event_type: u8, options: &TableOptions) -> Result<Self, FeedError> {
        let (choice, rows) =
            TableFile::new(path, options.head_bytes).choose(event_type, |text, is_all| {
                let choice = Choice::find(&Start { text, is_all, lines_before: 0 }, options)?;
                let layout = choice.layout;
                Ok((choice, layout))
            })?;
        let mut feed = Self { rows, choice, has_open_end: false };
        feed.pass_head()?;
        Ok(feed)
    }

    fn pass_head(&mut self) -> Result<(), FeedError> {
        for _ in 0..self.choice.lines_to_pass {
            self.rows.pass_line()?;
        }
        if self.choice.has_header {
            while self.rows.find(|_| false)? == Found::Comment {
                self.rows.comments += 1;
            }
        }
        Ok(())
    }
}

impl ChosenFeed for TableFeed {
    fn words(&self) -> String {
        format!("{}; encoding: {}", self.choice.words(), self.rows.encoding())
    }

    fn put_back(&mut self) {
        self.rows.reader.put_back();
    }

    fn restart(&mut self) -> Result<(), FeedError> {
        self.has_open_end = false;
        self.rows.restart(self.choice.layout)?;
        self.pass_head()
    }

    fn columns(&self) -> Result<Columns, String> {
        self.choice.columns()
    }

    fn row_number(&self) -> u64 {
        self.rows.reader.row_number()
    }

    fn head_bytes(&self) -> u64 {
        self.rows.head_bytes
    }

    fn lost(&self, reason: GapReason, time: Option<u64>, what: &str) -> Next {
        self.rows.lost(reason, time, what)
    }
}

impl Feed for TableFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        let choice = &self.choice;
        let next = loop {
            match self.rows.next(payload, |row| choice.time_of(row))? {
                Some(next) => break next,
                None if choice.may_be_row(self.rows.reader.row()) => {
                    break self.rows.lost(
                        GapReason::NotReadable,
                        None,
                        "row that begins with #, or a comment like one",
                    );
                }
                None => self.rows.comments += 1,
            }
        };
        let is_whole = !matches!(next, Next::Event { .. }) || self.rows.reader.row_has_end();
        let cut = if is_whole { None } else { choice.cut_words(payload) };
        self.has_open_end |= !is_whole && cut.is_none();
        Ok(cut.map_or(next, |what| self.rows.lost(GapReason::NotReadable, None, &what)))
    }

    fn read_bytes(&self) -> u64 {
        self.rows.reader.read_bytes()
    }

    fn leave_unfinished(&mut self) {
        self.rows.leaves_unfinished = true;
    }

    fn notes(&self) -> Vec<String> {
        let comments = match self.rows.comments {
            0 => None,
            1 => Some("1 line that begins with # was left out".into()),
            lines => Some(format!("{lines} lines that begin with # were left out")),
        };
        let open_end = self.has_open_end.then(|| {
            "the last row has no line end: if the file was cut inside its last cell, the row does not show that".into()
        });
        comments.into_iter().chain(open_end).chain(self.rows.notes()).collect()
    }
}

/// A file of text.
#[derive(Debug)]
struct TableFile {
    path: PathBuf,
    /// How many bytes of its text may choose how it is read.
    head_bytes: u64,
}

impl TableFile {
    fn new(path: &Path, head_bytes: Option<u64>) -> Self {
        Self { path: path.into(), head_bytes: head_bytes.map_or(PROBE_BYTES, |bytes| bytes.min(PROBE_BYTES)) }
    }

    fn io(&self, action: &'static str, source: io::Error) -> FeedError {
        FeedError::Io { action, what: self.path.display().to_string(), source }
    }

    fn unclear(&self, problem: String) -> FeedError {
        FeedError::Unclear { path: self.path.clone(), problem }
    }

    /// Opens the file and reads this many bytes of its text ahead.
    fn open(&self, ahead_bytes: u64) -> Result<OpenedText, FeedError> {
        let file = Input::open(&self.path).map_err(|source| self.io("open", source))?;
        let padding = file.padding();
        let text = TextReader::new(file).and_then(|text| Peeked::new(text, ahead_bytes));
        Ok(OpenedText { text: text.map_err(|source| self.io("read", source))?, padding })
    }

    /// Opens the file, and lets `choose` say by its first bytes how it is divided. It also learns whether they are all.
    fn choose<T>(
        self,
        event_type: u8,
        choose: impl Fn(&[u8], bool) -> Result<(T, Layout), String>,
    ) -> Result<(T, Rows), FeedError> {
        let opened = self.open(self.head_bytes)?;
        let first = opened.text.head();
        let is_all = (first.len() as u64) < PROBE_BYTES && !opened.text.has_error();
        match choose(first, is_all) {
            Ok((chosen, layout)) => Ok((chosen, Rows::new(self, opened, layout, event_type))),
            Err(problem) => self.choose_before_damage(opened, event_type, choose, problem),
        }
    }

    /// Chooses by fewer bytes if an error of the file is near: those before it may be damaged, too.
    fn choose_before_damage<T>(
        self,
        opened: OpenedText,
        event_type: u8,
        choose: impl Fn(&[u8], bool) -> Result<(T, Layout), String>,
        problem: String,
    ) -> Result<(T, Rows), FeedError> {
        let Err(source) = io::copy(&mut opened.text.take(LOOK_FOR_DAMAGE_BYTES), &mut io::sink()) else {
            return Err(self.unclear(problem));
        };
        let opened = self.open(self.head_bytes)?;
        let mut first = opened.text.head();
        while first.len() >= 2 * CHOICE_BYTES_MIN {
            first = first.get(..first.len() / 2).unwrap_or_default();
            if let Ok((chosen, layout)) = choose(first, false) {
                return Ok((chosen, Rows::new(self, opened, layout, event_type)));
            }
        }
        // What cannot be read may be what is missing for a choice.
        Err(self.io("read", source))
    }
}

#[derive(Debug)]
struct OpenedText {
    text: Peeked<TextReader<Input>>,
    padding: Padding,
}

impl OpenedText {
    fn into_rows(self, layout: Layout) -> (FileRows, Padding) {
        let Self { text, padding } = self;
        let (encoding, start) = (text.rest().encoding, text.rest().start);
        (RowReader::new(BufReader::with_capacity(64 * 1024, text), layout, encoding, start), padding)
    }
}

type FileRows = RowReader<BufReader<Peeked<TextReader<Input>>>>;

/// The rows of a file as events.
#[derive(Debug)]
struct Rows {
    file: TableFile,
    reader: FileRows,
    padding: Padding,
    event_type: u8,
    /// Lines that were left out as comments.
    comments: u64,
    head_bytes: u64,
    leaves_unfinished: bool,
    has_left: bool,
}

impl Rows {
    fn new(file: TableFile, opened: OpenedText, layout: Layout, event_type: u8) -> Self {
        let head_bytes = opened.text.head().len() as u64;
        let (reader, padding) = opened.into_rows(layout);
        let (comments, leaves_unfinished, has_left) = (0, false, false);
        Self { file, reader, padding, event_type, comments, head_bytes, leaves_unfinished, has_left }
    }

    fn restart(&mut self, layout: Layout) -> Result<(), FeedError> {
        (self.reader, self.padding) = self.file.open(0)?.into_rows(layout);
        (self.comments, self.has_left) = (0, false);
        Ok(())
    }

    fn encoding(&self) -> encoding::Encoding {
        self.reader.encoding()
    }

    fn notes(&self) -> Vec<String> {
        self.padding.note().into_iter().chain(self.has_left.then(|| UNFINISHED.into())).collect()
    }

    fn pass_line(&mut self) -> Result<bool, FeedError> {
        self.reader.pass_line().map_err(|source| self.file.io("read", source))
    }

    fn find(&mut self, is_row: impl Fn(&[u8]) -> bool) -> Result<Found, FeedError> {
        self.reader.next_row(is_row).map_err(|source| self.file.io("read", source))
    }

    fn lost(&self, reason: GapReason, time: Option<u64>, what: &str) -> Next {
        let what = format!("line {}: {what}", self.reader.row_number());
        Next::Lost(Loss::skipped(reason, time, self.reader.row_offset(), what))
    }

    /// Returns the next row, with the time that `time_of` finds in it; `None` for a comment.
    fn next(
        &mut self,
        payload: &mut Vec<u8>,
        time_of: impl Fn(&[u8]) -> Result<u64, String>,
    ) -> Result<Option<Next>, FeedError> {
        let found = self.find(|row| time_of(row).is_ok())?;
        if self.leaves_unfinished && found != Found::End && self.reader.is_unfinished(&found) {
            self.has_left = true;
            return Ok(Some(Next::End));
        }
        let row = self.reader.row();
        let time = match found {
            Found::End => return Ok(Some(Next::End)),
            Found::Comment => return Ok(None),
            Found::Broken(problem) => Err(problem),
            Found::Row => time_of(row),
        };
        Ok(Some(match time {
            Err(what) => self.lost(GapReason::NotReadable, None, &what),
            Ok(time) if row.len() > MAX_PAYLOAD => {
                let what = format!("{} bytes, an event holds {MAX_PAYLOAD}", row.len());
                self.lost(GapReason::TooLong, Some(time), &what)
            }
            Ok(timestamp) => {
                payload.clear();
                payload.extend_from_slice(row);
                Next::Event { timestamp, event_type: self.event_type }
            }
        }))
    }
}

#[cfg(test)]
mod tests;
