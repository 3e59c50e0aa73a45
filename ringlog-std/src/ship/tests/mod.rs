//! Logs that are shipped to a server that loses, delays and refuses: what is in the stream, against what is in the log.

mod fake;
mod feeding;
mod power;
mod pulling;
mod refusals;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::dice::Dice;
use crate::event::EventHeader;
use crate::ship::error::ShipError;
use crate::ship::header::{Kind, NAME, RunHeader};
use crate::ship::jetstream::{JetStream, NewStream, Wire};
use crate::ship::runs::LogRuns;
use crate::ship::shipper::{Pace, Shipper};
use crate::storage::folder::ending::WriterFile;
use crate::storage::{Cursor, LogWriter, SyncPolicy};
use fake::{FakeServer, FakeWire, Faults, Shared};

const RUN_BYTES: u64 = 1024;
const PACE: Pace = Pace {
    window: 16,
    ack_timeout: Duration::from_secs(5),
    linger: Duration::from_secs(1),
    hold: Duration::from_secs(60),
    resume_at: None,
};

type TestShipper = Shipper<JetStream<FakeWire>>;

fn writer(folder: &Path) -> LogWriter {
    LogWriter::options().segment_bytes(16 * 1024).sync(SyncPolicy::Never).open(folder).unwrap()
}

fn write(writer: &mut LogWriter, dice: &mut Dice, events: u64) {
    for _ in 0..events {
        let payload = dice.next().to_le_bytes().repeat(dice.below(20));
        writer.write_event(&EventHeader::new(dice.next(), 1, payload.len() as u16), &payload).unwrap();
    }
}

fn shipper(folder: &Path, server: &Shared, pace: Pace) -> Result<TestShipper, ShipError> {
    let log = WriterFile::of(folder).identity.unwrap();
    let new = NewStream { replicas: 1, max_bytes: None };
    let target = JetStream::open(FakeWire::of(server), "log", log, RUN_BYTES, Some(&new))?;
    let runs = LogRuns::new(folder, log, target.run_bytes);
    Ok(Shipper::new(target, runs, pace, Some(Cursor::open(folder, "ship")?)))
}

/// Ships all that is durable.
fn ship_all(shipper: &mut TestShipper) {
    for _ in 0..20_000 {
        if !shipper.step().unwrap() {
            return;
        }
    }
    panic!("{:?}", shipper.state);
}

/// Returns the bytes of the log's records.
fn records_of(folder: &Path) -> Vec<u8> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "evtl"));
    names.sort();
    let mut records = Vec::new();
    for path in names {
        let bytes = fs::read(path).unwrap();
        let end = u64::from_le_bytes(*bytes[24..].first_chunk().unwrap()) as usize;
        records.extend_from_slice(&bytes[64..end]);
    }
    records
}

fn headers_of(server: &Shared) -> Vec<RunHeader> {
    let decode = |headers: &Vec<(String, String)>| {
        let value = headers.iter().find(|(name, _)| name == NAME).map(|(_, value)| value).unwrap();
        RunHeader::decode(value).unwrap()
    };
    server.borrow().messages.iter().map(|message| decode(&message.headers)).collect()
}

/// Checks that the stream has the log's records, each once, in order.
#[track_caller]
fn check(folder: &Path, server: &Shared) {
    let mut next = 0;
    for header in headers_of(server) {
        assert_eq!((header.first, header.kind), (next, Kind::Records), "{header}");
        next = header.next();
    }
    let stored: Vec<u8> =
        server.borrow().messages.iter().flat_map(|message| message.payload.clone()).collect();
    assert!(stored == records_of(folder), "{} bytes in the stream", stored.len());
}
