//! What a device sends, as a feed: records as they are, GAP records where some are missing, a segment for each life.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::feed::{Feed, FeedError, Loss, Next};
use crate::output::{PrintStyle, Printer};
use crate::terminal::messages::{FEED, info, warn};
use crate::terminal::signals::Stop;
use crate::terminal::words::{clock_name, counted, unix_now};
use crate::wire::arrivals::Arrivals;
use crate::wire::bytes::{Got, WireBytes};
use crate::wire::heard::Heard;
use ringlog::event::{ClockKind, Event, EventHeader, Gap, GapReason, MetaTopic};
use ringlog::programs::io_words;
use ringlog::schema::LogInfo;
use ringlog::storage::{SchemaList, SegmentSchemas};
use ringlog_nostd::format::FileHeader;

/// What was heard before the log is opened: until its clock is known, but no more records than this, and no longer.
const HELD_MOST: usize = 10_000;
const HELD_LONGEST: Duration = Duration::from_secs(2);

/// How to listen.
#[derive(Clone, Debug)]
pub(crate) struct WireOptions {
    pub(crate) device: PathBuf,
    pub(crate) baud: u32,
    /// What is known of its events and of its log, besides what it says itself.
    pub(crate) schemas: SchemaList,
    /// The rate of the device's clock, if the device does not say it.
    pub(crate) ticks_per_second: Option<u64>,
    /// How to print what arrives, if it is printed.
    pub(crate) print: Option<PrintStyle>,
    /// Whether the log may hold the records that the device sent before.
    pub(crate) continues: bool,
    /// When to give up waiting for the first frame.
    pub(crate) until: Option<Instant>,
}

/// What was heard in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct WireSummary {
    /// Whole frames, or records of a stream without frames.
    pub(crate) frames: u64,
    /// How often the device started anew.
    pub(crate) resets: u64,
    /// Pieces that were neither a whole frame nor text.
    pub(crate) broken: u64,
    /// Their bytes.
    pub(crate) broken_bytes: u64,
}

/// Listens to a device.
#[derive(Debug)]
pub(crate) struct WireFeed {
    options: WireOptions,
    source: WireBytes,
    arrivals: Arrivals,
    chunk: Vec<u8>,
    heard: VecDeque<Heard>,
    text: Vec<String>,
    read_bytes: u64,
    /// What has arrived is taken, and nothing is waited for.
    is_stopping: bool,
    has_ended: bool,
    clock: ClockKind,
    /// Lives that were heard so far.
    lives: u64,
    header: Option<FileHeader>,
    /// What the device says of its events and of its log.
    meta: SchemaList,
    /// The first time of the present life and when it arrived, in unix nanoseconds.
    arrival: Option<(u64, u64)>,
    /// Whether what describes the records may have changed.
    is_stale: bool,
    /// What describes the records in the log.
    described: SchemaList,
    print: Option<Live>,
}

/// What is printed while it arrives.
#[derive(Debug)]
struct Live {
    printer: Printer<BufWriter<Stdout>>,
    schemas: std::sync::Arc<SegmentSchemas>,
    records: u64,
}

impl WireFeed {
    /// Opens the device and listens until its clock is known.
    pub(crate) fn open(mut options: WireOptions, stop: &Stop) -> Result<Self, FeedError> {
        let source = WireBytes::open(&options.device, options.baud)?;
        let print = options.print.take().map(Live::new).transpose();
        let print = print.map_err(|source| FeedError::Io {
            action: "write it",
            what: "standard output".into(),
            source,
        })?;
        let mut feed = Self {
            options,
            source,
            arrivals: Arrivals::new(),
            chunk: Vec::new(),
            heard: VecDeque::new(),
            text: Vec::new(),
            read_bytes: 0,
            is_stopping: false,
            has_ended: false,
            clock: ClockKind::Ticks,
            lives: 0,
            header: None,
            meta: SchemaList::new(),
            arrival: None,
            is_stale: false,
            described: SchemaList::new(),
            print,
        };
        feed.hear_first(stop)?;
        Ok(feed)
    }

    /// Returns the clock of the device's records.
    pub(crate) const fn clock(&self) -> ClockKind {
        self.clock
    }

    /// Returns what was heard.
    pub(crate) fn summary(&self) -> WireSummary {
        let noise = self.arrivals.noise();
        WireSummary {
            frames: self.arrivals.frames(),
            resets: self.lives.saturating_sub(1),
            broken: noise.pieces,
            broken_bytes: noise.bytes,
        }
    }

