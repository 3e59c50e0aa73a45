//! Messages of the programs: records of the facade `log`, or events of `tracing` with the feature of that name.
//!
//! Each has a level and one of the targets below. [`Output`] decides where they go and how they look. What a program prints
//! as its result, and the error that ends it, are no messages.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use log::{Level, LevelFilter};
use ringlog::programs::io_words;
use rustix::fs::OFlags;

use crate::error::CliError;
use crate::terminal::print::eprint;
use crate::terminal::standard_input::is_standard;
use crate::terminal::words::{escaped, unix_now};
use crate::terminal::zone::Zone;

#[cfg(not(feature = "tracing"))]
pub(crate) use log::{debug, error, info, warn};
#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, error, info, warn};

/// The run as a whole: what it records, how far it is, how it ended.
pub(crate) const SERVE: &str = "ringlog::serve";
/// What events come from.
pub(crate) const FEED: &str = "ringlog::feed";
/// The log: its recovery, its retention, damage in it.
pub(crate) const LOG: &str = "ringlog::log";
/// The shared ring.
pub(crate) const RING: &str = "ringlog::ring";

/// The bar on the terminal, below the messages.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Set by SIGHUP: the next message opens the file of messages again.
static REOPEN: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Returns the flag that asks for the file of messages to be opened again.
pub(crate) fn reopen_flag() -> Arc<AtomicBool> {
    Arc::clone(REOPEN.get_or_init(Arc::default))
}

/// Opens the file of messages again if a signal asked for it: the message goes there.
pub(crate) fn reopen_if_asked() {
    // ORDERING: Relaxed. The flag carries nothing but itself.
    if REOPEN.get().is_some_and(|asked| asked.load(Ordering::Relaxed)) {
        info!(target: SERVE, "SIGHUP: opening the file of --log-file again");
    }
}

/// A file of messages.
#[derive(Debug)]
pub(crate) struct MessageFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Set where the next message opens it again.
    reopen: Arc<AtomicBool>,
}

impl MessageFile {
    fn open(path: &Path) -> std::io::Result<File> {
        if is_standard(path) {
            return std::io::stdout().as_fd().try_clone_to_owned().map(File::from);
        }
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        File::options().append(true).create(true).custom_flags(flags).open(path)
    }

    /// Returns the file, a new one if that was asked for. Where there can be none, the old one stays.
    fn file(&self) -> MutexGuard<'_, File> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // ORDERING: Relaxed, as in `reopen_if_asked`.
        if self.reopen.swap(false, Ordering::Relaxed) {
            match Self::open(&self.path) {
                Ok(opened) => *file = opened,
                Err(error) => {
                    let path = self.path.display();
                    let text = format!(
                        "{path}: cannot be opened again: {}; messages still go to the file that it was",
                        io_words(&error)
                    );
                    eprint(&line(Level::Warn, SERVE, &text));
                }
            }
        }
        file
    }
}

/// Where messages go.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard error, without time and level: for a command that a person waits for.
    Plain,
    /// Standard error, which is a terminal: time of day and level.
    Terminal,
    /// Standard error, which is no terminal: date, level and target.
    Lines,
    /// A file: the same lines.
    File(MessageFile),
}

impl Output {
    /// Chooses where the messages of a service go; opens the file, if there is one, to append to it. A pipe that nobody reads
    /// takes nothing, instead of holding up the service.
    pub(crate) fn of_service(file: Option<&Path>) -> Result<Self, CliError> {
        match file {
            Some(path) => {
                let file = Mutex::new(MessageFile::open(path).map_err(CliError::io("open", path))?);
                Ok(Self::File(MessageFile { path: path.into(), file, reopen: reopen_flag() }))
            }
            None if std::io::stderr().is_terminal() => Ok(Self::Terminal),
            None => Ok(Self::Lines),
        }
    }

    /// Sends the messages of this process here, up to this level. Only the first call has an effect.
    #[cfg(not(feature = "tracing"))]
    pub(crate) fn start(self, level: LevelFilter) {
        if log::set_boxed_logger(Box::new(self)).is_ok() {
            log::set_max_level(level);
        }
    }

    /// Sends the messages of this process here, up to this level. Only the first call has an effect.
    #[cfg(feature = "tracing")]
    pub(crate) fn start(self, level: LevelFilter) {
        use tracing_subscriber::layer::SubscriberExt;
        // Both have the same names.
        let level = level.as_str().parse().unwrap_or(tracing_subscriber::filter::LevelFilter::INFO);
        let subscriber = tracing_subscriber::registry().with(self).with(level);
        let _ = tracing::subscriber::set_global_default(subscriber);
    }

