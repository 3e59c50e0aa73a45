//! Chrome's trace events, in JSON, which the UI of Perfetto opens.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Write as _};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::draft::Draft;
use super::times::Times;
use super::{Done, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::output::payload::hexadecimal;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::{Decoded, Value};

/// The process of the types, each of which is a thread.
const TYPES: u64 = 1;
/// The process of the threads that logged messages and spans.
const THREADS: u64 = 2;
/// The trace counts from the day before that of the first record: a reader's floating-point number then holds each nanosecond, and
/// records that come late have a place.
const DAY_NANOS: u64 = 86_400_000_000_000;
/// Nanoseconds that such a number holds exactly: 104 days.
const EXACT_NANOS: u64 = 1 << 53;

/// A trace that is written as the records come.
pub(super) struct Trace {
    out: BufWriter<File>,
    path: PathBuf,
    descriptions: Arc<Descriptions>,
    base: Option<u64>,
    times: Times,
    early: u64,
    far: u64,
    /// Processes and threads that have a name.
    named: HashSet<(u64, u64)>,
    /// Names of the spans that are open.
    spans: HashMap<u64, String>,
    line: String,
    entries: u64,
    unopened: u64,
    unended: u64,
}

/// A text as JSON.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// Where and when an entry is.
#[derive(Clone, Copy)]
struct Place {
    process: u64,
    thread: u64,
    /// Nanoseconds from the start of the trace.
    nanos: u64,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, thread, nanos } = self;
        write!(f, "\"ts\":{}.{:03},\"pid\":{process},\"tid\":{thread}", nanos / 1000, nanos % 1000)
    }
}

impl Trace {
    pub(super) fn begin(draft: &Draft, descriptions: Arc<Descriptions>) -> Result<Self, CliError> {
        let (mut out, path) = draft.create("")?;
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")
            .map_err(CliError::io("write", &path))?;
        Ok(Self {
            out,
            path,
            descriptions,
            base: None,
            times: Times::default(),
            early: 0,
            far: 0,
            named: HashSet::new(),
            spans: HashMap::new(),
            line: String::new(),
            entries: 0,
            unopened: 0,
            unended: 0,
        })
    }

    fn put(&mut self, entry: fmt::Arguments<'_>) -> io::Result<()> {
        self.line.clear();
        self.line.push_str(if self.entries > 0 { ",\n" } else { "\n" });
        self.line.write_fmt(entry).map_err(io::Error::other)?;
        self.entries += 1;
        self.out.write_all(self.line.as_bytes())
    }

    /// Names a thread before its first entry, and its process.
    fn name(&mut self, Place { process, thread, .. }: Place, name: &str) -> io::Result<()> {
        if !self.named.insert((process, thread)) {
            return Ok(());
        }
        // No thread has this number.
        if self.named.insert((process, u64::MAX)) {
            let name = if process == TYPES { "types" } else { "threads" };
            self.put(format_args!(
                "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{process},\"args\":{{\"name\":\"{name}\"}}}}"
            ))?;
        }
        self.put(format_args!(
            "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{process},\"tid\":{thread},\"args\":{{\"name\":{}}}}}",
            Text(name)
        ))
    }

    fn write(&mut self, event: &Event<'_>, clock: ClockKind) -> io::Result<()> {
        let descriptions = Arc::clone(&self.descriptions);
        let Some(time) = self.times.of(event, clock, &descriptions) else { return Ok(()) };
        let base = *self.base.get_or_insert((time - time % DAY_NANOS).saturating_sub(DAY_NANOS));
        let number = event.header.event_type;
        // Perfetto leaves out what is before the start, without a word.
        let Some(nanos) = time.checked_sub(base) else {
            self.early += 1;
            return Ok(());
        };
        self.far += u64::from(nanos > EXACT_NANOS);
        let place = Place { process: TYPES, thread: u64::from(number) + 1, nanos };
        let sequence = event.sequence;
        if let Some(gap) = event.gap() {
            let count = (gap.count > 0).then_some(gap.count).map_or("null".into(), |count| count.to_string());
            let place = Place { thread: 0, ..place };
            self.name(place, "GAP")?;
            return self.put(format_args!(
                "{{\"ph\":\"i\",\"s\":\"g\",\"name\":\"GAP\",{place},\"args\":{{\"sequence\":{sequence},\"count\":{count},\
                 \"reason\":\"{}\"}}}}",
                gap.reason
            ));
        }
        match descriptions.decode(event) {
            Some(Ok(decoded)) => self.write_decoded(event, place, decoded),
            other => {
                let name = match other {
                    Some(Err(_)) => {
                        descriptions.schema_of(event).map_or("", |schema| schema.name()).to_owned()
                    }
                    _ => format!("type {number}"),
                };
                self.name(place, &name)?;
                let args = format!("\"hex\":\"{}\"", hexadecimal(event.payload));
                self.instant(&name, place, event, &args)
            }
        }
    }

