//! Makes a writeback storm: dirty pages and syncs in the file system of the log.

use super::hot_path::BESIDE;
use super::settings::Settings;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;
use tempfile::TempDir;

/// Bytes that are written at once, between two syncs, and into one file.
const BLOCK_BYTES: usize = 1 << 20;
const SYNC_BYTES: usize = 32 << 20;
const FILE_BYTES: usize = 128 << 20;
const FILES: usize = 2;

/// A thread that writes and syncs until it is stopped, beside the hot path.
#[derive(Debug)]
pub struct Storm {
    thread: JoinHandle<std::io::Result<Blown>>,
    stop: Arc<AtomicBool>,
    _folder: TempDir,
}

/// What a storm has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blown {
    /// Bytes written.
    pub bytes: u64,
    /// Syncs, each of which returned.
    pub syncs: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Storm {
    /// Starts to write into new files in the folder of the logs.
    #[must_use]
    pub fn start(settings: &Settings) -> Self {
        let folder = settings.folder();
        let stop = Arc::new(AtomicBool::new(false));
        let (path, pinning, stopped) = (folder.path().to_owned(), settings.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            pinning.put(BESIDE);
            blow(&path, &stopped)
        });
        Self { thread, stop, _folder: folder }
    }

    /// Ends it.
    ///
    /// # Panics
    /// If it could not write: then there was no storm.
    pub fn stop(self) -> Blown {
        // ORDERING: Relaxed. Nothing is handed over with it; the thread is joined.
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the storm does not panic").expect("the storm can write")
    }
}

impl std::fmt::Display for Blown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = self.bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{mib:.0} MiB in {:.1} s ({:.0} MiB/s), {} syncs",
            self.seconds,
            mib / self.seconds.max(1e-9),
            self.syncs
        )
    }
}

fn blow(folder: &Path, stop: &AtomicBool) -> std::io::Result<Blown> {
    let begin = Instant::now();
    let block = vec![0xA5; BLOCK_BYTES];
    let mut blown = Blown::default();
    let files: Result<Vec<_>, _> =
        (0..FILES).map(|number| File::create(folder.join(number.to_string()))).collect();
    let files = files?;
    // ORDERING: Relaxed, here and below. See `stop`.
    for mut file in files.iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
        file.rewind()?;
        for number in 1..=FILE_BYTES / BLOCK_BYTES {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            file.write_all(&block)?;
            blown.bytes += BLOCK_BYTES as u64;
            if number.is_multiple_of(SYNC_BYTES / BLOCK_BYTES) {
                file.sync_all()?;
                blown.syncs += 1;
            }
        }
    }
    blown.seconds = begin.elapsed().as_secs_f64();
    Ok(blown)
}
