//! Chrome's trace events, in JSON, which the UI of Perfetto opens.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Write as _};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::draft::Draft;
use super::{Done, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::output::payload::hexadecimal;
use crate::terminal::words::clock_name;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::{Decoded, Value};

/// The process of the types, each of which is a thread.
const TYPES: u64 = 1;
/// The process of the threads that logged messages and spans.
const THREADS: u64 = 2;
/// The trace counts from the start of the first record's day: a reader's floating-point number then holds each nanosecond.
const DAY_NANOS: u64 = 86_400_000_000_000;

/// A trace that is written as the records come.
pub(super) struct Trace {
    out: BufWriter<File>,
    path: PathBuf,
    descriptions: Arc<Descriptions>,
    base: Option<u64>,
    last: Option<u64>,
    untimed: u64,
    clock: ClockKind,
    /// Processes and threads that have a name.
    named: HashSet<(u64, u64)>,
    /// Names of the spans that are open.
    spans: HashMap<u64, String>,
    line: String,
    entries: u64,
    unopened: u64,
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
    nanos: i128,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, nanos) = (if self.nanos < 0 { "-" } else { "" }, self.nanos.unsigned_abs());
        let Self { process, thread, .. } = self;
        write!(f, "\"ts\":{sign}{}.{:03},\"pid\":{process},\"tid\":{thread}", nanos / 1000, nanos % 1000)
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
            last: None,
            untimed: 0,
            clock: ClockKind::UnixNanos,
            named: HashSet::new(),
            spans: HashMap::new(),
            line: String::new(),
            entries: 0,
            unopened: 0,
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
        // A GAP record without a time has that of the record before.
        let timestamp = match (event.header.timestamp, self.last) {
            (0, None) if event.header.is_gap() => {
                self.untimed += 1;
                return Ok(());
            }
            (0, Some(last)) if event.header.is_gap() => last,
            (timestamp, _) => timestamp,
        };
        self.last = Some(timestamp);
        let base = *self.base.get_or_insert(timestamp - timestamp % DAY_NANOS);
        self.clock = clock;
        let number = event.header.event_type;
        let place = Place {
            process: TYPES,
            thread: u64::from(number) + 1,
            nanos: i128::from(timestamp) - i128::from(base),
        };
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
        let descriptions = Arc::clone(&self.descriptions);
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
                self.spans.insert(span, name);
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
        let base = self.base.unwrap_or(0);
        let clock = clock_name(self.clock);
        let end = format!("\n],\"otherData\":{{\"start\":\"{base}\",\"clock\":\"{clock}\"}}}}\n");
        let written = self.out.write_all(end.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(CliError::io("write", &self.path))?;
        let mut done = Done { has: ("entry", self.entries), ..Done::default() };
        if !matches!(self.clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos) {
            done.notes.push(format!("the log's clock counts {clock}; the trace takes them for nanoseconds"));
        }
        done.leave_out(self.untimed, "GAP record", "without a time, before the first record with one");
        if self.unopened > 0 {
            done.notes.push(format!(
                "ends of spans that began before the first record, shown as instants: {}",
                self.unopened
            ));
        }
        if !self.spans.is_empty() {
            done.notes.push(format!("spans without an end: {}", self.spans.len()));
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
            let header = EventHeader::new(DAY_NANOS + time, event_type, payload.len() as u16);
            writer.write_event(&header, &payload).unwrap();
        };
        put(1001, 254, 3, b"");
        put(2000, 253, 7, b"\xA1\x64name\x61s");
        put(2500, 252, 7, b"\xA1\x67message\x62hi");
        put(3001, 254, 7, b"");
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
                "i GAP - 3.002 0",
            ]
        );
        assert_eq!(trace["otherData"]["start"], DAY_NANOS.to_string());
    }
}
