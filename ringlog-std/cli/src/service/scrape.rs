//! The numbers of a service as text: those of the recorder, the feed, the log's cursors and its disk.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;
use ringlog::programs::MetricWriter;
use ringlog::storage::{Cursor, CursorInfo, WriterFile};

use crate::service::state::State;

/// In which form numbers are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// The text of Prometheus, version 0.0.4.
    Prometheus,
    OpenMetrics,
}

impl Form {
    /// Returns the form that the headers `Accept` of a request ask for. Prometheus without any, and where both are equally welcome.
    pub(crate) fn wanted<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut plain) = (0.0, 0.0);
        for range in accept.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                parts.filter_map(|part| part.strip_prefix("q=")).find_map(|q| q.trim().parse::<f32>().ok());
            let quality = quality.unwrap_or(1.0);
            match kind.as_str() {
                "application/openmetrics-text" => open = quality.max(open),
                "text/plain" | "text/*" | "*/*" => plain = quality.max(plain),
                _ => {}
            }
        }
        if open > plain { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Returns all numbers of this moment.
pub(crate) fn scrape(state: &State, form: Form) -> String {
    let mut registry = Registry::default();
    if let Some(monitor) = state.monitor() {
        registry.register_collector(Box::new(monitor.clone()));
    }
    registry.register_collector(Box::new(Own::of(state)));
    let mut out = String::new();
    let written = match form {
        Form::Prometheus => prometheus_text::encode(&mut out, &registry),
        Form::OpenMetrics => text::encode(&mut out, &registry),
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    out
}

/// What the recorder does not know.
#[derive(Debug)]
struct Own {
    is_healthy: bool,
    started_at: u64,
    feed: [u64; 4],
    /// What a shipper has done; `None` without one.
    ship: Option<[u64; 10]>,
    /// Sequence of the next record; `None` while the log is being opened.
    next_sequence: Option<u64>,
    cursors: Vec<CursorInfo>,
    /// Bytes that this program may still write on the log's disk.
    disk_free_bytes: Option<u64>,
}

impl Own {
    fn of(state: &State) -> Self {
        // ORDERING: Relaxed. The numbers are for a display only.
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let feed = &state.feed;
        let disk = rustix::fs::statvfs(&state.log).ok();
        let identity = WriterFile::of(&state.log).identity;
        let mut cursors = Cursor::list(&state.log).unwrap_or_default();
        cursors.retain(|it| !it.is_of_another_log(identity));
        Self {
            is_healthy: state.reasons().is_empty(),
            started_at: state.started_at,
            feed: [load(&feed.events), load(&feed.lost), load(&feed.skipped), load(&feed.read_bytes)],
            ship: state.ship.get(),
            next_sequence: state.monitor().map(|it| it.metrics().log.next_sequence),
            cursors,
            disk_free_bytes: disk.map(|it| it.f_bavail.saturating_mul(it.f_frsize)),
        }
    }
}

impl Collector for Own {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = MetricWriter(encoder);
        let version = [(env!("CARGO_PKG_VERSION").to_owned(), 1)];
        out.gauges("ringlog_build_info", "1, and the version of the program.", "version", &version)?;
        out.gauge(
            "ringlog_start_time_seconds",
            "When the program started, in seconds since 1970.",
            self.started_at,
        )?;
        out.gauge("ringlog_healthy", "1 while /health answers 200.", u64::from(self.is_healthy))?;
        let [events, lost, skipped, read_bytes] = self.feed;
        out.counter("ringlog_feed_events", "Events that the feed has given and the ring has taken.", events)?;
        out.counter("ringlog_feed_lost_events", "Events that the feed lost.", lost)?;
        out.counter(
            "ringlog_feed_skipped_pieces",
            "Pieces of the input that cannot be events; they count as lost too.",
            skipped,
        )?;
        out.counter(
            "ringlog_feed_read_bytes",
            "Bytes of the input that were read, if it is a file or a pipe.",
            read_bytes,
        )?;
        if let Some(bytes) = self.disk_free_bytes {
            out.gauge(
                "ringlog_disk_free_bytes",
                "Bytes that the program may still write on the log's disk.",
                bytes,
            )?;
        }
        self.encode_ship(&mut out)?;
        let Some(next) = self.next_sequence else { return Ok(()) };
        let of_cursors = |value: &dyn Fn(&CursorInfo) -> u64| -> Vec<_> {
            self.cursors.iter().map(|it| (it.name.clone(), value(it))).collect()
        };
        let lag = of_cursors(&|it| next.saturating_sub(it.next_sequence));
        out.gauges(
            "ringlog_cursor_lag_records",
            "Records of the log that the reader of each cursor has not had.",
            "cursor",
            &lag,
        )?;
        let stored = of_cursors(&|it| it.updated_at.unsigned_abs() / 1_000_000_000);
        out.gauges(
            "ringlog_cursor_stored_seconds",
            "When its position was stored, in seconds since 1970.",
            "cursor",
            &stored,
        )?;
        let damaged = of_cursors(&|it| u64::from(it.is_damaged));
        out.gauges("ringlog_cursor_damaged", "1 if it cannot be read.", "cursor", &damaged)
    }
}

impl Own {
    /// Writes what `--ship` has done.
    fn encode_ship(&self, out: &mut MetricWriter<'_>) -> fmt::Result {
        let Some(ship) = self.ship else { return Ok(()) };
        let [acknowledged, lag_records, lag_bytes, waiting, stopped, messages, bytes, restarts, waits, gaps] =
            ship;
        let gauges = [
            (
                "acknowledged_sequence",
                "Sequence after the last record that the stream has acknowledged.",
                acknowledged,
            ),
            ("lag_records", "Records that the stream has not acknowledged.", lag_records),
            ("lag_bytes", "Bytes that the stream has not acknowledged.", lag_bytes),
            ("waiting", "1 while the shipper waits for a server or an answer.", waiting),
            ("stopped", "1 if the shipper has ended; its last message names the cause.", stopped),
        ];
        for (name, help, value) in gauges {
            out.gauge(&format!("ringlog_ship_{name}"), help, value)?;
        }
        let counters = [
            ("messages", "Messages that were sent, also those sent again.", messages),
            ("sent_bytes", "Bytes of these messages.", bytes),
            ("restarts", "How often the shipper has read the end of the stream again.", restarts),
            ("waits", "How often the shipper had to wait for a server or an answer.", waits),
            ("gaps", "GAPs that the stream got for records that the log had deleted before.", gaps),
        ];
        for (name, help, value) in counters {
            out.counter(&format!("ringlog_ship_{name}"), help, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    use ringlog::event::EventHeader;
    use ringlog::recorder::Recorder;
    use ringlog::storage::Cursor;

    use crate::service::state::Phase;

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        let wanted = |accept: &[&str]| Form::wanted(accept.iter().copied());
        assert_eq!(wanted(&[]), Form::Prometheus);
        assert_eq!(wanted(&["*/*"]), Form::Prometheus);
        assert_eq!(wanted(&["application/openmetrics-text"]), Form::OpenMetrics);
        assert_eq!(wanted(&["text/plain", "Application/OpenMetrics-Text;q=0.1"]), Form::Prometheus);
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5, text/plain;version=0.0.4; q=0.3,*/*;q=0.1";
        assert_eq!(wanted(&[prometheus]), Form::OpenMetrics);
        assert_eq!(wanted(&["application/openmetrics-text;q=0"]), Form::Prometheus);
    }

    /// A state after one event, with a cursor.
    fn state(folder: &Path) -> State {
        let state = State::new(folder, None);
        let (mut producer, recorder) = Recorder::start(folder).unwrap();
        state.begin(recorder.monitor());
        state.set_phase(Phase::Ready);
        state.feed.set(1, 2, 3, 4);
        state.ship.set([11, 12, 13, 0, 0, 14, 15, 16, 17, 18]);
        producer.write_event(&EventHeader::new(1, 7, 5), b"hello").unwrap();
        recorder.shutdown(producer).unwrap();
        drop(Cursor::open(folder, "a\"b").err());
        Cursor::open(folder, "audit").unwrap().commit().unwrap();
        state
    }

    fn samples(text: &str) -> BTreeSet<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn both_forms_have_the_same_samples_and_each_its_own_frame() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let (plain, open) = (scrape(&state, Form::Prometheus), scrape(&state, Form::OpenMetrics));
        let moving = |line: &&str| !line.starts_with("ringlog_disk_free_bytes");
        let (in_plain, in_open) = (samples(&plain), samples(&open));
        assert_eq!(
            in_plain.iter().filter(|it| moving(it)).collect::<Vec<_>>().len(),
            in_open.iter().filter(|it| moving(it)).collect::<Vec<_>>().len()
        );
        assert!(open.ends_with("# EOF\n") && !plain.contains("# EOF"), "{open}");
        assert!(!plain.contains("# UNIT"), "{plain}");
        assert!(plain.contains("# TYPE ringlog_events_total counter\nringlog_events_total 1\n"), "{plain}");
        assert!(open.contains("# TYPE ringlog_events counter\nringlog_events_total 1\n"), "{open}");
        for line in [
            "ringlog_cursor_lag_records{cursor=\"audit\"} 1",
            "ringlog_feed_lost_events_total 2",
            "ringlog_lost_events_total{reason=\"ring full\"} 0",
            "ringlog_healthy 0",
            "ringlog_ship_acknowledged_sequence 11",
            "ringlog_ship_lag_bytes 13",
            "ringlog_ship_gaps_total 18",
            "ringlog_stopped 1",
            "ringlog_durable_position_bytes 24",
        ] {
            assert!(in_plain.contains(line), "{line}: {plain}");
        }
        assert!(plain.contains("ringlog_sync_seconds_bucket{le=\"+Inf\"}"), "{plain}");
    }

    /// The names in a text that begin with `ringlog_`, without what a sample adds to its metric's name.
    fn names(text: &str) -> BTreeSet<&str> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let words = text.split(|letter| !is_part(letter)).filter(|word| word.starts_with("ringlog_"));
        words
            .map(|it| it.strip_suffix("_bucket").or_else(|| it.strip_suffix("_count")).unwrap_or(it))
            .collect()
    }

    #[test]
    fn each_metric_of_the_dashboard_and_the_alerts_exists() {
        let folder = tempfile::tempdir().unwrap();
        let plain = scrape(&state(folder.path()), Form::Prometheus);
        let known: BTreeSet<_> =
            plain.lines().filter_map(|it| it.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let files = [include_str!("../../service/grafana.json"), include_str!("../../service/alerts.yml")];
        for file in files {
            let named = names(file);
            assert!(named.len() >= 8, "{named:?}");
            // Of programs with consumers that follow the log, which `serve` does not have.
            let missing: Vec<_> = named
                .iter()
                .filter(|it| !known.contains(*it) && !it.starts_with("ringlog_follower_"))
                .collect();
            assert!(missing.is_empty(), "{missing:?} are not among {known:?}");
        }
    }
}
