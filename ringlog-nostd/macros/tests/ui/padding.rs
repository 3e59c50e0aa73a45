//! A struct whose bytes are not all in a field.

use ringlog_nostd::event;

fn main() {}

mod padding {
    use super::*;

    #[event(type = 1)]
    struct Padded {
        quantity: u32,
        id: u64,
    }
}
