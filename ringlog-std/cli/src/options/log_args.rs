//! The options for writing a log.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rustix::thread::CpuSet;

use crate::error::CliError;
use crate::terminal::words::size;
use crate::values;
use ringlog::storage::{FullDisk, LogWriter, LogWriterOptions, Retention, SyncPolicy};

/// How long a log is kept.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RetentionArgs {
    /// Delete or recycle the oldest files when the log takes more than this; at least two files
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) keep_bytes: Option<u64>,
    /// Delete or recycle files whose newest event was written longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) keep_for: Option<Duration>,
    /// Delete or recycle the oldest files when there are more than this
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) keep_files: Option<u64>,
    /// Keep files that a cursor still needs until the log takes this much [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) cursor_bytes: Option<u64>,
}

impl RetentionArgs {
    /// Whether old files are deleted or recycled by a limit.
    pub(crate) const fn retires(&self) -> bool {
        self.keep_bytes.is_some() || self.keep_for.is_some() || self.keep_files.is_some()
    }

    /// Returns the limits.
    pub(crate) const fn retention(&self) -> Retention {
        Retention {
            max_bytes: self.keep_bytes,
            max_age: self.keep_for,
            max_segments: self.keep_files,
            cursor_bytes: self.cursor_bytes,
        }
    }
}

/// How a log is written, kept and synced.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LogArgs {
    /// Size of each file of the log [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) segment_size: Option<u64>,
    /// Start a new file after this time, even if the old one is not full
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) roll_after: Option<Duration>,
    /// When to sync to disk: never, every-event, after a time (1s) or after an amount (16MiB) [default: 1s]
    #[arg(long, value_name = "WHEN", value_parser = sync_policy)]
    pub(crate) sync: Option<SyncPolicy>,
    #[command(flatten)]
    pub(crate) keep: RetentionArgs,
    /// On a full disk: stop, drop events and count them in a GAP record, or recycle the oldest file [default: stop]
    #[arg(long, value_name = "WHAT", value_parser = full_disk)]
    pub(crate) full_disk: Option<FullDisk>,
    /// Wait for the disk when full files that are not synced yet take more than this [default: an eighth of the memory]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_unsynced: Option<u64>,
    /// Let what is written leave the system's cache once it is on the disk (since Linux 6.14)
    #[arg(long)]
    pub(crate) uncached: bool,
}

impl LogArgs {
    /// Whether old files make room for new ones, by a limit or when the disk is full.
    pub(crate) fn is_bounded(&self) -> bool {
        self.keep.retires() || self.full_disk == Some(FullDisk::RecycleOldest)
    }

    /// Refuses limits that the log cannot keep.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let segment_bytes = self.segment_size.unwrap_or(LogWriterOptions::DEFAULT_SEGMENT_BYTES);
        let refused = |words: String| Err(CliError::Usage(words));
        if !LogWriterOptions::SEGMENT_BYTES.contains(&segment_bytes) {
            return refused(format!(
                "--segment-size {}: a file of the log takes 4 KiB to 64 TiB; give a size in this range",
                size(segment_bytes)
            ));
        }
        // The file that is written, and the spare one after it.
        let least = segment_bytes.next_multiple_of(*LogWriterOptions::SEGMENT_BYTES.start()) * 2;
        match (self.keep.keep_bytes, self.keep.keep_files, self.keep.cursor_bytes) {
            (Some(bytes), _, _) if bytes < least => refused(format!(
                "--keep-bytes {}: the log always takes two files of {}; give {} or more, or a smaller --segment-size",
                size(bytes),
                size(least / 2),
                size(least)
            )),
            (_, Some(0), _) => {
                refused("--keep-files 0: the file that is being written always stays; give 1 or more".into())
            }
            (_, _, Some(bytes)) if !self.keep.retires() => refused(format!(
                "--cursor-bytes {}: all files stay without --keep-bytes, --keep-for or --keep-files; give one of these",
                size(bytes)
            )),
            _ => Ok(()),
        }
    }

    /// Returns the options of the writer.
    pub(crate) fn options(&self) -> LogWriterOptions {
        let mut options = LogWriter::options().roll_after(self.roll_after).retention(self.keep.retention());
        if let Some(segment_size) = self.segment_size {
            options = options.segment_bytes(segment_size);
        }
        if let Some(max_unsynced) = self.max_unsynced {
            options = options.max_unsynced_bytes(max_unsynced);
        }
        let full_disk = self.full_disk.unwrap_or_default();
        options.sync(self.sync.unwrap_or_default()).full_disk(full_disk).uncached(self.uncached)
    }
}

/// The log to write, and how.
#[derive(Clone, Debug)]
pub(crate) struct LogPlan {
    pub(crate) path: PathBuf,
    pub(crate) options: LogWriterOptions,
    /// Whether all of a run is still in the log at its end and can be read back.
    pub(crate) keeps_all: bool,
    /// Whether written pages are wanted out of the system's cache.
    pub(crate) wants_uncached: bool,
    /// Processors of the thread that writes into the ring.
    pub(crate) producer_cpus: Option<CpuSet>,
    /// Processors of the recorder's thread.
    pub(crate) recorder_cpus: Option<CpuSet>,
}

impl LogPlan {
    pub(crate) fn new(path: PathBuf, how: &LogArgs) -> Result<Self, CliError> {
        how.check()?;
        let keeps_all = !how.is_bounded();
        let (options, wants_uncached) = (how.options(), how.uncached);
        Ok(Self { path, options, keeps_all, wants_uncached, producer_cpus: None, recorder_cpus: None })
    }

    /// Sets whether the next run reads again what a killed one had not stored yet.
    pub(crate) fn rereading(mut self, is_reread: bool) -> Self {
        self.options = self.options.rereading(is_reread);
        self
    }
}

/// Parses when a log is synced.
pub(crate) fn sync_policy(text: &str) -> Result<SyncPolicy, String> {
    match text {
        "never" => Ok(SyncPolicy::Never),
        "every-event" => Ok(SyncPolicy::EveryEvent),
        _ => match (values::duration(text), values::size(text)) {
            // A number alone could be a time or a size.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err("give a unit, as in 1s or 16MiB".into())
            }
            (Ok(interval), _) => Ok(SyncPolicy::EveryInterval(interval)),
            (_, Ok(bytes)) => Ok(SyncPolicy::EveryBytes(bytes)),
            _ => Err("expected never, every-event, a duration such as 1s or a size such as 16MiB".into()),
        },
    }
}

fn full_disk(text: &str) -> Result<FullDisk, String> {
    match text {
        "stop" => Ok(FullDisk::Stop),
        "drop" => Ok(FullDisk::DropWithGap),
        "recycle" => Ok(FullDisk::RecycleOldest),
        _ => Err("expected stop, drop or recycle".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_policies_by_name_time_and_size() {
        assert_eq!(sync_policy("never"), Ok(SyncPolicy::Never));
        assert_eq!(sync_policy("every-event"), Ok(SyncPolicy::EveryEvent));
        assert_eq!(sync_policy("250ms"), Ok(SyncPolicy::EveryInterval(Duration::from_millis(250))));
        assert_eq!(sync_policy("16MiB"), Ok(SyncPolicy::EveryBytes(16 << 20)));
        for bad in ["", "5", "often", "0s", "-1s"] {
            assert!(sync_policy(bad).is_err(), "{bad}");
        }
    }
}
