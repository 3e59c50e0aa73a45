//! The attributes of ringlog's typed events. Use them as `ringlog::event` or `ringlog_nostd::event`, which bring what
//! the generated code needs.
#![forbid(unsafe_code)]

mod attributes;
mod labels;
mod structs;

use proc_macro::TokenStream;
use quote::quote;
use structs::Item;

/// Makes a struct the payload of an event: implements `Payload`, and describes the struct in the log.
///
/// Adds `#[repr(C)]` and zerocopy's derives. The struct has named fields, or none. Each field is a number up to 64
/// bits, a `bool`, an enum with [`macro@labels`], a struct with [`macro@fields`], or an array of these.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, Payload, Ring, event, labels};
///
/// #[event(type = 1)]
/// struct OrderAdd {
///     id: u64,
///     #[event(scale = -8, unit = "USD")]
///     price: i64,
///     quantity: u32,
///     side: Side,
///     reserved: [u8; 3],
/// }
///
/// #[labels]
/// enum Side {
///     Buy,
///     Sell,
/// }
///
/// let mut memory = AlignedBytes::<512>::new();
/// let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 32).unwrap().into_ends();
/// let order = OrderAdd { id: 7, price: 10_125_000_000, quantity: 3, side: Side::Sell, reserved: [0; 3] };
/// producer.write(1_000, &order)?;
///
/// let (header, payload) = consumer.read_event().unwrap();
/// assert_eq!(OrderAdd::view(&header, payload).unwrap().id, 7);
/// # Ok::<(), ringlog_nostd::WriteError>(())
/// ```
///
/// Options of the struct:
/// - `type = 1`: the event's type, which no other event of a log has.
/// - `name = "order_add"`: the event's name. Without it, that of the struct in snake case.
/// - `tail = "text"`, `"bytes"` or `"cbor"`: what follows the struct in each event: see `write_with_tail`.
/// - `crate = path`: where the library is, for programs that rename it: the name of a dependency, or a path that begins
///   with `crate`.
///
/// Options of a field:
/// - `scale = -8`: an integer means `value * 10^-8`.
/// - `unit = "USD"`: the unit, for people.
/// - `kind = "timestamp"` for an integer in the unit of the log's clock; `kind = "text"` or `"bytes"` for a `[u8; N]`.
///   Without it, a `[u8; N]` is `bytes`.
/// - `default`: zero where a log was written by a program without this field, and the host reads it as this struct.
///
/// An array of bytes whose name begins with `reserved` or `_` fills a hole, and the log does not describe it.
#[proc_macro_attribute]
pub fn event(options: TokenStream, item: TokenStream) -> TokenStream {
    structs::expand(Item::Event, options.into(), item.into(), &quote!(::ringlog_nostd)).into()
}

/// Makes a struct the field of an event, or of another such struct.
///
/// ```
/// use ringlog_nostd::{Payload, event, fields};
///
/// #[fields]
/// struct Point {
///     #[event(unit = "m")]
///     x: f32,
///     #[event(unit = "m")]
///     y: f32,
/// }
///
/// #[event(type = 2)]
/// struct Moved {
///     from: Point,
///     to: Point,
/// }
///
/// assert_eq!(Moved::NAME, "moved");
/// ```
///
/// Its fields have the options of an [`macro@event`]'s fields. The option `crate = path` is the same too.
#[proc_macro_attribute]
pub fn fields(options: TokenStream, item: TokenStream) -> TokenStream {
    structs::expand(Item::Fields, options.into(), item.into(), &quote!(::ringlog_nostd)).into()
}

/// Makes an enum without fields a field of events: a byte that has names.
///
/// Adds `#[repr(u8)]` and zerocopy's derives. A label is the variant's name in snake case.
///
/// ```
/// use ringlog_nostd::{Payload, event, labels};
///
/// #[labels]
/// enum Side {
///     Buy = 1,
///     Sell = 2,
/// }
///
/// #[event(type = 3)]
/// struct Taken {
///     side: Side,
/// }
///
/// assert!(Taken::SCHEMA.ends_with(br#""labels":{"1":"buy","2":"sell"}}],"tail":"none"}"#));
/// ```
///
/// Option: `crate = path`, as for an [`macro@event`].
#[proc_macro_attribute]
pub fn labels(options: TokenStream, item: TokenStream) -> TokenStream {
    labels::expand(options.into(), item.into(), &quote!(::ringlog_nostd)).into()
}

/// `event` for programs that depend on `ringlog-std`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn event_std(options: TokenStream, item: TokenStream) -> TokenStream {
    structs::expand(Item::Event, options.into(), item.into(), &quote!(::ringlog)).into()
}

/// `fields` for programs that depend on `ringlog-std`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn fields_std(options: TokenStream, item: TokenStream) -> TokenStream {
    structs::expand(Item::Fields, options.into(), item.into(), &quote!(::ringlog)).into()
}

/// `labels` for programs that depend on `ringlog-std`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn labels_std(options: TokenStream, item: TokenStream) -> TokenStream {
    labels::expand(options.into(), item.into(), &quote!(::ringlog)).into()
}