    fn write(&self, level: Level, target: &str, text: &str) {
        match self {
            Self::Plain => above_bar(|| eprint(text)),
            Self::Terminal => above_bar(|| {
                let _ = writeln!(anstream::stderr(), "{}", terminal_line(level, text, &Zone::local()));
            }),
            Self::Lines => eprint(&line(level, target, text)),
            Self::File(file) => {
                let line = line(level, target, text);
                // In one piece: another process may write into the file, too.
                if file.file().write_all(format!("{line}\n").as_bytes()).is_err() {
                    eprint(&line);
                }
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
impl log::Log for Output {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        // A library's own messages are no messages of the program, which says itself what they lead to.
        if !record.target().starts_with("ringlog") {
            return;
        }
        self.write(record.level(), record.target(), &record.args().to_string());
    }

    fn flush(&self) {}
}

#[cfg(feature = "tracing")]
impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Output {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                text = format!("{value:?}");
            }
        });
        self.write(metadata.level().as_str().parse().unwrap_or(Level::Info), metadata.target(), &text);
    }
}

/// Sets the bar that messages appear above, or that there is none.
pub(crate) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

fn above_bar(write: impl FnOnce()) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn line(level: Level, target: &str, text: &str) -> String {
    line_at(unix_now(), level, target, text)
}

/// Returns a message as one line: also where its text quotes line ends.
fn line_at(unix_nanos: u64, level: Level, target: &str, text: &str) -> String {
    let time = Zone::Utc.format(unix_nanos, "%Y-%m-%dT%H:%M:%S%.6fZ").unwrap_or_default();
    format!("{time} {level} {target}: {}", escaped(text, &['\t']))
}

/// Returns a message as one line with colours.
fn terminal_line(level: Level, text: &str, zone: &Zone) -> String {
    let dim = Style::new().dimmed();
    let style = match level {
        Level::Error => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default().bold(),
        Level::Info => AnsiColor::Green.on_default(),
        Level::Debug | Level::Trace => dim,
    };
    let time = zone.format(unix_now(), "%H:%M:%S").unwrap_or_default();
    format!("{dim}{time}{dim:#} {style}{level:<5}{style:#} {}", escaped(text, &['\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_a_control_character() {
        assert_eq!(
            line_at(1_500_000_999, Level::Warn, LOG, "a file\nb\u{1b}[2J\tc"),
            "1970-01-01T00:00:01.500000Z WARN ringlog::log: a file\\nb\\u001b[2J\tc"
        );
        let line = terminal_line(Level::Error, "a\nb\u{1b}[2J", &Zone::Utc);
        assert!(line.ends_with(" a\\nb\\u001b[2J") && !line.contains('\n'), "{line:?}");
        assert!(anstream::adapter::strip_str(&line).to_string()[8..].starts_with(" ERROR a"), "{line:?}");
    }

    /// The only unit test that starts an output: a process has one.
    #[test]
    fn the_macros_write_level_target_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("messages");
        Output::of_service(Some(&path)).unwrap().start(LevelFilter::Info);
        let name = "a name";
        warn!(target: RING, "{name}: {}", 7);
        debug!(target: RING, "{name}: no message");
        error!(target: SERVE, "{name}");
        log::error!(target: "tiny_http", "{name}: of a library");
        let text = std::fs::read_to_string(&path).unwrap();
        let has = |end: &str| text.lines().any(|line| line.ends_with(end));
        assert!(has("Z WARN ringlog::ring: a name: 7") && has("Z ERROR ringlog::serve: a name"), "{text}");
        assert!(!text.contains("DEBUG") && !text.contains("of a library"), "{text}");
    }

    #[test]
    fn a_file_is_opened_again_when_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("messages"), folder.path().join("old"));
        let opened = Mutex::new(MessageFile::open(&path).unwrap());
        let file = MessageFile { path: path.clone(), file: opened, reopen: Arc::default() };
        writeln!(file.file(), "one").unwrap();
        std::fs::rename(&path, &old).unwrap();
        writeln!(file.file(), "two").unwrap();
        file.reopen.store(true, Ordering::Relaxed);
        writeln!(file.file(), "three").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_takes_nothing_more_ends_no_program() {
        let full = Output::of_service(Some(Path::new("/dev/full"))).unwrap();
        full.write(Level::Info, SERVE, "a line for standard error");
    }
}
