//! What is refused when constants are computed.

use ringlog_nostd::{event, events};

fn main() {}

mod length {
    use super::*;

    #[event(type = 1)]
    struct Long {
        values: [u64; 8192],
    }
}

mod scale_of_float {
    use super::*;

    #[event(type = 1)]
    struct Order {
        #[event(scale = -8)]
        price: f64,
    }
}

mod kind_of_number {
    use super::*;

    #[event(type = 1)]
    struct Order {
        #[event(kind = "text")]
        id: u64,
    }
}

mod empty_array {
    use super::*;

    #[event(type = 1)]
    struct Order {
        none: [u32; 0],
    }
}

mod same_number {
    use super::*;

    #[event(type = 1)]
    struct OrderAdd {
        id: u64,
    }

    #[event(type = 1)]
    struct OrderCancel {
        id: u64,
    }

    events!(Orders: OrderAdd, OrderCancel);
}

mod same_name {
    use super::*;

    #[event(type = 1)]
    struct Order {
        id: u64,
    }

    mod old {
        #[ringlog_nostd::event(type = 2)]
        pub struct Order {
            id: u64,
        }
    }

    events!(Orders: Order, old::Order);
}
