//! What takes events: the trait that log writers, monitors and forwarders implement.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::run::Run;

/// Takes events from a dispatcher, one at a time or a run at a time.
///
/// ```
/// use ringlog_nostd::{EventConsumer, EventHeader};
///
/// struct Largest(u16);
///
/// impl EventConsumer for Largest {
///     fn consume(&mut self, header: &EventHeader, _payload: &[u8]) -> bool {
///         self.0 = self.0.max(header.payload_len);
///         true
///     }
///     fn name(&self) -> &str {
///         "largest"
///     }
/// }
/// ```
pub trait EventConsumer {
    /// Takes one event; GAP records come here too (see [`EventHeader::is_gap`]).
    ///
    /// `false` refuses it. A required consumer is offered a refused event again at the next drain, and
    /// the source keeps it until then; for any other consumer it is counted as refused and passed over.
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool;

    /// A name for statistics and messages.
    fn name(&self) -> &str;

    /// Takes a run of events, by default one after the other until one is refused.
    ///
    /// An implementation that can do better with many records at once, such as one `memcpy`, takes them
    /// from [`Run::remaining`] and says how many with [`Run::accept_bytes`]. Returns whether it took all.
    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        while let Some((header, payload)) = run.peek() {
            if !self.consume(&header, payload) {
                return false;
            }
            run.accept();
        }
        true
    }

    /// Called now and then while there is nothing to take, for what a consumer does by the clock. By default
    /// nothing.
    fn idle(&mut self) {}
}

impl<C: EventConsumer + ?Sized> EventConsumer for &mut C {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        (**self).consume(header, payload)
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        (**self).consume_run(run)
    }

    fn idle(&mut self) {
        (**self).idle();
    }
}
