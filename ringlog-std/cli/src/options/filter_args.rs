//! Which events of a log a command is about, as typed.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::moment::{Moment, moment};
use crate::terminal::print::eprint;
use crate::terminal::words::{clock_name, counted};
use crate::terminal::zone::Zone;
use crate::values::{self, Bytes};
use ringlog::event::ClockKind;
use ringlog::schema::{Expression, ExpressionError, SchemaSet};
use ringlog::storage::Filter;

/// A smaller number is no time since March 1973 in nanoseconds. It may be meant in another unit.
const SMALLEST_NANOS: u64 = 100_000_000_000_000_000;

/// Which events of a log are wanted.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only events of this type, by name or number, and GAP records; repeat it for several types
    #[arg(long = "type", value_name = "NAME|N")]
    pub(crate) event_types: Vec<String>,
    /// Only events for which this holds, such as 'price > 100.5 && side == "buy"', and GAP records
    #[arg(long = "where", value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) expression: Option<String>,
    /// File that describes the types that the log does not describe [default: schema.json in its folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Start at the record with this sequence number
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) from_seq: Option<u64>,
    /// Stop before the record with this sequence number
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) to_seq: Option<u64>,
    /// Only events at or after this time: see TIME below
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// Only events before this time: see TIME below
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) until: Option<Moment>,
    /// Only events whose payload holds these bytes: text, \n, \t, \0 or \xNN, or 0x and hexadecimal digits
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(crate) grep: Option<Bytes>,
    /// Read times without a zone as UTC, and print UTC
    #[arg(long, conflicts_with = "local")]
    pub(crate) utc: bool,
    /// Read times without a zone as local time, and print local time [default: read local time, print UTC]
    #[arg(long)]
    pub(crate) local: bool,
}

impl FilterArgs {
    /// Returns the filter that they describe, for a log with this clock; `None` if it has no record yet.
    ///
    /// Prints what a time without a zone means, unless an option says in which zone it is.
    pub(crate) fn to_filter(
        &self,
        clock: Option<ClockKind>,
        descriptions: &Descriptions,
    ) -> Result<Filter, CliError> {
        let now = Timestamp::now();
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        let timestamp = |option: &str, moment: &Option<Moment>| match moment {
            Some(moment) => self.timestamp(option, moment, clock, &zone, now).map(Some),
            None => Ok(None),
        };
        let since = timestamp("--since", &self.since)?;
        let until = timestamp("--until", &self.until)?;
        let sequences = self.from_seq.unwrap_or(0)..self.to_seq.unwrap_or(u64::MAX);
        let filter =
            with_grep(Filter::new(), self.grep.as_ref()).sequences(sequences).since(since.unwrap_or(0));
        let types = self.event_types(descriptions)?;
        let filter = types.into_iter().fold(filter, Filter::event_type);
        let filter = match &self.expression {
            Some(expression) => with_expression(filter, expression, descriptions, None)?,
            None => filter,
        };
        Ok(match until {
            Some(until) => filter.until(until),
            None => filter,
        })
    }

    /// Returns the numbers of the types that are wanted; none for all.
    pub(crate) fn event_types(&self, descriptions: &Descriptions) -> Result<Vec<u8>, CliError> {
        self.event_types.iter().map(|name| descriptions.number_of(name)).collect()
    }

    /// Reads what is said of the events of these logs.
    pub(crate) fn descriptions(&self, logs: &[PathBuf]) -> Result<Arc<Descriptions>, CliError> {
        Descriptions::of(logs, self.schema.as_deref()).map(Arc::new)
    }

    /// Returns a moment as a number of the log's clock.
    pub(crate) fn timestamp(
        &self,
        option: &str,
        moment: &Moment,
        clock: Option<ClockKind>,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<u64, CliError> {
        let text = &moment.text;
        if let Some(timestamp) = moment.timestamp() {
            if clock == Some(ClockKind::UnixNanos) && (1..SMALLEST_NANOS).contains(&timestamp) {
                let (unit, words) = moment.likely_unit();
                eprint(&format!(
                    "ringlog: {option} {text} means {text} of the log's clock, {}; write @{text}{unit} for {words} since 1970",
                    Zone::Utc.date(timestamp).unwrap_or_default()
                ));
            }
            return Ok(timestamp);
        }
        if let Some(clock) = clock.filter(|&clock| clock != ClockKind::UnixNanos) {
            return Err(CliError::Usage(format!(
                "{option} {text}: the clock of this log is \"{}\", which has no dates; give a number of that clock, \
                 between the first and the last timestamp, which `ringlog info` prints",
                clock_name(clock)
            )));
        }
        let nanos = moment
            .unix_nanos(zone, now)
            .map_err(|problem| CliError::Usage(format!("{option} {text}: {problem}")))?;
        if moment.needs_zone() && !self.utc && !self.local {
            let meant = Zone::Local(zone.clone()).date(nanos).unwrap_or_default();
            eprint(&format!("ringlog: {option} {text} means {meant}, local time; --utc reads it as UTC"));
        }
        Ok(nanos)
    }

    /// Returns the zone of printed times.
    pub(crate) fn zone(&self) -> Zone {
        if self.local { Zone::local() } else { Zone::Utc }
    }
}

/// Adds an expression to a filter, and reports comparisons that say nothing. `instead` is what to do if a description in the
/// log cannot be read; `None` for what one does with any damaged record.
pub(super) fn with_expression(
    filter: Filter,
    expression: &str,
    descriptions: &Descriptions,
    instead: Option<&str>,
) -> Result<Filter, CliError> {
    let (filter, doubts) = choosing(filter, expression, descriptions, instead)?;
    doubts.iter().for_each(|doubt| eprint(&format!("ringlog: --where: {doubt}")));
    Ok(filter)
}

/// Adds an expression to a filter, and returns what is doubtful about it.
pub(crate) fn choosing(
    filter: Filter,
    expression: &str,
    descriptions: &Descriptions,
    instead: Option<&str>,
) -> Result<(Filter, Vec<String>), CliError> {
    let usage = |error: ExpressionError| CliError::Usage(format!("--where: {error}"));
    let expression = Expression::parse(expression).map_err(usage)?;
    let mut all = descriptions.all();
    if let Err(error) = expression.bind(&all) {
        // Only files in the middle of the log may have these fields.
        let with_all = |mut set: SchemaSet| {
            set.add_missing(&all);
            set
        };
        let mut earlier = descriptions.in_all_segments().into_iter().map(with_all);
        all = earlier
            .find(|set| expression.bind(set).is_ok())
            .ok_or_else(|| descriptions.unknown_name("--where", &error.to_string(), instead))?;
    }
    let doubts = expression.doubts(&all).into_iter().map(|doubt| doubt.to_string()).collect();
    Ok((filter.expression(&expression).describing(descriptions.others().clone()).expecting(&all), doubts))
}

/// Reports events that `--where` could not choose, because their segment does not describe them.
pub(crate) fn report_undescribed(undescribed: u64) {
    if undescribed > 0 {
        eprint(&format!(
            "ringlog: --where: {} left out that their segment does not describe, but another one does; describe them with \
             --schema FILE (`ringlog schema emit LOG --json` writes one)",
            counted(undescribed, "event")
        ));
    }
}

pub(super) fn with_grep(filter: Filter, grep: Option<&Bytes>) -> Filter {
    match grep {
        Some(Bytes(bytes)) => filter.grep(bytes),
        None => filter,
    }
}
