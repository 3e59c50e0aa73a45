//! What of a file a log already has, and the rest of that file: `import --resume`.
//!
//! The log itself is the state. Each segment that a run with `--resume` writes says in its META record of the log which file
//! its records are from. A file is read from its start, and each record that the log has of it is compared with what the file
//! gives: the first one without a record is where the import continues. So nothing is stored that could be ahead of the
//! records or short of them, whenever a run is killed, and a file that was replaced is found by its first row that differs.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::error::CliError;
use crate::feed::{Feed, FeedError, Loss, Next};
use crate::terminal::signals::Stop;
use crate::terminal::words::{counted, grouped};
use ringlog::event::{Event, Gap};
use ringlog::programs::{LogIndex, WRITER_FILE};
use ringlog::schema::LogInfo;
use ringlog::storage::{LogScan, LogWriterOptions, OpenError, SchemaList, SyncError};

/// Words of the log's description: the path; the device, the inode, and when the file was made if the file system knows.
const PATH: &str = "import";
const IDENTITY: &str = "import_file";
/// How much of the file chose how a table is read, and by how many rows a type was inferred. A longer file could choose
/// otherwise.
const HEAD: &str = "import_head";
const ROWS: &str = "import_rows";

/// Which file the records of a segment are from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    path: String,
    identity: String,
    pub(crate) head_bytes: Option<u64>,
    pub(crate) sample_rows: Option<u64>,
}

impl Mark {
    fn of(file: &Path) -> Result<Self, CliError> {
        let path = fs::canonicalize(file).map_err(CliError::io("open", file))?;
        let metadata = path.metadata().map_err(CliError::io("open", file))?;
        // The inode of a file that was deleted is soon that of another one, which was made later.
        let made = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or_else(String::new, |time| format!(":{}", time.as_nanos()));
        Ok(Self {
            path: path.to_string_lossy().into_owned(),
            identity: format!("{}:{}{made}", metadata.dev(), metadata.ino()),
            ..Self::default()
        })
    }

    fn said_in(list: &SchemaList) -> Option<Self> {
        let log = LogInfo::parse(list.of_log()?).ok()?;
        let number = |name| log.user(name).and_then(|word| word.parse().ok());
        Some(Self {
            path: log.user(PATH)?.into(),
            identity: log.user(IDENTITY)?.into(),
            head_bytes: number(HEAD),
            sample_rows: number(ROWS),
        })
    }

    /// Whether both may name one file: it may have been renamed, or copied to the place of the other.
    fn may_be(&self, other: &Self) -> bool {
        self.path == other.path || self.identity == other.identity
    }

    /// Whether both name one file, if nobody has changed what is in it.
    fn is(&self, other: &Self) -> bool {
        self.path == other.path && self.identity == other.identity
    }

    fn put_into(&self, list: &mut SchemaList) -> Result<(), CliError> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let words = [
            (PATH, Some(self.path.clone())),
            (IDENTITY, Some(self.identity.clone())),
            (HEAD, number(self.head_bytes)),
            (ROWS, number(self.sample_rows)),
        ];
        for (name, word) in words {
            let Some(word) = word else { continue };
            list.insert_user(name, &word).map_err(|error| {
                CliError::Unreadable(format!("{}: --resume: {error}; import it without --resume", self.path))
            })?;
        }
        Ok(())
    }
}

/// The records that a log has of a file.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) mark: Mark,
    /// What the segments that have them say, and their sequences; none if the file is new to the log.
    segments: Vec<(Mark, u64, u64)>,
    /// The sequence at which the log ends; `None` if it has no file.
    pub(crate) log_end: Option<u64>,
}

