//! What has no kind, or is no event.

use ringlog_nostd::{Producer, event, events};

fn main() {}

mod enum_without_labels {
    use super::*;

    enum Side {
        Buy,
        Sell,
    }

    #[event(type = 1)]
    struct Order {
        side: Side,
    }
}

mod no_event_in_list {
    use super::*;

    struct Order {
        id: u64,
    }

    events!(Orders: Order);
}

mod without_tail {
    use super::*;

    #[event(type = 1)]
    struct Order {
        id: u64,
    }

    fn write(producer: &mut Producer<'_>) {
        let _ = producer.write_with_tail(1, &Order { id: 7 }, b"comment");
    }
}

mod no_event {
    use super::*;

    struct Order {
        id: u64,
    }

    fn write(producer: &mut Producer<'_>) {
        let _ = producer.write(1, &Order { id: 7 });
    }
}
