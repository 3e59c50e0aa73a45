//! Chooses the column with the time of the events.

use super::calendar::{is_before_1970, is_clock, may_be_moment};
use super::columns::{Candidate, Kind, Place};
use super::format::TimeFormat;
use super::names::NameClass;
use super::number::{self, DecimalSign, Unit};
use super::options::{Column, TableOptions};
use super::sample::{Row, is_missing};

/// From this time of April 1970 on, in nanoseconds, a number of seconds is as large as a time.
const LARGE: u64 = 10_000_000_000_000_000;

/// Why no column was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// No column may be the time.
    NoTime(String),
    /// It is not clear which column is the time, or what it means.
    Ambiguous(String),
}

/// Rows, with names for their columns if there are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    pub(super) names: Option<&'a Row>,
    pub(super) rows: &'a [Row],
    pub(super) options: &'a TableOptions,
    pub(super) kind: Kind,
}

impl Table<'_> {
    /// Chooses the place of the time, by the options or by what the rows look like.
    pub(super) fn choose(&self) -> Result<Candidate, Refusal> {
        let chosen = self.choose_place()?;
        self.check_number(&chosen)?;
        Ok(chosen)
    }

    /// Chooses like [`choose`](Self::choose), but does not check numbers; for a table without rows.
    pub(super) fn choose_place(&self) -> Result<Candidate, Refusal> {
        let time = self.options.time_column.as_ref().map(|asked| self.find(asked)).transpose()?;
        let date = self.options.date_column.as_ref().map(|asked| self.find(asked)).transpose()?;
        let chosen = match (date, time) {
            (date, Some(time)) => self.given(Place { date, time })?,
            (Some(date), None) => self.with_date(date)?,
            (None, None) => self.found()?,
        };
        if chosen.formats.len() == 1 { Ok(chosen) } else { Err(self.unclear_format(&chosen)) }
    }

    pub(super) fn width(&self) -> usize {
        self.rows.iter().chain(self.names).map(Vec::len).max().unwrap_or(0)
    }

    pub(super) fn class(&self, column: usize) -> NameClass {
        let name = self.names.and_then(|names| names.get(column));
        name.map_or(NameClass::Neutral, |name| NameClass::of(name))
    }

    pub(super) fn candidate(&self, place: Place) -> Option<Candidate> {
        let name = place.date.map_or(NameClass::Time, |date| self.class(date)).max(self.class(place.time));
        Candidate::at(place, name, self.rows, self.options)
    }

    fn find(&self, asked: &Column) -> Result<usize, Refusal> {
        let found = match asked {
            Column::Number(number) => number.checked_sub(1).filter(|&at| at < self.width()),
            Column::Name(name) => self.named(name)?,
        };
        found.ok_or_else(|| {
            let asked = match asked {
                Column::Number(number) => number.to_string(),
                Column::Name(name) => format!("{name:?}"),
            };
            let names = self.names.map_or("no names".into(), |names| super::words::cut(&names.join(", ")));
            Refusal::NoTime(format!(
                "no column {asked}: there are {} columns, with {names}; give one of these",
                self.width()
            ))
        })
    }

    fn named(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(names) = self.names else { return Ok(None) };
        let all = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..names.len()).filter(|&at| names.get(at).is_some_and(|other| is_it(other.trim()))).collect()
        };
        let mut found = all(&|other| other == name.trim());
        if found.is_empty() {
            found = all(&|other| other.eq_ignore_ascii_case(name.trim()));
        }
        if found.len() > 1 {
            let numbers: Vec<String> = found.iter().map(|at| (at + 1).to_string()).collect();
            let numbers = numbers.join(", ");
            return Err(Refusal::Ambiguous(format!("columns {numbers} are named {name:?}; give a number")));
        }
        Ok(found.first().copied())
    }

    fn given(&self, place: Place) -> Result<Candidate, Refusal> {
        self.candidate(place).ok_or_else(|| {
            let mut texts = self.rows.iter().filter_map(|row| place.text(|at| row.get(at).cloned()));
            let first = texts.next().unwrap_or_default();
            let is_no_time = |text: &String| !is_missing(text) && TimeFormat::readings(text, None).is_empty();
            let odd = if is_no_time(&first) { None } else { texts.find(is_no_time) };
            let cell = super::words::cut(&odd.unwrap_or(first));
            let what = self.kind.place_words(place, self.names);
            Refusal::NoTime(match self.options.time_option() {
                None => format!("{what} holds {cell:?}, which is not a time in a known format; give --time-unit or --time-format"),
                Some(_) => format!("{what} holds {cell:?}, which does not fit the option that says how times are written; give another --time-unit or --time-format"),
            })
        })
    }

    /// Chooses the column of the time of day, if the user named the column of the date.
    fn with_date(&self, date: usize) -> Result<Candidate, Refusal> {
        let places =
            (0..self.width()).filter(|&time| time != date).map(|time| Place { date: Some(date), time });
        let all: Vec<Candidate> =
            places.filter_map(|place| self.candidate(place)).filter(Candidate::is_full).collect();
        let named = all.iter().filter(|it| self.class(it.place.time).is_time()).cloned().collect();
        self.one_of(named).or_else(|| self.one_of(all)).unwrap_or_else(|| {
            Err(Refusal::NoTime(format!("no time of day for the dates; give {}", self.kind.option())))
        })
    }

    /// Returns the one candidate, or an error if there are several; `None` if there is none.
    fn one_of(&self, mut candidates: Vec<Candidate>) -> Option<Result<Candidate, Refusal>> {
        merge_agreeing(&mut candidates);
        // If only one column changes and it rises, it is the time.
        let is_rising = |it: &Candidate| it.is_ordered() && it.varies();
        let mut varying = candidates.iter().filter(|it| it.varies());
        if self.rows.len() > 2 && varying.next().is_some_and(is_rising) && varying.next().is_none() {
            candidates.retain(is_rising);
        }
        match candidates.len() {
            0 => None,
            1 => candidates.pop().map(Ok),
            _ => Some(Err(self.several(&candidates))),
        }
    }

    /// Names a column for a message.
    pub(super) fn column(&self, column: usize) -> String {
        self.kind.column_words(column, self.names)
    }

    /// Describes a candidate for a message.
    pub(super) fn words(&self, candidate: &Candidate) -> String {
        let formats: Vec<String> = candidate.formats.iter().map(TimeFormat::to_string).collect();
        let first =
            candidate.times.iter().flatten().next().and_then(|&time| crate::terminal::words::rfc3339(time));
        let first = first.map_or(String::new(), |first| format!(", first {first}"));
        let place = self.kind.place_words(candidate.place, self.names);
        format!("{place} ({}{first})", formats.join(" or "))
    }

    pub(super) fn several(&self, candidates: &[Candidate]) -> Refusal {
        self.ambiguous(candidates, &format!("several {}s may hold the time", self.kind.column()))
    }

    pub(super) fn ambiguous(&self, candidates: &[Candidate], why: &str) -> Refusal {
        let words: Vec<String> = candidates.iter().take(6).map(|it| self.words(it)).collect();
        Refusal::Ambiguous(format!("{why}: {}; give {}", words.join(", "), self.kind.option()))
    }

    fn unclear_format(&self, candidate: &Candidate) -> Refusal {
        let mut give: Vec<String> = candidate.formats.iter().map(TimeFormat::option).collect();
        give.dedup();
        let column = |option: &str, at: usize| format!("{option} {}, ", at + 1);
        // No option names the date of a line of JSON.
        let date = candidate.place.date.filter(|_| self.kind == Kind::Csv);
        let columns = date.map_or(String::new(), |date| {
            column("--date-column", date) + &column(self.kind.option(), candidate.place.time)
        });
        let words = self.words(candidate);
        Refusal::Ambiguous(format!(
            "the times may be written in several ways: {words}; give {columns}{}",
            give.join(" or ")
        ))
    }

    /// Chooses by what the rows and names look like.
    fn found(&self) -> Result<Candidate, Refusal> {
        let places = (0..self.width()).map(|time| Place { date: None, time });
        let mut single: Vec<Candidate> =
            places.filter_map(|place| self.candidate(place)).filter(|it| !self.is_far(it)).collect();
        // With an option for the format, a few cells of any column may fit it.
        if self.options.time_option().is_some() && single.iter().any(Candidate::reads_most) {
            single.retain(|it| it.reads_most() || it.name.is_time());
        }
        let pairs = self.pairs(&single);
        self.check_time_is_understood(&single, &pairs)?;
        let all = single.iter().chain(&pairs).filter(|it| it.name != NameClass::OtherTime);
        let all: Vec<Candidate> = all.filter(|it| it.is_full() && it.formats.len() == 1).cloned().collect();
        let chosen = self.finest(self.likeliest(single, &pairs)?, &all);
        self.check_doubts(&chosen, &all)?;
        Ok(chosen)
    }

    fn likeliest(&self, single: Vec<Candidate>, pairs: &[Candidate]) -> Result<Candidate, Refusal> {
        let is_in_pair = |it: &Candidate| pairs.iter().any(|pair| pair.place.date == Some(it.place.time));
        let alone = single.into_iter().filter(|it| it.name != NameClass::OtherTime && !is_in_pair(it));
        let (full, dates): (Vec<_>, Vec<_>) =
            alone.chain(pairs.iter().cloned()).partition(Candidate::is_full);
        let of = |class| full.iter().filter(|it| it.name == class).cloned().collect::<Vec<_>>();
        if let Some(chosen) = self.one_of(of(NameClass::Time)) {
            return chosen;
        }
        let mut some_time = of(NameClass::SomeTime);
        if !some_time.is_empty() {
            some_time.extend(of(NameClass::Neutral).into_iter().filter(|it| !it.format().is_number()));
        }
        if let Some(chosen) = self.one_of(some_time) {
            return chosen;
        }
        self.unnamed(of(NameClass::Neutral), dates)
    }

    fn unnamed(&self, neutral: Vec<Candidate>, dates: Vec<Candidate>) -> Result<Candidate, Refusal> {
        let (numbers, texts): (Vec<_>, Vec<_>) = neutral.into_iter().partition(|it| it.format().is_number());
        let numbers: Vec<_> = numbers.into_iter().filter(|it| !it.format().is_unlikely()).collect();
        if let Some(chosen) = self.one_of(texts) {
            return self.check_text(chosen?, &numbers);
        }
        let best = dates.iter().map(|it| it.name).min();
        let dates = dates.into_iter().filter(|it| Some(it.name) == best).collect();
        if let Some(chosen) = self.one_of(dates) {
            return self.check_dates(chosen?, &numbers);
        }
        self.number(numbers)
    }

    /// Checks dates with a time of day in a column without a telling name.
    fn check_text(&self, chosen: Candidate, numbers: &[Candidate]) -> Result<Candidate, Refusal> {
        let is_still = self.rows.len() > 1 && !(chosen.varies() && chosen.is_ordered());
        let is_rival = |it: &&Candidate| it.is_ordered() && (is_precise(it) || (is_still && it.varies()));
        let rivals: Vec<Candidate> = numbers.iter().filter(is_rival).cloned().collect();
        if rivals.is_empty() {
            return Ok(chosen);
        }
        let all = [vec![chosen], rivals].concat();
        Err(self.several(&all))
    }

    /// Checks dates without a time of day: they are the time only if each row has a different one.
    fn check_dates(&self, chosen: Candidate, numbers: &[Candidate]) -> Result<Candidate, Refusal> {
        let is_enough = chosen.is_distinct() && chosen.is_ordered();
        let date = chosen.place.time;
        let is_sole = chosen.name.is_time() || (numbers.is_empty() && !self.others_rise(date));
        if is_enough && is_sole && !self.may_have_clock(date) && self.unknown_moments().is_none() {
            return Ok(chosen);
        }
        let why = format!("there are dates, and no {} is known to hold the time of day", self.kind.column());
        let all = [vec![chosen], numbers.to_vec()].concat();
        match self.ambiguous(&all, &why) {
            Refusal::Ambiguous(words) if self.kind == Kind::Csv => Err(Refusal::Ambiguous(format!(
                "{words}, and --date-column if the time of day is in another column"
            ))),
            refusal => Err(refusal),
        }
    }

    /// Whether another column may be the time of day.
    fn may_have_clock(&self, date: usize) -> bool {
        (0..self.width()).any(|time| time != date && self.may_be_clock(date, time))
    }

    /// Chooses a number in a column without a telling name, if nothing else may be the time.
    fn number(&self, numbers: Vec<Candidate>) -> Result<Candidate, Refusal> {
        let Some(chosen) = numbers.first().filter(|_| self.names.is_none()) else {
            return Err(self.no_time(&numbers));
        };
        let is_steady = chosen.times.iter().flatten().count() * 10 >= self.rows.len() * 9;
        let is_sole = is_steady && numbers.len() == 1 && self.large_numbers() == [chosen.place.time];
        if is_sole && TimeFormat::given(self.options).is_some() {
            return Ok(chosen.clone());
        }
        let column = chosen.place.time;
        // Whole seconds have as many digits as ids, so with another number they may be ids.
        let is_only = (0..self.width()).all(|at| at == column || !self.has_numbers(at));
        let is_time = if is_precise(chosen) { !is_counter(chosen) } else { is_only };
        let is_sure = chosen.is_ordered() && is_time && !self.others_rise(column);
        if is_sole && is_sure && self.unknown_moments().is_none() {
            return Ok(chosen.clone());
        }
        Err(self
            .ambiguous(&numbers, "nothing names the column of the time, and numbers may be something else"))
    }

    fn no_time(&self, numbers: &[Candidate]) -> Refusal {
        let seen: Vec<String> = numbers.iter().map(|it| self.words(it)).collect();
        let seen = if seen.is_empty() { String::new() } else { format!(" ({} may be one)", seen.join(", ")) };
        let (kind, row) = (self.kind, self.names.or_else(|| self.rows.first()));
        let row = row.map_or(String::new(), |row| super::words::cut(&row.join(", ")));
        let there = if kind == Kind::Csv { "the first row is" } else { "the fields are" };
        Refusal::NoTime(format!(
            "no time {} found{seen}, {there} {row:?}; give {}, with --time-unit or --time-format",
            kind.column(),
            kind.option()
        ))
    }

    /// Refuses a column that is named as the time but not understood, instead of taking another one.
    fn check_time_is_understood(&self, single: &[Candidate], pairs: &[Candidate]) -> Result<(), Refusal> {
        let known = |column: usize| {
            let is_in = |it: &Candidate| it.place.time == column || it.place.date == Some(column);
            single.iter().chain(pairs).any(is_in)
        };
        let has_cells = |column: usize| self.cells(column).next().is_some();
        let is_odd =
            |&column: &usize| self.class(column) == NameClass::Time && has_cells(column) && !known(column);
        let Some(odd) = (0..self.width()).find(is_odd) else { return Ok(()) };
        let is_no_time = |cell: &&str| TimeFormat::readings(cell, None).is_empty();
        let cell = self.cells(odd).find(is_no_time).or_else(|| self.cells(odd).next()).unwrap_or_default();
        let why = if is_before_1970(cell) { "before 1970, where times begin here" } else { "not understood" };
        let (why, give) = match self.options.time_option() {
            None => (why, "give"),
            Some(_) => ("not written as the option says", "give another"),
        };
        let (cell, what) = (super::words::cut(cell), self.column(odd));
        Err(Refusal::Ambiguous(format!(
            "{what} is named as the time, but {cell:?} is {why}; {give} --time-format or --time-unit \
             (or {} for another {})",
            self.kind.option(),
            self.kind.column()
        )))
    }

    pub(super) fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().filter_map(move |row| row.get(column));
        cells.map(|cell| cell.trim()).filter(|cell| !is_missing(cell))
    }

    /// Returns pairs of a column of dates and a column of times of day.
    fn pairs(&self, single: &[Candidate]) -> Vec<Candidate> {
        let is_date = |it: &&Candidate| !it.is_full() && it.name != NameClass::OtherTime;
        let is_time = |&column: &usize| self.is_time_of_day(column);
        let times: Vec<usize> = (0..self.width()).filter(is_time).collect();
        let dates = single.iter().filter(is_date);
        let places = dates.flat_map(|it| times.iter().map(|&time| Place { date: Some(it.place.time), time }));
        places.filter_map(|place| self.candidate(place)).collect()
    }

    fn is_time_of_day(&self, column: usize) -> bool {
        let class = self.class(column);
        let is_compact = |cell: &str| matches!(cell.len(), 4 | 6 | 9 | 12 | 15) && number::is_number(cell);
        let is_it = |cell: &str| is_clock(cell) || (class == NameClass::Time && is_compact(cell));
        let (hits, all) =
            self.cells(column).fold((0, 0), |(hits, all), cell| (hits + usize::from(is_it(cell)), all + 1));
        class != NameClass::OtherTime && hits * 2 > all
    }

    fn has_numbers(&self, column: usize) -> bool {
        self.cells(column).any(number::is_number)
    }

    /// Returns columns of numbers that are as large as times.
    fn large_numbers(&self) -> Vec<usize> {
        let is_large = |cell: &str| {
            let sign = if cell.contains(',') { DecimalSign::Comma } else { DecimalSign::Point };
            let value = Unit::Seconds.to_nanos(cell.trim_start_matches('-'), sign);
            value.is_none_or(|nanos| nanos >= LARGE) && number::is_number(cell)
        };
        (0..self.width()).filter(|&at| self.cells(at).any(is_large)).collect()
    }

    /// Whether the numbers of another column are in order too; then they may be times of an unknown kind.
    fn others_rise(&self, column: usize) -> bool {
        let rises = |at: usize| {
            let numbers: Option<Vec<f64>> =
                self.cells(at).map(|cell| cell.replace(',', ".").parse().ok()).collect();
            numbers.is_some_and(|numbers| {
                let is_ordered = numbers.is_sorted() || numbers.is_sorted_by(|a, b| a >= b);
                let varies = numbers.first() != numbers.last();
                !numbers.is_empty() && is_ordered && (varies || self.rows.len() == 1)
            })
        };
        (0..self.width()).any(|at| at != column && rises(at))
    }

    /// Returns a column that looks like moments in an unknown format.
    fn unknown_moments(&self) -> Option<usize> {
        let is_unknown = |&at: &usize| {
            self.candidate(Place { date: None, time: at }).is_none() && self.cells(at).any(may_be_moment)
        };
        (0..self.width()).find(is_unknown)
    }
}

