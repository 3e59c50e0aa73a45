//! A bar for a command that reads a whole log.
#![forbid(unsafe_code)]

use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar is looked at after this many bytes.
const STEP_BYTES: u64 = 4 << 20;

/// How far a log has been read; nothing is shown where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct ReadProgress {
    bar: ProgressBar,
    read_bytes: u64,
    shown_bytes: u64,
}

impl ReadProgress {
    /// Shows a bar for a log: a folder or one file.
    pub(crate) fn of(log: &Path) -> Self {
        let of_folder =
            log.read_dir().into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
        let total = match log.metadata() {
            Ok(file) if file.is_file() => file.len(),
            _ => of_folder.map(|file| file.len()).sum(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
        let bar = style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style));
        Self { bar, read_bytes: 0, shown_bytes: 0 }
    }

    /// Counts the bytes of a record.
    #[inline]
    pub(crate) fn add(&mut self, bytes: u64) {
        self.read_bytes += bytes;
        if self.read_bytes - self.shown_bytes >= STEP_BYTES {
            self.show();
        }
    }

    #[cold]
    fn show(&mut self) {
        self.shown_bytes = self.read_bytes;
        self.bar.set_position(self.read_bytes);
    }
}

/// Removes the bar.
impl Drop for ReadProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
