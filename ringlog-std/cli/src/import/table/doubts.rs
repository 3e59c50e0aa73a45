//! Refuses a time that was chosen by the look of a table, if anything speaks against it.

use super::calendar::is_clock;
use super::choose::{Refusal, Table};
use super::columns::{Candidate, Place};
use super::format::TimeFormat;
use super::names::{self, NameClass};
use super::number;

const SECOND: u64 = 1_000_000_000;
const YEAR: u64 = 366 * 86_400 * SECOND;
/// The clock of a machine may be wrong, but it is at least 2026.
const NOW_AT_LEAST: u64 = 1_767_225_600 * SECOND;

impl Table<'_> {
    /// Whether a number counts to more than a year from now; then it counts something else, or from another year.
    pub(super) fn is_far(&self, candidate: &Candidate) -> bool {
        let now = jiff::Timestamp::now().as_nanosecond();
        let latest = u64::try_from(now).unwrap_or(0).max(NOW_AT_LEAST) + YEAR;
        TimeFormat::given(self.options).is_none()
            && candidate.formats.iter().all(TimeFormat::is_number)
            && candidate.times.iter().flatten().any(|&time| time > latest)
    }

    /// Returns the column with the same times and the most digits.
    pub(super) fn finest(&self, mut chosen: Candidate, all: &[Candidate]) -> Candidate {
        let is_finer = |it: &&Candidate, chosen: &Candidate| {
            chosen.agrees_with_finer(it) && !it.agrees_with_finer(chosen) && !it.ends_spans()
        };
        while let Some(finer) = all.iter().find(|it| is_finer(it, &chosen)) {
            chosen = finer.clone();
        }
        chosen
    }

    /// Refuses a choice that lacks a part of the time, or that another column contradicts.
    pub(super) fn check_doubts(&self, chosen: &Candidate, all: &[Candidate]) -> Result<(), Refusal> {
        let rivals: Vec<Candidate> = all.iter().filter(|it| self.is_rival(chosen, it)).cloned().collect();
        if !rivals.is_empty() {
            let all = [vec![chosen.clone()], rivals].concat();
            return Err(self.several(&all));
        }
        let others = || (0..self.width()).filter(|&at| !chosen.place.has(at));
        let is_clock = |&at: &usize| self.cells(at).any(is_clock) && self.class(at) != NameClass::OtherTime;
        if let Some(at) = others().find(is_clock).filter(|_| chosen.may_be_days()) {
            return Err(self.doubt(chosen, at, "may hold the time of day"));
        }
        let is_fraction = |&at: &usize| chosen.is_whole() && self.holds_fraction(at);
        if let Some(at) = others().find(is_fraction) {
            return Err(self.doubt(chosen, at, "may hold the fraction of the second"));
        }
        self.check_epoch(chosen)?;
        self.check_zone(chosen)
    }

    /// Whether another column changes while the chosen one does not, or has seconds that the chosen one lacks.
    fn is_rival(&self, chosen: &Candidate, other: &Candidate) -> bool {
        let sounds = other.name.is_time() || !other.format().is_number();
        let is_stuck = self.rows.len() > 1 && !chosen.varies() && other.varies();
        let is_cut = chosen.is_minute_of(other) && !other.ends_spans();
        other.place != chosen.place && other.is_full() && sounds && (is_stuck || is_cut)
    }

    fn doubt(&self, chosen: &Candidate, column: usize, why: &str) -> Refusal {
        let (time, other) = (self.words(chosen), self.column(column));
        Refusal::Ambiguous(format!(
            "the time may be {time}, but {other} {why}; give {} to choose, with --time-format if it is needed",
            self.kind.option()
        ))
    }

    fn name(&self, column: usize) -> &str {
        self.names.and_then(|names| names.get(column)).map_or("", String::as_str)
    }

    /// Whether a column holds fractions of the second.
    fn holds_fraction(&self, column: usize) -> bool {
        let is_part = |cell: &str| cell.len() <= 9 && number::is_number(cell);
        names::is_fraction(self.name(column))
            && self.cells(column).all(is_part)
            && self.cells(column).any(|cell| cell.contains(|c| matches!(c, '1'..='9')))
    }

    /// Whether a column is named like a time of day, or holds one.
    pub(super) fn may_be_clock(&self, date: usize, column: usize) -> bool {
        let place = Place { date: Some(date), time: column };
        let alone = || self.candidate(Place { date: None, time: column });
        let is_named = names::is_time_of_day(self.name(column)) || self.class(column).is_time();
        let holds_clock = || self.class(column) != NameClass::OtherTime && self.cells(column).any(is_clock);
        (is_named && alone().is_none_or(|it| it.is_full()) && self.cells(column).next().is_some())
            || holds_clock()
            || self.candidate(place).is_some()
    }

    /// Refuses numbers in another unit than the name says, and rounded ones, if the user gave no unit.
    pub(super) fn check_number(&self, chosen: &Candidate) -> Result<(), Refusal> {
        let format = chosen.format();
        let Some(unit) = format.unit().filter(|_| TimeFormat::given(self.options).is_none()) else {
            return Ok(());
        };
        let (words, option) = (self.words(chosen), format.option());
        if names::names_other_unit(self.name(chosen.place.time), unit) {
            return Err(Refusal::Ambiguous(format!(
                "the name says another unit than the values, which are {unit} if they are times since 1970: {words}; \
                 give {option}, or the --time-unit that the name says"
            )));
        }
        if format.is_rounded() {
            return Err(Refusal::Ambiguous(format!(
                "the times are rounded, as they have an exponent and too few digits for {unit}: {words}; export \
                 the file again with all digits (a spreadsheet has a format for whole numbers), or give {option} to take them as \
                 they are"
            )));
        }
        Ok(())
    }

    fn check_epoch(&self, chosen: &Candidate) -> Result<(), Refusal> {
        if !chosen.format().is_number() || !names::counts_from_elsewhere(self.name(chosen.place.time)) {
            return Ok(());
        }
        Err(Refusal::Ambiguous(format!(
            "{} is not named as a time since 1970; give {} and --time-unit, if it is one",
            self.column(chosen.place.time),
            self.kind.option()
        )))
    }

    /// Refuses a zone that is named outside of the times.
    fn check_zone(&self, chosen: &Candidate) -> Result<(), Refusal> {
        let Some(at) = self.named_zone(chosen).filter(|_| self.options.time_format.is_none()) else {
            return Ok(());
        };
        Err(Refusal::Ambiguous(format!(
            "{} names a zone, and times without an offset are taken as UTC; give {} for {} to have them taken as UTC, \
             or convert them first",
            self.column(at),
            self.kind.option(),
            self.kind.place_words(chosen.place, self.names)
        )))
    }

    /// Returns the column that names a zone for times without one.
    pub(super) fn named_zone(&self, chosen: &Candidate) -> Option<usize> {
        if chosen.format().has_zone() {
            return None;
        }
        let is_zone = |&at: &usize| {
            let is_named = if chosen.place.has(at) {
                names::has_zone(self.name(at))
            } else {
                names::is_zone_column(self.name(at)) || self.cells(at).all(names::is_zone)
            };
            let mut cells = self.cells(at);
            is_named && cells.next().is_some() && (chosen.place.has(at) || !self.cells(at).all(names::is_utc))
        };
        (0..self.width()).find(is_zone)
    }
}