/// Keeps only the finest of candidates that agree.
fn merge_agreeing(candidates: &mut Vec<Candidate>) {
    let mut at = 0;
    while let Some(it) = candidates.get(at) {
        let says_it = |(other_at, other): (usize, &Candidate)| {
            let is_same = other.agrees_with_finer(it);
            other_at != at && it.agrees_with_finer(other) && (!is_same || other_at < at)
        };
        if candidates.iter().enumerate().any(says_it) {
            candidates.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Whether the numbers are finer than whole seconds, which have as many digits as ids.
fn is_precise(candidate: &Candidate) -> bool {
    let is_seconds = matches!(candidate.format(), TimeFormat::Number { unit: Unit::Seconds, .. });
    !is_seconds || candidate.times.iter().flatten().any(|time| !time.is_multiple_of(1_000_000_000))
}

/// Whether the numbers count rows: each differs by one from the one before.
fn is_counter(candidate: &Candidate) -> bool {
    let step = match candidate.format() {
        TimeFormat::Number { unit: Unit::Seconds, .. } => 1_000_000_000,
        TimeFormat::Number { unit: Unit::Millis, .. } => 1_000_000,
        TimeFormat::Number { unit: Unit::Micros, .. } => 1000,
        _ => 1,
    };
    let times: Vec<u64> = candidate.times.iter().flatten().copied().collect();
    times.len() > 1 && times.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == step)
}
