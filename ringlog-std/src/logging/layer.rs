//! A layer of `tracing-subscriber`.
#![forbid(unsafe_code)]

use tracing_core::span::{Attributes, Id, Record as Values};
use tracing_core::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::bridged::{self, is_bridge};
use super::call::{MESSAGE, level_of};
use super::fields::{Choice, Fields};
use super::message::{known_record, log_record};
use super::record::Record;
use super::scratch::Scratch;
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

impl Layer {
    // Not in `on_event`, which is compiled for each subscriber, in the program's crate.
    fn write_event(&self, span: u64, event: &Event<'_>) {
        let timestamp = self.sink.now();
        let max_payload = self.sink.max_payload();
        let (mut scratch, call) = Scratch::take_for(event.metadata(), max_payload);
        if call.is_some_and(|call| known_record(&mut scratch, &call, span, max_payload, event)) {
            return self.sink.write(timestamp, self.sink.types().record, scratch);
        }
        drop(scratch);
        self.write_unknown(timestamp, span, event);
    }

    /// Writes an event for which nothing was encoded before.
    #[cold]
    fn write_unknown(&self, timestamp: u64, span: u64, event: &Event<'_>) {
        let metadata = event.metadata();
        if is_bridge(metadata) {
            return self.write_bridged(timestamp, span, event);
        }
        let payload = log_record(record_of(metadata, span), self.sink.max_payload(), |tail| {
            tail.text("target", metadata.target());
            // The macros put it first.
            match metadata.fields().iter().position(|field| field.name() == MESSAGE) {
                None | Some(0) => event.record(&mut Fields::new(tail, Choice::All)),
                Some(_) => {
                    event.record(&mut Fields::new(tail, Choice::Message));
                    event.record(&mut Fields::new(tail, Choice::Others));
                }
            }
            tail.end_fields();
            put_file(tail, metadata);
        });
        self.sink.write(timestamp, self.sink.types().record, payload);
    }

    /// Writes a record of `log` as if its logger had written it.
    fn write_bridged(&self, timestamp: u64, span: u64, event: &Event<'_>) {
        let record = Record { level: level_of(event.metadata()), span, line: bridged::line_of(event) };
        let payload = log_record(record, self.sink.max_payload(), |tail| {
            bridged::put_target(tail, event);
            event.record(&mut Fields::new(tail, Choice::Message));
            bridged::put_file(tail, event);
        });
        self.sink.write(timestamp, self.sink.types().record, payload);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).map_or(0, |span| span.id().into_u64());
        self.write_event(span, event);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let timestamp = self.sink.now();
        let parent = context.span(id).and_then(|span| span.parent()).map_or(0, |span| span.id().into_u64());
        let metadata = attributes.metadata();
        let record = record_of(metadata, id.into_u64());
        let payload = span_opened(record, parent, self.sink.max_payload(), |tail| {
            put_span(tail, metadata);
            attributes.record(&mut Fields::new(tail, Choice::Fields));
        });
        self.sink.write(timestamp, self.sink.types().span_opened, payload);
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id) else { return };
        self.sink.write_record(record_of(metadata, id.into_u64()), |tail| {
            put_span(tail, metadata);
            values.record(&mut Fields::new(tail, Choice::Fields));
        });
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.sink.write(
            self.sink.now(),
            self.sink.types().span_closed,
            span_closed(id.into_u64(), self.sink.max_payload()),
        );
    }
}

fn record_of(metadata: &Metadata<'_>, span: u64) -> Record {
    Record { level: level_of(metadata), span, line: metadata.line().unwrap_or(0) }
}

fn put_file(tail: &mut Tail<'_>, metadata: &Metadata<'_>) {
    tail.file(metadata.target(), metadata.module_path(), metadata.file());
}

fn put_span(tail: &mut Tail<'_>, metadata: &Metadata<'_>) {
    tail.text("target", metadata.target());
    tail.text("name", metadata.name());
    put_file(tail, metadata);
}
