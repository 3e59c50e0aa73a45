//! The consumer's end of a ring in a handle of the caller's.
#![forbid(unsafe_code)]

use crate::event::RingEvent;
use crate::owner::Owner;
use crate::status::{RINGLOG_E_CORRUPT, RINGLOG_EMPTY};
use core::ffi::c_int;
use ringlog_nostd::Consumer;

/// A consumer in a handle of the caller's.
#[derive(Debug)]
pub(crate) struct OpenConsumer {
    pub(crate) consumer: Consumer<'static, Owner>,
}

impl OpenConsumer {
    pub(crate) fn new(consumer: Consumer<'static, Owner>) -> Self {
        Self { consumer }
    }

    #[inline]
    pub(crate) fn read(&mut self) -> Result<RingEvent, c_int> {
        match self.consumer.try_read_event() {
            Ok(Some((header, payload))) => Ok(RingEvent::of(&header, payload)),
            Ok(None) => Err(RINGLOG_EMPTY),
            Err(_) => Err(RINGLOG_E_CORRUPT),
        }
    }
}
