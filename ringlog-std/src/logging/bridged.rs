//! Records of the facade `log` that come as events of `tracing`, by the crate `tracing-log`: all such events have one call,
//! and the target, the file and the line of the record are fields.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use tracing_core::field::{Field, Visit};
use tracing_core::{Event, Metadata};

use super::tail::Tail;

/// Returns whether the events of this call are records of `log`.
pub(super) fn is_bridge(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "log"
        && metadata.name() == "log event"
        && metadata.fields().field("log.target").is_some()
}

/// Returns the line of the record, 0 if that is unknown.
pub(super) fn line_of(event: &Event<'_>) -> u32 {
    let mut line = Line(0);
    event.record(&mut line);
    line.0
}

struct Line(u32);

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.0 = value.try_into().unwrap_or(0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Adds the target of the record.
pub(super) fn put_target(tail: &mut Tail<'_>, event: &Event<'_>) {
    event.record(&mut Texts(|name: &str, target: &str| {
        if name == "log.target" {
            tail.text("target", target);
        }
    }));
}

/// Adds the file of the record, unless its target leads to it.
pub(super) fn put_file(tail: &mut Tail<'_>, event: &Event<'_>) {
    // A text is lent for one call, so what compares two is within the other.
    let mut is_module = false;
    event.record(&mut Texts(|name: &str, target: &str| {
        if name == "log.target" {
            event.record(&mut Texts(|name: &str, module: &str| {
                is_module |= name == "log.module_path" && module == target;
            }));
        }
    }));
    event.record(&mut Texts(|name: &str, file: &str| {
        if name == "log.file" && !is_module {
            tail.text("file", file);
        }
    }));
}

/// Is given the names and values that are texts.
struct Texts<F>(F);

impl<F: FnMut(&str, &str)> Visit for Texts<F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0(field.name(), value);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