    fn instant(&mut self, name: &str, place: Place, event: &Event<'_>, args: &str) -> io::Result<()> {
        let Event { sequence, header, .. } = event;
        self.put(format_args!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"name\":{},{place},\"args\":{{\"sequence\":{sequence},\"flags\":{},{args}}}}}",
            Text(name),
            header.user_flags()
        ))
    }

    fn write_decoded(&mut self, event: &Event<'_>, place: Place, decoded: Decoded<'_>) -> io::Result<()> {
        let type_name = decoded.schema().name();
        let fields = format!("\"fields\":{}", decoded.json());
        let number = |name: &str| match decoded.get(name) {
            Some(Value::Unsigned(number)) => Some(number),
            _ => None,
        };
        let bridged = matches!(type_name, "log_record" | "span_opened" | "span_closed");
        let (Some(span), Some(thread), true) = (number("span"), number("thread"), bridged) else {
            self.name(place, type_name)?;
            self.counters(type_name, place, decoded)?;
            return self.instant(type_name, place, event, &fields);
        };
        let place = Place { process: THREADS, thread, ..place };
        self.name(place, &format!("thread {thread}"))?;
        let tail: serde_json::Value =
            decoded.cbor_tail().and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        let text = |key: &str| tail.get(key).and_then(|it| it.as_str()).unwrap_or(type_name).to_owned();
        let sequence = event.sequence;
        match type_name {
            "span_opened" => {
                let name = text("name");
                let args = format!("\"sequence\":{sequence},{fields}");
                self.put(format_args!(
                    "{{\"ph\":\"b\",\"cat\":\"span\",\"id\":\"{span:#x}\",\"name\":{},{place},\"args\":{{{args}}}}}",
                    Text(&name)
                ))?;
                // After a restart the numbers begin again.
                self.unended += u64::from(self.spans.insert(span, name).is_some());
                Ok(())
            }
            "span_closed" => match self.spans.remove(&span) {
                Some(name) => self.put(format_args!(
                    "{{\"ph\":\"e\",\"cat\":\"span\",\"id\":\"{span:#x}\",\"name\":{},{place},\"args\":{{\"sequence\":{sequence}}}}}",
                    Text(&name)
                )),
                None => {
                    self.unopened += 1;
                    self.instant(type_name, place, event, &fields)
                }
            },
            _ => self.instant(&text("message"), place, event, &fields),
        }
    }

    /// Writes a counter for the numbers among the fields.
    fn counters(&mut self, type_name: &str, place: Place, decoded: Decoded<'_>) -> io::Result<()> {
        let mut args = String::new();
        for (field, value) in decoded.fields() {
            // A value without a name is no measure either.
            if field.format().labels().next().is_some() {
                continue;
            }
            let is_number = match value {
                Value::Unsigned(_) | Value::Signed(_) | Value::Decimal(_) => true,
                Value::Float32(number) => number.is_finite(),
                Value::Float(number) => number.is_finite(),
                _ => false,
            };
            if is_number {
                let comma = if args.is_empty() { "" } else { "," };
                write!(args, "{comma}\"{}\":{}", field.name(), value.json()).map_err(io::Error::other)?;
            }
        }
        if args.is_empty() {
            return Ok(());
        }
        self.put(format_args!("{{\"ph\":\"C\",\"name\":\"{type_name}\",{place},\"args\":{{{args}}}}}"))
    }
}

