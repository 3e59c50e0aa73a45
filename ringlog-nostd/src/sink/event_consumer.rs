//! The trait of everything that takes events: log writers, monitors, forwarders.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::meta::MetaTopic;
use crate::format::run::Run;

/// Takes events from a [`ConsumerList`](crate::ConsumerList) or a dispatcher, one at a time or a run at a time.
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
///
/// let mut largest = Largest(0);
/// assert!(largest.consume(&EventHeader::new(1, 7, 3), b"abc"));
/// assert_eq!(largest.0, 3);
/// ```
pub trait EventConsumer {
    /// Takes one event and returns `true`, or refuses it and returns `false`. GAP records come here too: see
    /// [`EventHeader::is_gap`].
    ///
    /// A required consumer is offered a refused event again at the next drain, and the source keeps it until then. For
    /// any other consumer it counts as refused and is skipped.
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool;

    /// Returns a name for statistics and messages.
    fn name(&self) -> &str;

    /// Takes a run of events and returns whether it took all. By default it takes one after the other until it refuses
    /// one.
    ///
    /// An implementation that handles many records at once, such as by one `memcpy`, takes them from
    /// [`Run::remaining`] and reports them with [`Run::accept_bytes`]:
    ///
    /// ```
    /// use ringlog_nostd::{EventConsumer, EventHeader, Run};
    /// use ringlog_nostd::format::encode;
    ///
    /// struct Copy(Vec<u8>);
    ///
    /// impl EventConsumer for Copy {
    ///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    ///         unreachable!("`consume_run` takes all")
    ///     }
    ///     fn name(&self) -> &str {
    ///         "copy"
    ///     }
    ///     fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
    ///         self.0.extend_from_slice(run.remaining());
    ///         run.accept_bytes(run.remaining().len(), 1);
    ///         true
    ///     }
    /// }
    ///
    /// let mut bytes = [0; 24];
    /// encode(&mut bytes, &EventHeader::new(1, 7, 3), b"abc").unwrap();
    /// let (mut copy, mut run) = (Copy(Vec::new()), Run::new(&bytes).unwrap());
    /// assert!(copy.consume_run(&mut run) && run.is_done());
    /// assert_eq!(copy.0, bytes);
    /// ```
    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        while let Some((header, payload)) = run.peek() {
            if !self.consume(&header, payload) {
                return false;
            }
            run.accept();
        }
        true
    }

    /// Takes what the payloads of the next events mean: the JSON of a META record. Ignores it by default.
    ///
    /// A recorder calls it before the first event under a new list of descriptions, once for each one that is new or
    /// changed. An empty `json` says that nothing describes the topic any more.
    ///
    /// ```
    /// use ringlog_nostd::{EventConsumer, EventHeader};
    /// use ringlog_nostd::format::MetaTopic;
    ///
    /// #[derive(Default)]
    /// struct Names(Vec<(MetaTopic, String)>);
    ///
    /// impl EventConsumer for Names {
    ///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    ///         true
    ///     }
    ///     fn name(&self) -> &str {
    ///         "names"
    ///     }
    ///     fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
    ///         self.0.push((topic, String::from_utf8_lossy(json).into_owned()));
    ///     }
    /// }
    ///
    /// let mut names = Names::default();
    /// names.meta(MetaTopic::EventType(7), br#"{"type":7,"name":"reset","size":0,"fields":[]}"#);
    /// assert_eq!(names.0[0].0, MetaTopic::EventType(7));
    /// ```
    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        let _ = (topic, json);
    }

    /// Called from time to time while there is nothing to take, for work that depends on the clock. Does nothing by
    /// default.
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

    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        (**self).meta(topic, json);
    }

    fn idle(&mut self) {
        (**self).idle();
    }
}