impl Candidate {
    fn all_times(&self, is_it: impl Fn(u64) -> bool) -> bool {
        self.times.iter().flatten().all(|&time| is_it(time))
    }

    /// Whether all times are midnight.
    pub(super) fn is_midnight(&self) -> bool {
        self.all_times(|time| time.is_multiple_of(86_400 * SECOND))
    }

    /// Whether all times are the same time of day, as midnights of another zone are.
    fn may_be_days(&self) -> bool {
        let quarter = 900 * SECOND;
        let first = self.times.iter().flatten().next().map_or(0, |time| time % (86_400 * SECOND));
        first.is_multiple_of(quarter) && self.all_times(|time| time % (86_400 * SECOND) == first)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.all_times(|time| time.is_multiple_of(SECOND))
    }

    /// Whether each time is the end of a second or a minute, as the ends of candles are.
    fn ends_spans(&self) -> bool {
        self.times.len() > 1 && self.all_times(|time| time % SECOND >= 999_000_000)
            || self.all_times(|time| time % (60 * SECOND) >= 59 * SECOND)
    }

    /// Whether these times are the minutes of the other ones, which have seconds.
    fn is_minute_of(&self, other: &Self) -> bool {
        let minute = 60 * SECOND;
        let pairs = || self.times.iter().zip(&other.times).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        self.all_times(|time| time.is_multiple_of(minute))
            && pairs().next().is_some()
            && pairs().all(|(coarse, fine)| fine / minute * minute == coarse)
            && pairs().any(|(coarse, fine)| coarse != fine)
    }
}
