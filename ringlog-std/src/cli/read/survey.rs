//! Reading a whole log and saying what is in it.

use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::read::source::{LogSource, SegmentLine, WriterLine};
use crate::cli::read::tally::Tally;
use crate::cli::terminal::words::{clock_name, grouped, size};
use crate::storage::unreported_loss;

/// What a log holds, up to its end or to the first record that cannot be read.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) tally: Tally,
    pub(crate) segments: Vec<SegmentLine>,
    /// None of a single file.
    pub(crate) writer: Option<WriterLine>,
    pub(crate) clock: String,
    /// Why reading ended before the log did.
    pub(crate) problem: Option<CliError>,
}

impl Survey {
    /// Reads and checks every record, also of a log into which nothing was written yet.
    pub(crate) fn of(path: &Path) -> Result<Self, CliError> {
        let mut survey = Self::read(LogSource::open_or_empty(path)?, path);
        if let Some((_, gap)) = unreported_loss(path) {
            survey.tally.add_unreported(&gap);
        }
        Ok(survey)
    }

    fn read(mut source: LogSource, path: &Path) -> Self {
        let mut tally = Tally::default();
        let problem = loop {
            match source.next_event() {
                Ok(Some(event)) => tally.add(&event),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let missing = || source.missing_start().map(|missing| CliError::Unreadable(missing.to_string()));
        let problem = problem.or_else(missing);
        tally.name_times(source.clock());
        let writer = path.is_dir().then(|| source.writer_file(path));
        Self { tally, segments: source.segments(), writer, clock: clock_name(source.clock()), problem }
    }

    /// The contents in words, one line each.
    pub(crate) fn print(&self, log: &Path) -> String {
        let tally = &self.tally;
        let moment = |timestamp: Option<u64>, date: &Option<String>| match (date, timestamp) {
            (Some(date), _) => date.clone(),
            (None, Some(timestamp)) => timestamp.to_string(),
            (None, None) => "none".into(),
        };
        let mut text = format!("log      {}\n", log.display());
        text += &format!("events   {}\n", grouped(tally.events));
        text += &format!("lost     {}\n", tally.lost_words());
        text += &format!(
            "bytes    {} in records, {} of them payload\n",
            size(tally.bytes),
            size(tally.payload_bytes)
        );
        text += &format!("first    {}\n", moment(tally.first_timestamp, &tally.first_time));
        text += &format!("last     {}\n", moment(tally.last_timestamp, &tally.last_time));
        text += &format!("clock    {}\n", self.clock);
        text += &format!("types    {}\n", types_words(tally));
        if let Some(writer) = &self.writer {
            text += &format!("identity {}\n", writer.identity.as_deref().unwrap_or("unknown"));
            text += &format!("end      {}\n{}", writer.end_words(log), writer.cursor_words());
        }
        for (segment, at) in self.segments.iter().zip(0..) {
            text += &format!("{}{segment}\n", if at == 0 { "files    " } else { "         " });
        }
        text
    }
}

fn types_words(tally: &Tally) -> String {
    let words: Vec<String> =
        tally.types.iter().map(|(event_type, count)| format!("{event_type}: {}", grouped(*count))).collect();
    if words.is_empty() { "none".into() } else { words.join("  ") }
}
