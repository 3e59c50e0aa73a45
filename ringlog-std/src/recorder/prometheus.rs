//! The state of a recorder for a registry of the crate `prometheus-client`.
#![forbid(unsafe_code)]

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use ringlog_nostd::GapReason;

use super::metrics::{RecorderMetrics, RecorderMonitor};
use crate::storage::SyncTimes;

/// Gives a registry the state of the recorder at each scrape, in metrics whose names begin with `ringlog_`.
///
/// ```
/// use prometheus_client::{encoding::text::encode, registry::Registry};
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(recorder.monitor()));
///
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// recorder.shutdown(producer)?;
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("\nringlog_events_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Collector for RecorderMonitor {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        write(&self.metrics(), &mut MetricWriter(encoder))
    }
}

/// Writes metrics of this moment into a scrape.
#[derive(Debug)]
pub struct MetricWriter<'a>(pub DescriptorEncoder<'a>);

/// A label's value, and the number under it.
pub type Labelled = (String, u64);

impl MetricWriter<'_> {
    fn one(&mut self, name: &str, help: &str, value: &dyn EncodeMetric) -> fmt::Result {
        value.encode(self.0.encode_descriptor(name, help, None, value.metric_type())?)
    }

    /// Writes a count that only rises. Its name gets the suffix `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.one(name, help, &ConstCounter::new(value))
    }

    /// Writes a number that may fall.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    /// Writes a number with a fraction.
    pub fn fraction(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.one(name, help, &ConstGauge::new(value))
    }

    /// Writes counts, each under a value of this label.
    pub fn counters(&mut self, name: &str, help: &str, label: &str, values: &[Labelled]) -> fmt::Result {
        self.family(name, help, MetricType::Counter, label, values)
    }

    /// Writes numbers that may fall, each under a value of this label.
    pub fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[Labelled]) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, label, values)
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        label: &str,
        values: &[Labelled],
    ) -> fmt::Result {
        if values.is_empty() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, number) in values {
            let labels = [(label, value.as_str())];
            let mut metric = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => metric.encode_counter::<NoLabelSet, _, u64>(number, None)?,
                _ => metric.encode_gauge(number)?,
            }
        }
        Ok(())
    }

    fn syncs(&mut self, name: &str, help: &str, times: &SyncTimes) -> fmt::Result {
        let bounds = SyncTimes::BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(times.counts).collect();
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(times.sum.as_secs_f64(), times.count(), &buckets, None)
    }
}

fn write(metrics: &RecorderMetrics, out: &mut MetricWriter<'_>) -> fmt::Result {
    let RecorderMetrics { counts, log, pending_loss, turns, has_stopped } = metrics;
    out.counter("ringlog_events", "Events that this run has written to the log.", log.events)?;
    out.counter("ringlog_record_bytes", "Bytes of the records of this run.", log.bytes)?;
    out.counter("ringlog_gaps", "GAP records of this run.", log.gaps)?;
    out.counter(
        "ringlog_gaps_of_unknown_count",
        "GAP records that do not know how many events are missing.",
        log.gaps_of_unknown_count,
    )?;
    out.counters(
        "ringlog_lost_events",
        "Lost events by reason, as GAP records count them.",
        "reason",
        &losses(metrics),
    )?;
    out.gauge(
        "ringlog_pending_lost_events",
        "Events that producers lost and that no GAP record counts yet.",
        *pending_loss,
    )?;
    out.gauge(
        "ringlog_dropped_events",
        "Events that a full disk takes now and that no GAP record counts yet.",
        log.dropping.unwrap_or(0),
    )?;
    out.gauge("ringlog_dropping", "1 while a full disk takes events.", u64::from(log.dropping.is_some()))?;
    out.counter(
        "ringlog_late_events",
        "Events that are in a sorted log after one with a larger timestamp.",
        counts.late,
    )?;

    let rings = |value: fn(&super::RingFill) -> usize| -> Vec<Labelled> {
        counts.rings.iter().enumerate().map(|(at, ring)| (at.to_string(), value(ring) as u64)).collect()
    };
    out.gauges(
        "ringlog_ring_capacity_bytes",
        "Capacity of each ring.",
        "ring",
        &rings(|ring| ring.capacity_bytes),
    )?;
    out.gauges(
        "ringlog_ring_unread_bytes",
        "Bytes in each ring that the log does not have yet.",
        "ring",
        &rings(|ring| ring.unread_bytes),
    )?;
    out.counter(
        "ringlog_recorder_turns",
        "Turns of the recorder's thread, counted about 20 times a second.",
        *turns,
    )?;
    out.gauge("ringlog_stopped", "1 once the recorder has ended.", u64::from(*has_stopped))?;

    out.gauge(
        "ringlog_oldest_sequence",
        "Sequence of the oldest record that retention has left.",
        log.oldest_sequence,
    )?;
    out.gauge("ringlog_next_sequence", "Sequence of the next record.", log.next_sequence)?;
    out.gauge(
        "ringlog_published_position_bytes",
        "Position below which readers see everything.",
        log.published_position,
    )?;
    out.gauge(
        "ringlog_durable_position_bytes",
        "Position below which everything survives a loss of power.",
        log.durable_position,
    )?;
    out.fraction(
        "ringlog_not_durable_seconds",
        "For how long something published has not been durable.",
        log.not_durable_for.as_secs_f64(),
    )?;
    out.syncs("ringlog_sync_seconds", "How long syncs of the log's files took.", &log.syncs)?;
    out.gauge(
        "ringlog_poisoned",
        "1 once the log takes no more events, because a sync failed or its lock was lost.",
        u64::from(log.is_poisoned),
    )?;

    let states = [("open", log.open_segments), ("finished", log.finished_segments)];
    let states = states.map(|(state, count)| (state.to_owned(), count));
    out.gauges(
        "ringlog_segments",
        "Files of the log: open until they are synced, then finished.",
        "state",
        &states,
    )?;
    out.counter("ringlog_begun_segments", "Files that this run has begun.", log.begun_segments)?;
    out.counter(
        "ringlog_retired_segments",
        "Files that retention has deleted or recycled.",
        log.retired_segments,
    )?;
    out.counter(
        "ringlog_retired_bytes",
        "Bytes on the disk of the files that retention has taken.",
        log.retired_bytes,
    )?;
    out.counter(
        "ringlog_retention_errors",
        "How often a file could not be deleted or recycled.",
        log.retention_errors,
    )?;
    out.gauge(
        "ringlog_log_disk_bytes",
        "Bytes that the log takes on the disk, with what is reserved.",
        log.disk_bytes,
    )?;
    out.gauge(
        "ringlog_disk_full",
        "1 while the next file cannot be made because the disk is full.",
        u64::from(log.is_disk_full),
    )?;
    out.counter(
        "ringlog_stalls",
        "How often the log had to wait at a roll, as of the last roll.",
        log.stalls,
    )?;
    consumers(metrics, out)?;
    followers(metrics, out)
}