    /// Whether something came of which nothing can be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        let has_none = self.arrivals.frames() == 0 && self.read_bytes > 0;
        has_none || self.arrivals.noise().other_version.is_some()
    }

    /// Listens until the first header has come, and what describes the records after it.
    fn hear_first(&mut self, stop: &Stop) -> Result<(), FeedError> {
        let mut since = None;
        while !stop.is_set() && !self.has_ended && self.heard.len() < HELD_MOST {
            let header = self.heard.iter().position(|it| matches!(it, Heard::Header(_)));
            let is_after = |it: &Heard| matches!(it, Heard::Record(..));
            if header.is_some_and(|at| self.heard.iter().skip(at).any(is_after)) {
                break;
            }
            if !self.heard.is_empty() && since.get_or_insert_with(Instant::now).elapsed() > HELD_LONGEST {
                break;
            }
            if self.options.until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            self.listen()?;
        }
        self.put_descriptions_first();
        if let Some(Heard::Header(header)) = self.heard.iter().find(|it| matches!(it, Heard::Header(_))) {
            self.clock = header.clock();
        }
        Ok(())
    }

    /// Moves what the first life says of its records before them: the log then begins with it.
    fn put_descriptions_first(&mut self) {
        let is_life = |it: &Heard| matches!(it, Heard::Life);
        let end = self.heard.iter().skip(1).position(is_life).map_or(self.heard.len(), |at| at + 1);
        let later = self.heard.split_off(end);
        let (first, rest): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.heard)
            .into_iter()
            .partition(|it| matches!(it, Heard::Life | Heard::Header(_) | Heard::Meta(..)));
        self.heard = first.into_iter().chain(rest).chain(later).collect();
    }

    /// Takes what has arrived. Returns whether there may be more now.
    fn listen(&mut self) -> Result<bool, FeedError> {
        let got = self.source.fill(&mut self.chunk)?;
        match got {
            Got::Bytes => {
                self.read_bytes += self.chunk.len() as u64;
                self.arrivals.take(&self.chunk, &mut self.heard, &mut self.text);
            }
            Got::Nothing if !self.is_stopping => {}
            Got::Nothing | Got::Cut | Got::End => {
                self.arrivals.cut(&mut self.heard, &mut self.text);
                self.has_ended = got == Got::End || self.is_stopping;
            }
        }
        self.text.drain(..).for_each(|line| info!(target: FEED, "device: {line}"));
        Ok(got != Got::Nothing)
    }

    /// Returns the next step that what was heard amounts to.
    fn step(&mut self, payload: &mut Vec<u8>) -> Option<Next> {
        while let Some(heard) = self.heard.pop_front() {
            let needs_description = !matches!(heard, Heard::Life | Heard::Header(_) | Heard::Meta(..));
            if needs_description && self.is_stale {
                self.is_stale = false;
                let changes = self.describe(&heard);
                self.heard.push_front(heard);
                if !changes.is_empty() {
                    return Some(Next::Described(changes));
                }
                continue;
            }
            match heard {
                Heard::Life => {
                    if self.begin_life() {
                        return Some(self.lost(GapReason::DeviceReset, 0));
                    }
                }
                Heard::Header(header) => {
                    (self.header, self.is_stale) = (Some(header), true);
                    self.check_clock(&header);
                }
                Heard::Meta(topic, json) => {
                    let about = match topic {
                        MetaTopic::Log => self.meta.of_log(),
                        MetaTopic::EventType(number) => self.meta.of_type(number),
                    };
                    self.is_stale |= about != Some(&json[..]);
                    // It came in a frame, so it is short enough.
                    let _ = self.meta.insert(topic, json);
                }
                Heard::Record(header, bytes) => {
                    self.show(header, &bytes);
                    *payload = bytes;
                    return Some(Next::Kept(header));
                }
                Heard::Missing(count) => {
                    let is_late = self.is_first_of_run() && self.options.continues;
                    return Some(self.lost(GapReason::LostOnWire, if is_late { 0 } else { count }));
                }
                Heard::NotReadable => return Some(self.lost(GapReason::NotReadable, 1)),
            }
        }
        None
    }

    /// Whether nothing of the run is in the log yet.
    fn is_first_of_run(&self) -> bool {
        self.lives == 1 && self.arrival.is_none()
    }

    /// Begins the life of a device. Returns whether there was one before.
    fn begin_life(&mut self) -> bool {
        self.lives += 1;
        (self.header, self.arrival, self.is_stale) = (None, None, true);
        self.meta = self.options.schemas.clone();
        if self.lives > 1 {
            info!(target: FEED, "the device started anew");
        }
        self.lives > 1
    }

    fn check_clock(&self, header: &FileHeader) {
        if header.clock() != self.clock {
            warn!(
                target: FEED,
                "the device counts {} now, and its log {}; record into another log to keep the two apart",
                clock_name(header.clock()),
                clock_name(self.clock)
            );
        }
    }

    fn lost(&mut self, reason: GapReason, count: u64) -> Next {
        let gap = Gap::new(reason, count);
        self.show(Gap::header(0), &gap.to_payload());
        Next::Lost(Loss { gap, timestamp: None, skip: None })
    }

    /// Returns what changes of the descriptions before this record.
    fn describe(&mut self, heard: &Heard) -> SchemaList {
        if self.arrival.is_none() && self.source.is_live() {
            let timestamp = |heard: &Heard| match heard {
                Heard::Record(header, _) if !header.is_gap() => Some(header.timestamp),
                _ => None,
            };
            let of_life = std::iter::once(heard).chain(&self.heard).take_while(|it| **it != Heard::Life);
            self.arrival = of_life.filter_map(timestamp).next().map(|timestamp| (timestamp, unix_now()));
        }
        let mut wanted = self.meta.clone();
        // Words of these lengths fit.
        let _ = wanted.insert(MetaTopic::Log, self.about_log().to_json().into_bytes());
        let mut changes = SchemaList::new();
        let about = |list: &SchemaList, topic| match topic {
            MetaTopic::Log => list.of_log().map(<[u8]>::to_vec),
            MetaTopic::EventType(number) => list.of_type(number).map(<[u8]>::to_vec),
        };
        for (topic, json) in wanted.iter() {
            if about(&self.described, topic).as_deref() != Some(json) {
                let _ = changes.insert(topic, json);
            }
        }
        for (topic, _) in self.described.iter() {
            if about(&wanted, topic).is_none() {
                let _ = changes.insert(topic, Vec::new());
            }
        }
        if let Some(live) = &mut self.print {
            live.schemas = SegmentSchemas::new(wanted.clone());
        }
        self.described = wanted;
        changes
    }

    /// Returns what the log says of this life as a whole.
    fn about_log(&self) -> LogInfo {
        let mut about = self.meta.of_log().and_then(|json| LogInfo::parse(json).ok()).unwrap_or_default();
        if let Some(ticks) = self.options.ticks_per_second {
            about = about.with_ticks_per_second(ticks);
        }
        about = about.with_user("device_life", &self.lives.to_string());
        if let Some(header) = &self.header {
            about = about.with_user("device_created_at", &header.created_at.to_string());
        }
        if let Some((timestamp, unix_nanos)) = self.arrival {
            about = about.with_user("arrival_timestamp", &timestamp.to_string());
            about = about.with_user("arrival_unix_nanos", &unix_nanos.to_string());
        }
        about
    }

    fn show(&mut self, header: EventHeader, payload: &[u8]) {
        if let Some(live) = &mut self.print {
            let shown = live.show(header, payload, self.clock);
            self.note_shown(shown);
        }
    }

    /// Stops to print where nobody reads it; the log matters more.
    fn note_shown(&mut self, shown: io::Result<()>) {
        if let Err(error) = shown {
            self.print = None;
            warn!(target: FEED, "nothing more is printed: {}; the recording continues", io_words(&error));
        }
    }
}

