//! Compares reading the events that an expression chooses with reading all events.

use super::Table;
use ringlog::event::EventHeader;
use ringlog::storage::{Filter, LogReader, LogWriter, SchemaList};
use std::time::Instant;

/// Of the rate of a walk over all events.
const WANTED: f64 = 0.5;
/// One event of 100 is chosen.
const EXPRESSION: &str = "trade.price > 989.99";
const SCHEMA: &[u8] = br#"{"type":1,"name":"trade","size":32,"fields":[{"name":"id","offset":0,"kind":"u64"},
{"name":"price","offset":8,"kind":"i64","scale":-2},{"name":"quantity","offset":16,"kind":"u32"}]}"#;
const PAYLOAD: u16 = 32;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Measurements of each, in turn
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Events of the log that is in the kernel's cache
    #[arg(long, default_value_t = 4_000_000)]
    events: u64,
    /// Events of the log that is in the processor's cache
    #[arg(long, default_value_t = 8_000)]
    few: u64,
}

/// A log of trades, mapped.
struct Log {
    _folder: tempfile::TempDir,
    reader: LogReader,
    events: u64,
    /// Times that it is read in a measurement.
    times: u64,
}

impl Log {
    fn write(events: u64, times: u64) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut schemas = SchemaList::new();
        schemas.insert(ringlog::event::MetaTopic::EventType(1), SCHEMA)?;
        let mut writer = LogWriter::options().schemas(schemas).open(folder.path())?;
        for number in 0..events {
            let mut payload = [0; PAYLOAD as usize];
            payload[..8].copy_from_slice(&number.to_le_bytes());
            let price = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            payload[8..16].copy_from_slice(&(price % 100_000).to_le_bytes());
            writer.write_event(&EventHeader::new(number, 1, PAYLOAD), &payload)?;
        }
        writer.close()?;
        let reader = LogReader::open(folder.path())?;
        Ok(Self { _folder: folder, reader, events, times })
    }

    /// Returns the nanoseconds per event of the log.
    fn timed(&self, mut run: impl FnMut() -> u64) -> f64 {
        let begin = Instant::now();
        for _ in 0..self.times {
            std::hint::black_box(run());
        }
        begin.elapsed().as_nanos() as f64 / (self.events * self.times) as f64
    }

    /// Reads all events one by one.
    fn walk(&self) -> f64 {
        self.timed(|| self.reader.events().flatten().map(|event| event.header.timestamp & 1).sum())
    }

    /// Reads the events that the expression chooses.
    fn choose(&self, filter: &Filter) -> f64 {
        self.timed(|| {
            self.reader.events_matching(filter).flatten().map(|event| event.header.timestamp & 1).sum()
        })
    }
}

/// Measures.
///
/// # Errors
/// If no log can be written, or the expression chooses another part of the events.
pub fn run(arguments: &Arguments) -> Result<Vec<Table>, String> {
    let failed = |error: Box<dyn std::error::Error>| error.to_string();
    let filter = Filter::parse(EXPRESSION).map_err(|error| error.to_string())?;
    let mut tables = Vec::new();
    for (place, events) in [("page cache", arguments.events), ("processor's cache", arguments.few)] {
        let log = Log::write(events, (arguments.events / events).max(1)).map_err(failed)?;
        let chosen = log.reader.events_matching(&filter).count() as f64 / events as f64;
        if !(0.005..0.02).contains(&chosen) {
            return Err(format!("{EXPRESSION} chose {chosen} of the events instead of 0.01"));
        }
        let (walk, choose) = (|| log.walk(), || log.choose(&filter));
        let contestants: [(&str, &dyn Fn() -> f64); 2] =
            [("LogReader::events", &walk), ("LogReader::events_matching, by one field", &choose)];
        let title = format!("Choosing 1 of 100 among {events} events in the {place}, `{EXPRESSION}`");
        let record_bytes = ringlog_nostd::format::record_len(usize::from(PAYLOAD));
        let (mut table, rounds) = Table::measure(&title, arguments.rounds, "", &contestants, record_bytes);
        let [walk, choose] = &rounds[..] else { unreachable!("as many as were measured") };
        table.goal("events_matching, of a walk over all", &walk.over(choose), WANTED);
        tables.push(table);
    }
    Ok(tables)
}