fn losses(metrics: &RecorderMetrics) -> Vec<Labelled> {
    let known = (1..).map(GapReason::from_code).take_while(|it| !matches!(it, GapReason::Other(_)));
    let mut losses: Vec<_> = known.map(|it| (it.to_string(), metrics.log.lost_because(it))).collect();
    let counted: u64 = losses.iter().map(|(_, count)| count).sum();
    losses.push(("other".to_owned(), metrics.log.losses.total.saturating_sub(counted)));
    losses
}

fn consumers(metrics: &RecorderMetrics, out: &mut MetricWriter<'_>) -> fmt::Result {
    let values = |value: fn(&crate::consumer::ConsumerStatistics) -> u64| -> Vec<Labelled> {
        metrics.counts.consumers.iter().map(|it| (it.name.clone(), value(it))).collect()
    };
    out.counters(
        "ringlog_consumer_records",
        "Records that each consumer on the recorder's thread has taken.",
        "consumer",
        &values(|it| it.events),
    )?;
    out.counters("ringlog_consumer_bytes", "Bytes of those records.", "consumer", &values(|it| it.bytes))?;
    out.counters(
        "ringlog_consumer_refusals",
        "Offers that it refused.",
        "consumer",
        &values(|it| it.refused),
    )?;
    out.gauges(
        "ringlog_consumer_failed",
        "1 once it has panicked and is no longer called.",
        "consumer",
        &values(|it| u64::from(it.failed)),
    )
}

fn followers(metrics: &RecorderMetrics, out: &mut MetricWriter<'_>) -> fmt::Result {
    let values = |value: fn(&super::FollowerCounts) -> u64| -> Vec<Labelled> {
        metrics.counts.followers.iter().map(|it| (it.name.clone(), value(it))).collect()
    };
    out.counters(
        "ringlog_follower_records",
        "Records that each follower of the log has taken.",
        "follower",
        &values(|it| it.events),
    )?;
    out.gauges(
        "ringlog_follower_lag_bytes",
        "Bytes of the log that it has not taken yet.",
        "follower",
        &values(|it| it.lag_bytes),
    )?;
    out.counters(
        "ringlog_follower_refusals",
        "Times that it refused an event, which was offered again.",
        "follower",
        &values(|it| it.refused),
    )?;
    out.counters(
        "ringlog_follower_missed_records",
        "Records that retention had deleted before it came to them.",
        "follower",
        &values(|it| it.missed),
    )?;
    out.gauges(
        "ringlog_follower_ended",
        "1 once it has ended.",
        "follower",
        &values(|it| u64::from(it.has_ended)),
    )
}