impl Target for Trace {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        self.write(event, clock).map_err(CliError::io("write", &self.path))
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        let (base, clock) = (self.base.unwrap_or(0), self.times.clock());
        let end = format!("\n],\"otherData\":{{\"start\":\"{base}\",\"clock\":\"{clock}\"}}}}\n");
        let written = self.out.write_all(end.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(CliError::io("write", &self.path))?;
        let mut done = Done { has: ("entry", self.entries), ..Done::default() };
        if let Some(words) = self.times.other_clock(ClockKind::MonotonicNanos) {
            let taken =
                if self.times.has_rate() { "has the nanoseconds" } else { "takes them for nanoseconds" };
            done.notes.push(format!("{words}; the trace {taken}"));
        }
        self.times.leave_out(&mut done);
        done.leave_out(self.early, "record", "earlier than the day before that of the first record");
        if self.far > 0 {
            done.notes.push(format!(
                "records more than 104 days after the start of the trace: {}; readers may round their times, so choose fewer by --since",
                self.far
            ));
        }
        if self.unopened > 0 {
            done.notes.push(format!(
                "ends of spans that began before the first record, shown as instants: {}",
                self.unopened
            ));
        }
        let unended = self.unended + self.spans.len() as u64;
        if unended > 0 {
            done.notes.push(format!("spans without an end: {unended}"));
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::source::LogSource;
    use ringlog::event::{EventHeader, Gap, GapReason, MetaTopic};
    use ringlog::storage::{Filter, LogWriter, SchemaList};

    const TYPES: [(u8, &str); 3] = [
        (
            252,
            r#"{"type":252,"name":"log_record","size":12,"fields":[{"name":"span","offset":0,"kind":"u64"},{"name":"thread","offset":8,"kind":"u32"}],"tail":"cbor"}"#,
        ),
        (
            253,
            r#"{"type":253,"name":"span_opened","size":12,"fields":[{"name":"span","offset":0,"kind":"u64"},{"name":"thread","offset":8,"kind":"u32"}],"tail":"cbor"}"#,
        ),
        (
            254,
            r#"{"type":254,"name":"span_closed","size":12,"fields":[{"name":"span","offset":0,"kind":"u64"},{"name":"thread","offset":8,"kind":"u32"}],"tail":"none"}"#,
        ),
    ];

    #[test]
    fn spans_have_two_ends_on_their_thread_and_gaps_are_seen_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let (log, out) = (folder.path().join("log"), folder.path().join("trace.json"));
        let mut list = SchemaList::new();
        for (number, json) in TYPES {
            list.insert(MetaTopic::EventType(number), json.as_bytes()).unwrap();
        }
        let mut writer = LogWriter::options().schemas(list).open(&log).unwrap();
        let mut put = |time, event_type, span: u8, tail: &[u8]| {
            let payload = [&[span, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0][..], tail].concat();
            let header = EventHeader::new(time, event_type, payload.len() as u16);
            writer.write_event(&header, &payload).unwrap();
        };
        put(1001, 254, 3, b"");
        put(2000, 253, 7, b"\xA1\x64name\x61s");
        put(2500, 252, 7, b"\xA1\x67message\x62hi");
        put(3001, 254, 7, b"");
        put(3002, 253, 7, b"\xA0");
        put(3002, 253, 7, b"\xA0");
        writer.append_gap(0, Gap::new(GapReason::RingFull, 2)).unwrap();
        writer.close().unwrap();
        let draft = Draft::begin(&out, false, false).unwrap();
        let mut trace = Box::new(Trace::begin(&draft, Arc::default()).unwrap());
        let (mut source, mut filter) = (LogSource::open(&log).unwrap(), Filter::new());
        while source.advance(&mut filter).unwrap() {
            trace.take(&source.found_event().unwrap(), ClockKind::UnixNanos).unwrap();
        }
        let done = trace.finish().unwrap();
        assert_eq!((done.left_out.len(), done.notes.len()), (0, 2), "{done:?}");
        assert!(done.notes[1].ends_with(": 2"), "a number that is used again ends no span: {done:?}");
        draft.finish().unwrap();
        let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        let shown = |entry: &serde_json::Value| {
            let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {} {}", word("ph"), word("name"), word("id"), entry["ts"], entry["tid"])
        };
        let entries = trace["traceEvents"].as_array().unwrap().iter();
        let found: Vec<_> = entries.filter(|entry| entry["ph"] != "M").map(shown).collect();
        assert_eq!(
            found,
            [
                "i span_closed - 1.001 9",
                "b s 0x7 2.0 9",
                "i hi - 2.5 9",
                "e s 0x7 3.001 9",
                "b span_opened 0x7 3.002 9",
                "b span_opened 0x7 3.002 9",
                "i GAP - 3.002 0",
            ]
        );
        assert_eq!(trace["otherData"]["start"], "0");
    }

    /// Writes events of these times, and returns the trace and what was left out of it.
    fn traced(clock: ClockKind, list: SchemaList, times: &[u64]) -> (serde_json::Value, Done) {
        let folder = tempfile::tempdir().unwrap();
        let (log, out) = (folder.path().join("log"), folder.path().join("trace.json"));
        let mut writer = LogWriter::options().schemas(list).open(&log).unwrap();
        for (&time, value) in times.iter().zip([5_u8, 6, 7, 8]) {
            writer.write_event(&EventHeader::new(time, 1, 1), &[value]).unwrap();
        }
        writer.close().unwrap();
        let draft = Draft::begin(&out, false, false).unwrap();
        let mut trace = Box::new(Trace::begin(&draft, Arc::default()).unwrap());
        let (mut source, mut filter) = (LogSource::open(&log).unwrap(), Filter::new());
        while source.advance(&mut filter).unwrap() {
            trace.take(&source.found_event().unwrap(), clock).unwrap();
        }
        let done = trace.finish().unwrap();
        draft.finish().unwrap();
        (serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap(), done)
    }

    fn times_of(trace: &serde_json::Value, phase: &str) -> Vec<f64> {
        let entries = trace["traceEvents"].as_array().unwrap().iter();
        entries.filter(|entry| entry["ph"] == phase).map(|entry| entry["ts"].as_f64().unwrap()).collect()
    }

    #[test]
    fn no_entry_has_a_negative_time_and_what_has_none_is_counted() {
        // The second one is from the day before, the third has no time, the fourth is far before.
        let day = 20_000 * DAY_NANOS;
        let times = [day + 1000, day - 5000, 0, day - 3 * DAY_NANOS];
        let (trace, done) = traced(ClockKind::UnixNanos, SchemaList::new(), &times);
        assert_eq!(times_of(&trace, "i"), [86_400_000_001.0, 86_399_999_995.0]);
        let left_out: Vec<_> = done.left_out.iter().map(|(count, what, _)| (*count, *what)).collect();
        assert_eq!(left_out, [(1, "event"), (1, "record")], "{done:?}");
        let (_, done) = traced(ClockKind::UnixNanos, SchemaList::new(), &[day, day + 200 * DAY_NANOS]);
        assert!(done.notes[0].contains("104 days") && done.notes[0].contains(": 1;"), "{done:?}");
    }

    #[test]
    fn ticks_of_a_known_rate_are_times_and_labels_are_no_counters() {
        let mut list = SchemaList::new();
        list.insert(MetaTopic::Log, &br#"{"log":{"ticks_per_second":1000}}"#[..]).unwrap();
        let labelled = br#"{"type":1,"name":"t","size":1,"fields":[{"name":"lab","offset":0,"kind":"u8","labels":{"5":"five"}}]}"#;
        list.insert(MetaTopic::EventType(1), &labelled[..]).unwrap();
        let (trace, done) = traced(ClockKind::Ticks, list, &[1000, 3000]);
        assert_eq!(times_of(&trace, "i"), [1e6, 3e6]);
        assert!(times_of(&trace, "C").is_empty(), "{trace}");
        assert_eq!(
            done.notes,
            ["the log's clock counts ticks, 1000 a second; the trace has the nanoseconds"]
        );
        let (trace, done) = traced(ClockKind::Ticks, SchemaList::new(), &[1000, 3000]);
        assert_eq!(times_of(&trace, "i"), [1.0, 3.0]);
        assert_eq!(done.notes.len(), 1);
    }
}
