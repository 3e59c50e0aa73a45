//! A layer of `tracing-subscriber`.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Debug;

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record as Values};
use tracing_core::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::record::Record;
use super::sink::Sink;
use super::span::{span_closed, span_opened};
use super::tail::Tail;

/// A layer of `tracing-subscriber` that writes events and spans into a [`Sink`]. It keeps nothing for a span.
///
/// What is logged is chosen by the layers around it, such as `EnvFilter` with the directives of `RUST_LOG`. An event has the
/// number of its span, 0 without one; `span_opened` has the span's name, its fields and the number of its parent, and
/// `Span::record` becomes a further `log_record` with the span's name. The number is that of `span::Id`, which another span
/// may get once this one is closed. Entering and leaving a span is not logged.
///
/// ```
/// use ringlog::logging::{Layer, Sink};
/// use tracing_subscriber::layer::SubscriberExt;
/// # let folder = tempfile::tempdir()?;
///
/// let (sink, guard) = Sink::open(folder.path())?;
/// let subscriber = tracing_subscriber::registry().with(Layer::new(&sink));
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("session", user = "ada").entered();
///     tracing::info!(order = 7, price = 101.25, "filled");
/// });
/// // The span's beginning, the event, the span's end.
/// assert_eq!(guard.finish()?.log.events, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layer {
    sink: Sink,
}

impl Layer {
    /// Returns a layer that writes into this log.
    ///
    /// ```
    /// use ringlog::logging::{Layer, Sink};
    /// use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let (sink, guard) = Sink::open(folder.path())?;
    /// // Instead, `EnvFilter::from_default_env()` takes directives from `RUST_LOG`.
    /// let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO).with(Layer::new(&sink));
    /// tracing::subscriber::with_default(subscriber, || {
    ///     tracing::debug!("not logged");
    ///     tracing::info!("logged");
    /// });
    /// assert_eq!(guard.finish()?.log.events, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(sink: &Sink) -> Self {
        Self { sink: sink.clone() }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).map_or(0, |span| span.id().into_u64());
        let metadata = event.metadata();
        self.sink.write_record(record_of(metadata, span), |tail| {
            tail.text("target", metadata.target());
            let mut names = metadata.fields().iter().map(|field| field.name());
            match names.position(|name| name == MESSAGE) {
                // The macros put it first.
                None | Some(0) => event.record(&mut Fields { tail, choice: Choice::All }),
                Some(_) => {
                    event.record(&mut Fields { tail, choice: Choice::Message });
                    event.record(&mut Fields { tail, choice: Choice::Others });
                }
            }
            tail.end_fields();
            put_file(tail, metadata);
        });
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let timestamp = self.sink.now();
        let parent = context.span(id).and_then(|span| span.parent()).map_or(0, |span| span.id().into_u64());
        let metadata = attributes.metadata();
        let record = record_of(metadata, id.into_u64());
        let payload = span_opened(record, parent, self.sink.max_payload(), |tail| {
            put_span(tail, metadata);
            attributes.record(&mut Fields { tail, choice: Choice::Fields });
        });
        self.sink.write(timestamp, self.sink.types().span_opened, payload);
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id) else { return };
        self.sink.write_record(record_of(metadata, id.into_u64()), |tail| {
            put_span(tail, metadata);
            values.record(&mut Fields { tail, choice: Choice::Fields });
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.sink.write(self.sink.now(), self.sink.types().span_closed, span_closed(id.into_u64()));
    }
}

const MESSAGE: &str = "message";

fn record_of(metadata: &Metadata<'_>, span: u64) -> Record {
    let level = match *metadata.level() {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    };
    Record { level, span, line: metadata.line().unwrap_or(0) }
}

fn put_file(tail: &mut Tail<'_>, metadata: &Metadata<'_>) {
    tail.file(metadata.target(), metadata.module_path(), metadata.file());
}

fn put_span(tail: &mut Tail<'_>, metadata: &Metadata<'_>) {
    tail.text("target", metadata.target());
    tail.text("name", metadata.name());
    put_file(tail, metadata);
}

/// Which values are added.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The message, which is the first if there is one, and the others as fields.
    All,
    Message,
    /// All but the message, as fields.
    Others,
    /// All, as fields.
    Fields,
}

struct Fields<'t, 'b> {
    tail: &'t mut Tail<'b>,
    choice: Choice,
}

impl Fields<'_, '_> {
    #[inline]
    fn put(&mut self, field: &Field, value: impl FnOnce(&mut Tail<'_>, &str)) {
        let name = field.name();
        let is_message = self.choice != Choice::Fields && name == MESSAGE;
        match (self.choice, is_message) {
            (Choice::All | Choice::Message, true) => return value(self.tail, MESSAGE),
            (Choice::Others, true) | (Choice::Message, false) => return,
            _ => {}
        }
        self.tail.begin_fields();
        value(self.tail, name.strip_prefix("r#").unwrap_or(name));
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, |tail, key| tail.float(key, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |tail, key| tail.signed(key, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |tail, key| tail.unsigned(key, value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, |tail, key| tail.wide(key, value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, |tail, key| tail.wide_unsigned(key, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |tail, key| tail.bool(key, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |tail, key| tail.text(key, value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.put(field, |tail, key| tail.bytes(key, value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, |tail, key| tail.formatted(key, format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, |tail, key| tail.formatted(key, format_args!("{value:?}")));
    }
}
