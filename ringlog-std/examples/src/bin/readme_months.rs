//! Records into a log that keeps 30 days and at most 100 GiB.

use ringlog::{
    recorder::Recorder,
    storage::{FullDisk, LogWriter, Retention, SyncPolicy},
};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keep = Retention {
        max_bytes: Some(100 << 30),
        max_age: Some(Duration::from_secs(30 * 86_400)),
        ..Retention::default()
    };
    let options = LogWriter::options()
        // The oldest segments go, or are recycled as the next ones.
        .retention(keep)
        // A new segment each hour at the latest.
        .roll_after(Some(Duration::from_secs(3600)))
        // On a worker thread, in the order of the log.
        .sync(SyncPolicy::EveryBytes(16 << 20))
        // Continue when there is room, and report what was lost.
        .full_disk(FullDisk::DropWithGap);
    let (producer, recorder) = Recorder::builder().log(options).start("log")?;
    recorder.shutdown(producer)?;
    Ok(())
}
