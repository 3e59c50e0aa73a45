//! A logger for the facade `log`.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{LevelFilter, Log, Metadata, SetLoggerError};

use super::record::Record;
use super::sink::Sink;
use super::tail::Tail;

/// A logger for the macros of the crate `log`, which writes into a [`Sink`].
///
/// The key-value pairs of a message are its fields: integers, floats, booleans and texts as such, anything else as the text
/// that it displays. The level is that of `log`; a finer choice is a logger that is asked before, or `tracing` with its filters.
///
/// ```
/// use ringlog::logging::{Logger, Sink};
/// # let folder = tempfile::tempdir()?;
///
/// let (sink, guard) = Sink::open(folder.path())?;
/// Logger::new(&sink).install(log::LevelFilter::Info)?;
/// log::info!(order = 7; "filled");
/// log::debug!("not logged");
/// assert_eq!(guard.finish()?.log.events, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Logger {
    sink: Sink,
}

impl Logger {
    /// Returns a logger that writes into this log.
    ///
    /// ```
    /// use log::Log;
    /// use ringlog::logging::{Logger, Sink};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// Logger::new(&sink).log(&log::Record::builder().args(format_args!("hello")).build());
    /// assert_eq!(guard.finish()?.log.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(sink: &Sink) -> Self {
        Self { sink: sink.clone() }
    }

    /// Makes it the logger of the process, for messages up to this level.
    ///
    /// ```
    /// use ringlog::logging::{Logger, Sink};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// Logger::new(&sink).install(log::LevelFilter::Info)?;
    /// assert_eq!(log::max_level(), log::LevelFilter::Info);
    /// assert!(Logger::new(&sink).install(log::LevelFilter::Info).is_err(), "there is one logger a process");
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SetLoggerError`] if the process has a logger.
    pub fn install(self, level: LevelFilter) -> Result<(), SetLoggerError> {
        log::set_boxed_logger(Box::new(self))?;
        log::set_max_level(level);
        Ok(())
    }
}

/// How long `flush` waits.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, message: &log::Record<'_>) {
        let record = Record { level: message.level() as u8, span: 0, line: message.line().unwrap_or(0) };
        self.sink.write_record(record, |tail| {
            tail.text("target", message.target());
            tail.formatted("message", *message.args());
            // A source that fails has given what it could.
            let _ = message.key_values().visit(&mut Fields(tail));
            tail.end_fields();
            tail.file(message.target(), message.module_path(), message.file());
        });
    }

    /// Waits until the log has what all threads have logged before the call, up to a second. A thread of the recorder does not
    /// wait.
    fn flush(&self) {
        self.sink.flush(FLUSH_LIMIT);
    }
}

struct Fields<'t, 'b>(&'t mut Tail<'b>);

impl<'kvs> VisitSource<'kvs> for Fields<'_, '_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        self.0.begin_fields();
        value.visit(Field { key: key.as_str(), tail: self.0 })
    }
}

struct Field<'t, 'b> {
    key: &'t str,
    tail: &'t mut Tail<'b>,
}

impl<'v> VisitValue<'v> for Field<'_, '_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.put(format_args!("{value}"));
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.tail.null(self.key);
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.tail.unsigned(self.key, value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.tail.signed(self.key, value);
        Ok(())
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), Error> {
        self.tail.wide_unsigned(self.key, value);
        Ok(())
    }

    fn visit_i128(&mut self, value: i128) -> Result<(), Error> {
        self.tail.wide(self.key, value);
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.tail.float(self.key, value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.tail.bool(self.key, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.tail.text(self.key, value);
        Ok(())
    }
}

impl Field<'_, '_> {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.tail.formatted(self.key, text);
    }
}