impl Taken {
    /// Looks for the records. First puts right what a kill left of the log, as the next run would do.
    pub(crate) fn of(file: &Path, log: &Path, options: LogWriterOptions) -> Result<Self, CliError> {
        let mut taken = Self { mark: Mark::of(file)?, segments: Vec::new(), log_end: None };
        if !log.join(WRITER_FILE).exists() && LogScan::open(log).is_err() {
            return Ok(taken);
        }
        match options.open(log)?.close() {
            Ok(_) | Err(SyncError::UnreportedLoss { .. } | SyncError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let mut scan = match LogScan::open(log) {
            Err(OpenError::NoSegments { .. }) => return Ok(taken),
            other => other?,
        };
        taken.log_end = Some(LogIndex::open(log)?.next_sequence()?);
        let starts: Vec<u64> = scan.segments().iter().map(|it| it.header.base_sequence).collect();
        let ends = starts.iter().skip(1).copied().chain(taken.log_end);
        for (start, end) in starts.iter().copied().zip(ends) {
            scan.seek(start)?;
            let Some(mark) = Mark::said_in(&scan.schemas()?).filter(|it| it.may_be(&taken.mark)) else {
                continue;
            };
            taken.segments.push((mark, start, end));
        }
        taken.read_as_at_first();
        match starts.first() {
            Some(&first) if first > 0 => Err(CliError::Unreadable(format!(
                "{}: --resume: the log begins with record {first}, so what it had of {} is not known; import the rest \
                 without --resume",
                log.display(),
                file.display()
            ))),
            _ => Ok(taken),
        }
    }

    /// Takes over what the first segment says about how the file is read.
    fn read_as_at_first(&mut self) {
        let first = self.segments.first().map(|(mark, ..)| (mark.head_bytes, mark.sample_rows));
        (self.mark.head_bytes, self.mark.sample_rows) = first.unwrap_or_default();
    }

    /// Whether a segment is of a file that had the name or the inode, and need not be this one.
    fn has_others(&self) -> bool {
        self.segments.iter().any(|(mark, ..)| !mark.is(&self.mark))
    }

    /// Forgets such segments.
    pub(crate) fn forget_others(&mut self) {
        let own = &self.mark;
        self.segments.retain(|(mark, ..)| mark.is(own));
        self.read_as_at_first();
    }
}

/// What comparing a file with the log showed.
pub(crate) enum Passed {
    /// The file continues what the log has, in words.
    UpTo(String),
    /// The records are of a file that had the name or the inode before.
    OfOther,
    /// A signal asked to stop.
    Stopped,
}

/// The rest of a file.
pub(crate) struct ResumedFeed {
    feed: Box<dyn Feed>,
    /// The next step, with its payload, if it is known already.
    ahead: Option<Next>,
    payload: Vec<u8>,
    /// What describes the events from here on.
    schemas: SchemaList,
    mark: Mark,
    /// Events and lost ones that the log has.
    passed: u64,
    compares_times: bool,
}

impl ResumedFeed {
    /// Takes the events of `feed`. Those of some files have the time of their import, which is not compared.
    pub(crate) fn new(feed: Box<dyn Feed>, mark: Mark, compares_times: bool) -> Result<Self, CliError> {
        let schemas = feed.schemas();
        let mut feed =
            Self { feed, ahead: None, payload: Vec::new(), schemas, mark, passed: 0, compares_times };
        feed.mark.put_into(&mut feed.schemas)?;
        Ok(feed)
    }

    /// Passes over what the log has.
    pub(crate) fn pass(
        &mut self,
        taken: &Taken,
        file: &Path,
        log: &Path,
        stop: &Stop,
    ) -> Result<Passed, CliError> {
        if taken.segments.is_empty() {
            return Ok(Passed::UpTo("nothing of the file is in the log yet".into()));
        }
        let mut scan = LogScan::open(log)?;
        for &(_, start, end) in &taken.segments {
            scan.seek(start)?;
            while scan.next_sequence() < end {
                if stop.is_set() {
                    return Ok(Passed::Stopped);
                }
                let Some(event) = scan.next_event()? else { break };
                let (sequence, from) = (event.sequence, self.feed.read_bytes());
                if event.is_meta() || self.passes(&event)? {
                    continue;
                }
                let is_other = taken.has_others() && self.begins_otherwise(&event);
                if is_other {
                    return Ok(Passed::OfOther);
                }
                let place = (scan.segment().path.clone(), sequence);
                return Err(self.differs(file, from, &place.0, place.1, taken));
            }
        }
        let mut schemas = SchemaList::new();
        for (topic, json) in self.schemas.iter().filter(|(_, json)| !json.is_empty()) {
            // It was short enough for the other list.
            let _ = schemas.insert(topic, json);
        }
        self.mark.put_into(&mut schemas)?;
        self.schemas = schemas;
        let events = counted(self.passed, "event");
        Ok(Passed::UpTo(format!(
            "continuing after {events} of the file that the log has, at byte {}",
            grouped(self.at())
        )))
    }

    /// Whether the file, of which nothing was passed, cannot be the one that the log has, even if it is read in another way.
    fn begins_otherwise(&self, event: &Event<'_>) -> bool {
        self.passed == 0
            && !event.header.is_gap()
            && match &self.ahead {
                Some(Next::Event { timestamp, .. }) if self.compares_times => {
                    *timestamp != event.header.timestamp
                }
                Some(Next::Event { .. }) => self.payload != event.payload,
                Some(Next::Kept(header)) => header.timestamp != event.header.timestamp,
                Some(Next::End) => true,
                _ => false,
            }
    }

    /// The offset after what was passed, or after the step that is known already.
    fn at(&self) -> u64 {
        self.feed.read_bytes()
    }

    fn differs(&self, file: &Path, from: u64, segment: &Path, sequence: u64, taken: &Taken) -> CliError {
        let has = match &self.ahead {
            Some(Next::End) => {
                format!("it ends at byte {} after {}", self.at(), counted(self.passed, "event"))
            }
            _ => {
                format!("its event {} between bytes {from} and {} is another one", self.passed + 1, self.at())
            }
        };
        CliError::Unreadable(format!(
            "{}: --resume: {has}, and {} has record {sequence} in this place, of {}; the file was cut or replaced, or is read \
             with other options: give those of the first import, or import it without --resume if it is another file",
            file.display(),
            segment.display(),
            taken.mark.path,
        ))
    }

    /// Whether the file gives this record next. If so, passes over it.
    fn passes(&mut self, event: &Event<'_>) -> Result<bool, FeedError> {
        let Some(gap) = event.gap() else {
            self.look_ahead()?;
            let time = event.header.timestamp;
            let is_it = match &self.ahead {
                Some(Next::Event { timestamp, event_type }) => {
                    *event_type == event.header.event_type && (!self.compares_times || *timestamp == time)
                }
                Some(Next::Kept(header)) => {
                    header.event_type == event.header.event_type && header.timestamp == time
                }
                _ => false,
            };
            let is_it = is_it && self.payload == event.payload;
            if is_it {
                self.take(1);
            }
            return Ok(is_it);
        };
        // The log wrote it itself: the file knows nothing of it.
        if gap.log_side {
            return Ok(true);
        }
        let mut left = gap.count;
        loop {
            self.look_ahead()?;
            match (self.lost_ahead(), left) {
                (Some(0), 0) => self.take(1),
                (Some(count), _) if (1..=left).contains(&count) => {
                    self.take(count);
                    left -= count;
                    if left > 0 {
                        continue;
                    }
                }
                // After an error a run reports the rest of the file as lost. The rest can be read now.
                _ => return Ok(gap.count == 0),
            }
            return Ok(true);
        }
    }

    /// How many events the next step says are lost, if it does.
    fn lost_ahead(&self) -> Option<u64> {
        match &self.ahead {
            Some(Next::Lost(Loss { gap, .. })) => Some(gap.count),
            Some(Next::Kept(header)) if header.is_gap() => {
                Gap::from_payload(&self.payload).map(|gap| gap.count)
            }
            _ => None,
        }
    }

    fn take(&mut self, count: u64) {
        self.ahead = None;
        self.passed += count;
    }

    fn look_ahead(&mut self) -> Result<(), FeedError> {
        while self.ahead.is_none() {
            match self.feed.next_event(&mut self.payload)? {
                Next::Described(changes) => self.schemas.extend(&changes),
                Next::Idle => {}
                next => self.ahead = Some(next),
            }
        }
        Ok(())
    }
}

impl Feed for ResumedFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        if let Some(next) = self.ahead.take() {
            std::mem::swap(payload, &mut self.payload);
            return Ok(next);
        }
        let mut next = self.feed.next_event(payload)?;
        if let Next::Described(changes) = &mut next
            && changes.of_log().is_some()
        {
            // It was short enough at the start.
            let _ = self.mark.put_into(changes);
        }
        Ok(next)
    }

    fn stop(&mut self) -> bool {
        self.feed.stop()
    }

    fn read_bytes(&self) -> u64 {
        self.feed.read_bytes()
    }

    fn look_for_loss(&mut self) -> Option<Loss> {
        self.feed.look_for_loss()
    }

    fn schemas(&self) -> SchemaList {
        self.schemas.clone()
    }

    fn notes(&self) -> Vec<String> {
        self.feed.notes()
    }
}
