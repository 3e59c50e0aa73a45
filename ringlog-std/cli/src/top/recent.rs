//! The last events of a log, copied when they are read and made lines only if they are shown.
//!
//! At full speed a log has more events between two looks than anybody reads: the copies take the place of each other, and only
//! the last ones are decoded.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use crate::output::{PrintStyle, Printer};
use crate::top::look::EventLine;
use ringlog::event::{ClockKind, Event, EventHeader};
use ringlog::storage::SegmentSchemas;

/// How many events are kept to scroll through.
pub(crate) const KEPT_EVENTS: usize = 200;

/// The last events that were read.
#[derive(Debug, Default)]
pub(super) struct Recent {
    copies: VecDeque<Copied>,
    /// What the segment of the last event says of its events.
    schemas: Option<Arc<SegmentSchemas>>,
}

#[derive(Debug)]
struct Copied {
    header: EventHeader,
    payload: Vec<u8>,
    sequence: u64,
    offset: u64,
    clock: ClockKind,
    schemas: Option<Arc<SegmentSchemas>>,
}

impl Recent {
    /// Copies an event over the oldest one.
    pub(super) fn add(&mut self, event: &Event<'_>, clock: ClockKind) {
        let found = SegmentSchemas::of(event);
        if found.map(std::ptr::from_ref) != self.schemas.as_deref().map(std::ptr::from_ref) {
            self.schemas = found.and_then(SegmentSchemas::shared);
        }
        let oldest = if self.copies.len() < KEPT_EVENTS { None } else { self.copies.pop_front() };
        let mut payload = oldest.map_or_else(Vec::new, |copied| copied.payload);
        payload.clear();
        payload.extend_from_slice(event.payload);
        let Event { header, sequence, offset, .. } = *event;
        self.copies.push_back(Copied {
            header,
            payload,
            sequence,
            offset,
            clock,
            schemas: self.schemas.clone(),
        });
    }

    /// Returns the events as lines, and forgets them.
    pub(super) fn take_lines(&mut self, style: &PrintStyle) -> Vec<EventLine> {
        self.copies.drain(..).map(|copied| copied.line(style)).collect()
    }
}

impl Copied {
    fn line(&self, style: &PrintStyle) -> EventLine {
        let layouts = self.schemas.as_deref().map(|schemas| schemas as &dyn ringlog::event::Layouts);
        let event = Event::new(self.header, &self.payload, self.sequence, self.offset).with_layouts(layouts);
        // A printer for each, so that a payload of bytes puts no text into hex. A vector takes all that is written.
        let text = Printer::new(style.clone(), Vec::new()).and_then(|mut printer| {
            printer.print(&event, self.clock)?;
            Ok(printer.into_text())
        });
        let text = text.unwrap_or_default().trim_end().replace('\t', " ");
        EventLine { text, is_gap: self.header.is_gap() }
    }
}
