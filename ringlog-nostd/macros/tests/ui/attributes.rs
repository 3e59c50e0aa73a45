//! What the attributes refuse before anything is compiled.

use ringlog_nostd::{event, labels};

fn main() {}

mod generics {
    use super::*;

    #[event(type = 1)]
    struct Generic<T> {
        value: T,
    }
}

mod enum_with_fields {
    use super::*;

    #[labels]
    enum Shape {
        Circle(u8),
        Square,
    }
}

mod event_on_enum {
    use super::*;

    #[event(type = 1)]
    enum Side {
        Buy,
        Sell,
    }
}

mod without_type {
    use super::*;

    #[event]
    struct Order {
        id: u64,
    }
}

mod unnamed_fields {
    use super::*;

    #[event(type = 1)]
    struct Order(u64);
}

mod other_repr {
    use super::*;

    #[event(type = 1)]
    #[repr(C, packed)]
    struct Order {
        id: u64,
    }
}

mod unknown_option {
    use super::*;

    #[event(type = 1)]
    struct Order {
        #[event(digits = 8)]
        price: i64,
    }

    #[event(type = 2, version = 3)]
    struct Cancel {
        id: u64,
    }
}

mod scale_too_large {
    use super::*;

    #[event(type = 1)]
    struct Order {
        #[event(scale = -40)]
        price: i64,
    }
}

mod unknown_kind {
    use super::*;

    #[event(type = 1)]
    struct Order {
        #[event(kind = "date")]
        id: u64,
    }
}

mod unknown_tail {
    use super::*;

    #[event(type = 1, tail = "json")]
    struct Order {
        id: u64,
    }
}

mod field_named_tail {
    use super::*;

    #[event(type = 1, tail = "text")]
    struct Order {
        tail: u64,
    }
}

mod bad_name {
    use super::*;

    #[event(type = 1, name = "order-add")]
    struct Order {
        id: u64,
    }
}

mod text_field {
    use super::*;

    #[event(type = 1)]
    struct Text {
        name: String,
    }
}

mod unknown_type {
    use super::*;

    #[event(type = 1)]
    struct Unknown {
        letter: char,
    }
}

mod alignment {
    use super::*;

    #[event(type = 1)]
    struct Aligned {
        value: u128,
    }
}

mod more_types {
    use super::*;

    #[event(type = 1)]
    struct Reference {
        name: &'static str,
    }

    #[event(type = 2)]
    struct Wide {
        count: usize,
    }

    #[event(type = 3)]
    struct Maybe {
        price: Option<u32>,
    }

    #[event(type = 4)]
    struct Pair {
        pair: (u8, u8),
    }

    #[event(type = 5)]
    struct Unit {
        #[event(unit = "\n")]
        value: u8,
    }
}

mod same_label {
    use super::*;

    #[labels]
    enum Side {
        BuyNow,
        Buy_Now,
    }
}
