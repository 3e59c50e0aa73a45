//! The values of an event or span of `tracing`, added to a tail.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Debug;

use tracing_core::field::{Field, Visit};

use super::call::{Call, MESSAGE};
use super::key::Key;
use super::tail::Tail;

/// Adds the values of a call that is known: the message, and the others as fields.
pub(super) struct KnownFields<'t, 'b, 'c> {
    tail: &'t mut Tail<'b>,
    call: &'c Call,
}

impl<'t, 'b, 'c> KnownFields<'t, 'b, 'c> {
    pub(super) const fn new(tail: &'t mut Tail<'b>, call: &'c Call) -> Self {
        Self { tail, call }
    }

    #[inline(always)]
    fn key(&mut self, field: &Field) -> Option<&'c Key> {
        let index = field.index();
        if !self.call.is_message(index) {
            self.tail.begin_fields();
        }
        self.call.key(index)
    }
}

impl Visit for KnownFields<'_, '_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if let Some(key) = self.key(field) {
            self.tail.known_float(key, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Some(key) = self.key(field) {
            self.tail.known_signed(key, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if let Some(key) = self.key(field) {
            self.tail.known_unsigned(key, value);
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if let Some(key) = self.key(field) {
            self.tail.wide(key.name(), value);
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Some(key) = self.key(field) {
            self.tail.wide_unsigned(key.name(), value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(key) = self.key(field) {
            self.tail.bool(key.name(), value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(key) = self.key(field) {
            self.tail.known_text(key, value);
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if let Some(key) = self.key(field) {
            self.tail.bytes(key.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(key) = self.key(field) {
            self.tail.formatted(key.name(), format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(key) = self.key(field) {
            self.tail.known_debug(key, value);
        }
    }
}

/// Which values are added.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The message, which is the first if there is one, and the others as fields.
    All,
    Message,
    /// All but the message, as fields.
    Others,
    /// All, as fields.
    Fields,
}

/// Adds values under the names of their fields.
pub(super) struct Fields<'t, 'b> {
    tail: &'t mut Tail<'b>,
    choice: Choice,
}

impl<'t, 'b> Fields<'t, 'b> {
    pub(super) const fn new(tail: &'t mut Tail<'b>, choice: Choice) -> Self {
        Self { tail, choice }
    }

    /// Returns the key of the value if it is one of those that are added.
    fn key(&mut self, field: &Field) -> Option<&'static str> {
        let name = field.name();
        match (self.choice, self.choice != Choice::Fields && name == MESSAGE) {
            (Choice::All | Choice::Message, true) => return Some(MESSAGE),
            (Choice::Others, true) | (Choice::Message, false) => return None,
            _ => self.tail.begin_fields(),
        }
        Some(name.strip_prefix("r#").unwrap_or(name))
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if let Some(key) = self.key(field) {
            self.tail.float(key, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Some(key) = self.key(field) {
            self.tail.signed(key, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if let Some(key) = self.key(field) {
            self.tail.unsigned(key, value);
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if let Some(key) = self.key(field) {
            self.tail.wide(key, value);
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Some(key) = self.key(field) {
            self.tail.wide_unsigned(key, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(key) = self.key(field) {
            self.tail.bool(key, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(key) = self.key(field) {
            self.tail.text(key, value);
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if let Some(key) = self.key(field) {
            self.tail.bytes(key, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(key) = self.key(field) {
            self.tail.formatted(key, format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(key) = self.key(field) {
            self.tail.debug(key, value);
        }
    }
}