impl Live {
    fn new(style: PrintStyle) -> io::Result<Self> {
        let printer = Printer::new(style, BufWriter::new(io::stdout()))?;
        Ok(Self { printer, schemas: SegmentSchemas::new(SchemaList::new()), records: 0 })
    }

    fn show(&mut self, header: EventHeader, payload: &[u8], clock: ClockKind) -> io::Result<()> {
        let event = Event::new(header, payload, self.records, 0);
        self.records += 1;
        self.printer.print(&event.with_layouts(Some(&*self.schemas)), clock)
    }
}

impl Feed for WireFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        loop {
            if let Some(next) = self.step(payload) {
                return Ok(next);
            }
            if self.has_ended {
                return Ok(Next::End);
            }
            if !self.listen()? && !self.has_ended {
                if let Some(live) = &mut self.print {
                    let flushed = live.printer.flush();
                    self.note_shown(flushed);
                }
                return Ok(Next::Idle);
            }
        }
    }

    fn stop(&mut self) -> bool {
        self.source.stop();
        self.is_stopping = true;
        true
    }

    fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let WireSummary { frames, resets, broken, broken_bytes } = self.summary();
        if frames == 0 && self.read_bytes > 0 {
            notes.push(format!(
                "none of the {} that came is a frame or a stream of ringlog; check --baud, and what the device sends",
                counted(self.read_bytes, "byte")
            ));
        }
        if resets > 0 {
            notes.push(format!("the device started anew {}", counted(resets, "time")));
        }
        if broken > 0 {
            let (pieces, bytes) = (counted(broken, "piece"), counted(broken_bytes, "byte"));
            notes.push(format!("{pieces} of the input, {bytes}, were neither frames nor text"));
        }
        if let Some(version) = self.arrivals.noise().other_version {
            notes.push(format!(
                "there are frames of version {version}, which this program cannot read; use a later ringlog"
            ));
        }
        notes
    }
}
