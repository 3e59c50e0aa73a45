//! Descriptions of events in the section `.ringlog.schema` of a firmware's image, which is not loaded.
//!
//! An entry is `RLS1`, the length of the JSON as u16, the event type, the user flags of its META record, and the JSON.
#![forbid(unsafe_code)]

use crate::payload::event_types::EventSchema;

const MAGIC: [u8; 4] = *b"RLS1";
const ENTRY_HEAD: usize = 8;

/// Puts the descriptions of a list of events into the section `.ringlog.schema` of a firmware's image.
///
/// The linker script `ringlog.x` keeps the section in the file and out of the device's memory: link the firmware with
/// `-Tringlog.x`. `ringlog receive --elf` and `ringlog schema extract` read it. On targets with an operating system nothing is
/// emitted. The attribute that names a section is an unsafe one, so the macro is not for a crate with `forbid(unsafe_code)`.
///
/// ```
/// use ringlog_nostd::{event, events, schema_section};
///
/// #[event(type = 1)]
/// struct Sample {
///     millivolts: u32,
/// }
///
/// events!(Samples: Sample);
/// schema_section!(Samples);
/// ```
#[macro_export]
macro_rules! schema_section {
    ($list:ty) => {
        const _: () = {
            const LEN: usize = $crate::typed::section_len(<$list as $crate::EventTypes>::SCHEMAS);
            // SAFETY: the section holds bytes that nothing runs, and that no one reads on the device.
            #[cfg_attr(target_os = "none", used, unsafe(link_section = ".ringlog.schema"))]
            #[cfg_attr(not(target_os = "none"), expect(dead_code, reason = "for firmware alone"))]
            static ENTRIES: [u8; LEN] = $crate::typed::section_of(<$list as $crate::EventTypes>::SCHEMAS);
        };
    };
}

/// Returns the number of bytes that the entries take.
pub const fn section_len(schemas: &[EventSchema]) -> usize {
    let (mut rest, mut len) = (schemas, 0);
    while let [first, after @ ..] = rest {
        assert!(first.meta.len() <= u16::MAX as usize, "a description has more than 65,535 bytes");
        len += ENTRY_HEAD + first.meta.len();
        rest = after;
    }
    len
}

/// Returns the entries, one after the other.
pub const fn section_of<const LEN: usize>(schemas: &[EventSchema]) -> [u8; LEN] {
    let (mut bytes, mut at, mut rest) = ([0; LEN], 0, schemas);
    while let [first, after @ ..] = rest {
        let [low, high] = (first.meta.len() as u16).to_le_bytes();
        let [a, b, c, d] = MAGIC;
        at = put(&mut bytes, at, &[a, b, c, d, low, high, first.event_type, 0]);
        at = put(&mut bytes, at, first.meta);
        rest = after;
    }
    bytes
}

const fn put(bytes: &mut [u8], mut at: usize, mut rest: &[u8]) -> usize {
    while let [first, after @ ..] = rest {
        bytes[at] = *first;
        at += 1;
        rest = after;
    }
    at
}
