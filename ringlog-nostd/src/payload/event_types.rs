//! Lists of events, in which each number and each name is there once.
#![forbid(unsafe_code)]

use crate::payload::payload::Payload;

/// What a log needs of a type of events.
///
/// ```
/// use ringlog_nostd::{EventSchema, event};
///
/// #[event(type = 7)]
/// struct Sample {
///     millivolts: u32,
/// }
///
/// let schema = EventSchema::of::<Sample>();
/// assert_eq!((schema.event_type, schema.name), (7, "sample"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EventSchema {
    /// The type's number.
    pub event_type: u8,
    /// The type's name.
    pub name: &'static str,
    /// What its payloads mean: the payload of a META record.
    pub meta: &'static [u8],
}

impl EventSchema {
    /// Returns what a log needs of this type.
    ///
    /// ```
    /// # use ringlog_nostd::{EventSchema, event};
    /// #[event(type = 8)]
    /// struct Reset {}
    ///
    /// let schema = EventSchema::of::<Reset>();
    /// assert_eq!(schema.meta, br#"{"type":8,"name":"reset","size":0,"fields":[],"tail":"none"}"#);
    /// ```
    #[must_use]
    pub const fn of<P: Payload>() -> Self {
        Self { event_type: P::TYPE, name: P::NAME, meta: P::SCHEMA }
    }
}

/// A list of events that a program writes. The macro [`events!`](crate::events!) makes one.
///
/// ```
/// use ringlog_nostd::{EventTypes, event, events};
///
/// #[event(type = 1)]
/// struct OrderAdd {
///     id: u64,
/// }
///
/// #[event(type = 2)]
/// struct OrderCancel {
///     id: u64,
/// }
///
/// events!(Orders: OrderAdd, OrderCancel);
///
/// assert_eq!(Orders::SCHEMAS.len(), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of events",
    label = "not made by `events!`",
    note = "write `events!({Self}List: {Self});`, and name the list here"
)]
pub trait EventTypes {
    /// What a log needs of each type.
    const SCHEMAS: &'static [EventSchema];
}

/// Declares a list of events as a type that implements [`EventTypes`](crate::EventTypes).
///
/// Two events with the same number or the same name do not compile.
///
/// ```
/// # use ringlog_nostd::{EventTypes, event, events};
/// # #[event(type = 1)]
/// # struct OrderAdd { id: u64 }
/// # #[event(type = 2)]
/// # struct OrderCancel { id: u64 }
/// events! {
///     /// What the order book writes.
///     pub Orders: OrderAdd, OrderCancel
/// }
/// let names: Vec<_> = Orders::SCHEMAS.iter().map(|schema| schema.name).collect();
/// assert_eq!(names, ["order_add", "order_cancel"]);
/// ```
///
/// ```compile_fail
/// # use ringlog_nostd::{event, events};
/// # #[event(type = 1)]
/// # struct OrderAdd { id: u64 }
/// #[event(type = 1)] // as OrderAdd
/// struct OrderCancel { id: u64 }
///
/// events!(Orders: OrderAdd, OrderCancel);
/// ```
#[macro_export]
macro_rules! events {
    ($(#[$attribute:meta])* $visibility:vis $name:ident: $($event:ty),+ $(,)?) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::EventTypes for $name {
            const SCHEMAS: &'static [$crate::EventSchema] = &[$($crate::EventSchema::of::<$event>()),+];
        }

        const _: () = $crate::typed::check_events(<$name as $crate::EventTypes>::SCHEMAS);
    };
}

/// Refuses two types of one number or one name.
pub const fn check_events(schemas: &[EventSchema]) {
    let mut rest = schemas;
    while let [first, after @ ..] = rest {
        let mut others = after;
        while let [other, after @ ..] = others {
            if first.event_type == other.event_type {
                refuse([
                    "two events have the same `type`: `",
                    first.name,
                    "` and `",
                    other.name,
                    "`; give one another number",
                ]);
            }
            if is_same(first.name, other.name) {
                refuse([
                    "two events have the same name: `",
                    first.name,
                    "`; write `#[event(name = \"...\")]` for one",
                    "",
                    "",
                ]);
            }
            others = after;
        }
        rest = after;
    }
}

/// `==` of texts is not `const`.
const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

/// Panics with the texts, one after the other.
const fn refuse(texts: [&str; 5]) {
    let mut message = [b' '; 512];
    let mut len = 0;
    let mut rest: &[&str] = &texts;
    while let [text, after @ ..] = rest {
        let mut bytes = text.as_bytes();
        while let ([first, others @ ..], true) = (bytes, len < message.len()) {
            message[len] = *first;
            len += 1;
            bytes = others;
        }
        rest = after;
    }
    match core::str::from_utf8(message.split_at(len).0) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("two events have the same `type` or the same name; give one another"),
    }
}
