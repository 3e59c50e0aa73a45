//! Tables with a time in each row, and lines of JSON. Each row is an event.

mod calendar;
mod cells;
mod choice;
mod choose;
mod columns;
mod doubts;
mod encoding;
mod format;
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

pub(crate) use json::JsonFeed;
pub(crate) use options::TableOptions;

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use choice::Choice;
use encoding::TextReader;
use rows::{Found, Layout, RowReader};
use sample::Start;

use crate::cli::feed::{Feed, FeedError, Loss, Next};
use crate::cli::input::{Input, Padding};
use crate::event::{GapReason, MAX_PAYLOAD};

const PROBE_BYTES: u64 = 256 * 1024;

/// A feed that has chosen how to read its file.
pub(crate) trait ChosenFeed: Feed {
    /// How it is read, in words.
    fn words(&self) -> String;

    /// Begins again at the first row, with what was chosen.
    fn restart(&mut self) -> Result<(), FeedError>;
}

/// Gives each row as an event: its time, and its bytes as in the file, without the line end.
///
/// The header, empty lines and comments are not events. UTF-16 is converted to UTF-8.
#[derive(Debug)]
pub(crate) struct TableFeed {
    rows: Rows,
    choice: Choice,
}

impl TableFeed {
    /// Opens a table and finds how to read it.
    pub(crate) fn open(path: &Path, event_type: u8, options: &TableOptions) -> Result<Self, FeedError> {
        let file = TableFile::new(path);
        let (first, is_all) = file.probe()?;
        let start = Start { text: &first, is_all, lines_before: 0 };
        let choice = Choice::find(&start, options).map_err(|problem| file.unclear(problem))?;
        let mut feed = Self { rows: Rows::open(file, choice.layout, event_type)?, choice };
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

    fn restart(&mut self) -> Result<(), FeedError> {
        self.rows.restart(self.choice.layout)?;
        self.pass_head()
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
        Ok(cut.map_or(next, |what| self.rows.lost(GapReason::NotReadable, None, &what)))
    }

    fn read_bytes(&self) -> u64 {
        self.rows.reader.read_bytes()
    }

    fn notes(&self) -> Vec<String> {
        let comments = match self.rows.comments {
            0 => None,
            1 => Some("1 line that begins with # was left out".into()),
            lines => Some(format!("{lines} lines that begin with # were left out")),
        };
        comments.into_iter().chain(self.rows.padding.note()).collect()
    }
}

/// A file of text.
#[derive(Debug)]
struct TableFile {
    path: PathBuf,
}

impl TableFile {
    fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    fn io(&self, action: &'static str, source: std::io::Error) -> FeedError {
        FeedError::Io { action, what: self.path.display().to_string(), source }
    }

    fn unclear(&self, problem: String) -> FeedError {
        FeedError::Unclear { path: self.path.clone(), problem }
    }

    fn open(&self) -> Result<(TextReader<Input>, Padding), FeedError> {
        let file = Input::open(&self.path).map_err(|source| self.io("open", source))?;
        let padding = file.padding();
        let text = TextReader::new(file).map_err(|source| self.io("read", source))?;
        Ok((text, padding))
    }

    fn rows(&self, layout: Layout) -> Result<(FileRows, Padding), FeedError> {
        let (text, padding) = self.open()?;
        let (encoding, start) = (text.encoding, text.start);
        Ok((RowReader::new(BufReader::with_capacity(64 * 1024, text), layout, encoding, start), padding))
    }

    /// Returns the first bytes of the text, and whether they are all of it.
    fn probe(&self) -> Result<(Vec<u8>, bool), FeedError> {
        let mut text = Vec::new();
        let read = self.open()?.0.take(PROBE_BYTES).read_to_end(&mut text);
        read.map_err(|source| self.io("read", source))?;
        let is_all = (text.len() as u64) < PROBE_BYTES;
        Ok((text, is_all))
    }
}

type FileRows = RowReader<BufReader<TextReader<Input>>>;

/// The rows of a file as events.
#[derive(Debug)]
struct Rows {
    file: TableFile,
    reader: FileRows,
    padding: Padding,
    event_type: u8,
    /// Lines that were left out as comments.
    comments: u64,
}

impl Rows {
    fn open(file: TableFile, layout: Layout, event_type: u8) -> Result<Self, FeedError> {
        let (reader, padding) = file.rows(layout)?;
        Ok(Self { file, reader, padding, event_type, comments: 0 })
    }

    fn restart(&mut self, layout: Layout) -> Result<(), FeedError> {
        (self.reader, self.padding) = self.file.rows(layout)?;
        self.comments = 0;
        Ok(())
    }

    fn encoding(&self) -> encoding::Encoding {
        self.reader.encoding()
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
