//! Reads a whole log and describes what it holds.

use std::path::Path;

use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::read::lines::{SegmentLine, WriterLine};
use crate::read::source::LogSource;
use crate::read::stats::RecordStats;
use crate::read::types::{TypeLine, TypeLines, words};
use crate::terminal::verdict::{Tone, ToneText};
use crate::terminal::words::{clock_name, grouped, size};
use ringlog::programs::unreported_loss;

/// What a log holds up to its end, or up to the first record that cannot be read.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) stats: RecordStats,
    pub(crate) segments: Vec<SegmentLine>,
    /// None for a single file.
    pub(crate) writer: Option<WriterLine>,
    pub(crate) clock: String,
    /// What there is of each type, for programs.
    pub(crate) types: Vec<TypeLine>,
    type_words: Vec<String>,
    /// Why reading ended before the end of the log.
    pub(crate) problem: Option<CliError>,
}

impl Survey {
    /// Reads and checks every record; the log may be empty.
    pub(crate) fn of(path: &Path, schema: Option<&Path>) -> Result<Self, CliError> {
        let descriptions = Descriptions::of(&[path.into()], schema)?;
        let mut survey = Self::read(LogSource::open_or_empty(path)?, path, &descriptions);
        if let Some((_, gap)) = unreported_loss(path) {
            survey.stats.add_unreported(&gap);
        }
        Ok(survey)
    }

    fn read(mut source: LogSource, path: &Path, descriptions: &Descriptions) -> Self {
        // Before its records are read: retention may take a segment meanwhile.
        let segments = source.segments();
        let (mut stats, mut types) = (RecordStats::default(), TypeLines::default());
        let problem = loop {
            match source.next_event() {
                Ok(Some(event)) => {
                    stats.add(&event);
                    types.add(&event, descriptions);
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let missing = || source.missing_start().map(|missing| CliError::Unreadable(missing.to_string()));
        let problem = problem.or_else(missing);
        stats.name_times(source.clock());
        let writer = path.is_dir().then(|| source.writer_file(path));
        let types = types.into_lines(source.clock());
        let type_words = words(&types, source.clock());
        Self { stats, segments, writer, clock: clock_name(source.clock()), types, type_words, problem }
    }

    /// Returns the contents in words, one line each.
    pub(crate) fn words(&self, log: &Path) -> ToneText {
        let stats = &self.stats;
        let moment = |timestamp: Option<u64>, date: &Option<String>| match (date, timestamp) {
            (Some(date), _) => date.clone(),
            (None, Some(timestamp)) => timestamp.to_string(),
            (None, None) => "none".into(),
        };
        let mut text = ToneText::default();
        text += &format!("log      {}\n", log.display());
        text += &format!("events   {}\n", grouped(stats.events));
        text += "lost     ";
        text.add(if stats.has_loss() { Tone::Fair } else { Tone::Good }, &stats.lost_words());
        text += "\n";
        text += &format!(
            "bytes    {} in records, {} of them payload\n",
            size(stats.bytes),
            size(stats.payload_bytes)
        );
        text += &format!("first    {}\n", moment(stats.first_timestamp, &stats.first_time));
        text += &format!("last     {}\n", moment(stats.last_timestamp, &stats.last_time));
        text += &format!("clock    {}\n", self.clock);
        for (words, at) in self.type_words.iter().zip(0..) {
            text += &format!("{}{words}\n", if at == 0 { "types    " } else { "         " });
        }
        if self.type_words.is_empty() {
            text += "types    none\n";
        }
        if let Some(writer) = &self.writer {
            text += &format!("identity {}\n", writer.identity.as_deref().unwrap_or("unknown"));
            text += "end      ";
            text.add(writer.tone(), &writer.end_words(log));
            text += &format!("\n{}", writer.cursor_words());
        }
        for (segment, at) in self.segments.iter().zip(0..) {
            text += &format!("{}{}  ", if at == 0 { "files    " } else { "         " }, segment.words());
            text.add(segment.tone(), segment.state);
            text += "\n";
        }
        text
    }
}
