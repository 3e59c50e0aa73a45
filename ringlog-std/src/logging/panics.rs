//! Panics as messages.
#![forbid(unsafe_code)]

use std::panic::PanicHookInfo;
use std::time::Duration;

use super::record::Record;
use super::sink::{Sink, is_of_recorder};

/// How long a thread that panics waits for the recorder.
const LIMIT: Duration = Duration::from_millis(250);
const ERROR: u8 = 1;

impl Sink {
    /// Logs each panic from now on, and then does what the hook before did, such as printing it.
    ///
    /// A panic is an error with the target `panic`; its fields are `file`, `column` and `thread`, the thread's name. Half of a
    /// ring is kept for panics, and the thread waits up to 250 milliseconds until the recorder has it: the log has it even if
    /// the process is aborted then. The recorder's own threads do not wait, and after the log's end nobody does.
    ///
    /// ```
    /// use ringlog::{logging::Sink, storage::LogReader};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// sink.install_panic_hook();
    /// std::thread::spawn(|| panic!("no more orders")).join().unwrap_err();
    /// # drop(std::panic::take_hook());
    /// assert_eq!(guard.finish()?.log.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the thread is panicking, as [`std::panic::set_hook`].
    pub fn install_panic_hook(&self) {
        let (sink, before) = (self.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            sink.write_panic(panic);
            before(panic);
        }));
    }

    fn write_panic(&self, panic: &PanicHookInfo<'_>) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        // A thread of the recorder would wait for itself.
        let limit = if is_of_recorder() { Duration::ZERO } else { LIMIT };
        let location = panic.location();
        let record = Record { level: ERROR, span: 0, line: location.map_or(0, |location| location.line()) };
        self.write_urgently(record, limit, |tail| {
            tail.text("target", "panic");
            tail.text("message", text_of(panic));
            tail.begin_fields();
            if let Some(location) = location {
                tail.text("file", location.file());
                tail.unsigned("column", location.column().into());
            }
            tail.text("thread", name);
        });
    }
}

fn text_of<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is no text")
}
