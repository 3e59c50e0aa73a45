//! What the first rows of a column hold, and the kind of field that holds it exactly.
#![forbid(unsafe_code)]

use super::number::{Number, exact_float, with_point};
use crate::import::table::is_missing;

/// Most labels of a column, and the longest.
const LABELS_MAX: usize = 250;
const LABEL_BYTES_MAX: usize = 32;
/// The longest text of a column that is not the last one.
const TEXT_BYTES_MAX: usize = 1000;
/// Length of the field of a column without a value in the first rows.
const UNKNOWN_TEXT_BYTES: usize = 32;
/// How much larger than those of the first rows later values may be.
const HEADROOM: i128 = 1000;

/// The kind of the field of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Guess {
    I32,
    I64,
    U64,
    /// An `i64` with this scale.
    Decimal(i8),
    F64,
    Bool,
    Labels(Vec<String>),
    /// A text of at most this many bytes.
    Text(usize),
}

/// What the cells of a column were so far.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnSample {
    decimal_comma: bool,
    /// The row that was added last.
    last_row: Option<u64>,
    cells: u64,
    empty: u64,
    /// Cells that mean that there is no value; empty ones are among them.
    missing: u64,
    bools: u64,
    numbers: u64,
    has_inexact_float: bool,
    /// The least and the largest of the integers; `None` if a number is none.
    integers: Option<(i128, i128)>,
    has_fraction: bool,
    /// The largest number without its sign, rounded up.
    most_whole: i128,
    fraction_digits: u32,
    words: Words,
    longest: usize,
}

/// The words of a column in the order of their first row.
#[derive(Clone, Debug, Default)]
struct Words {
    all: Vec<String>,
    /// The row of the one that came last.
    last_new: u64,
    are_too_many: bool,
}

impl Words {
    fn add(&mut self, text: &str, row: u64) {
        if self.are_too_many || self.all.iter().rev().any(|word| word == text) {
            return;
        }
        self.last_new = row;
        self.are_too_many = self.all.len() == LABELS_MAX || text.len() > LABEL_BYTES_MAX;
        self.all.push(text.into());
    }
}

impl ColumnSample {
    pub(super) fn new(decimal_comma: bool) -> Self {
        Self { decimal_comma, ..Self::default() }
    }

    /// Adds the cell of a row; rows count from 0. A row that has it twice is refused later, so only the first one counts.
    pub(super) fn add(&mut self, text: &str, row: u64) {
        if self.last_row.replace(row) == Some(row) {
            return;
        }
        self.cells += 1;
        self.longest = self.longest.max(text.len());
        self.words.add(text, row);
        let decimal = with_point(text.trim(), self.decimal_comma).unwrap_or_default();
        if is_missing(text) {
            self.missing += 1;
            self.empty += u64::from(text.is_empty());
        } else if let Some(number) = Number::parse(&decimal) {
            self.add_number(number, &decimal);
        } else {
            self.bools += u64::from(bool_of(text.trim()).is_some());
        }
    }

    fn add_number(&mut self, number: Number, text: &str) {
        self.numbers += 1;
        self.has_inexact_float |= exact_float(text).is_none();
        self.fraction_digits = self.fraction_digits.max(number.fraction_digits());
        match number.scaled(0).filter(|_| number.fraction_digits() == 0) {
            Some(integer) => {
                let (least, most) = self.integers.unwrap_or((integer, integer));
                self.integers = Some((least.min(integer), most.max(integer)));
                self.most_whole = self.most_whole.max(integer.saturating_abs());
            }
            None => {
                self.has_fraction = true;
                let whole = text.trim_start_matches('-').split(['.', 'e', 'E']).next().unwrap_or_default();
                let whole = match text.contains(['e', 'E']) {
                    true => number.scaled(-18).map_or(i128::MAX / 2, |it| it.abs() / 10_i128.pow(18)),
                    false => whole.parse().unwrap_or(if whole.is_empty() { 0 } else { i128::MAX / 2 }),
                };
                self.most_whole = self.most_whole.max(whole + 1);
            }
        }
    }

    /// Whether no cell had a value.
    pub(super) const fn is_without_values(&self) -> bool {
        self.missing == self.cells
    }

    /// Returns the kind for a column of which this many rows were seen.
    ///
    /// # Errors
    ///
    /// The length of a text that is too long for a field, unless the column is the last one.
    pub(super) fn guess(&self, rows: u64, is_last: bool) -> Result<Guess, usize> {
        let absent = rows - self.cells;
        let missing = self.missing + absent;
        if self.is_without_values() {
            return Ok(Guess::Text(UNKNOWN_TEXT_BYTES.max(self.longest)));
        } else if self.numbers > 0 && self.numbers + self.missing == self.cells {
            if let Some(kind) = self.number(missing == 0) {
                return Ok(kind);
            }
        } else if self.bools > 0 && self.bools == rows {
            return Ok(Guess::Bool);
        } else if self.are_labels(rows) && self.empty + absent == 0 {
            return Ok(Guess::Labels(self.words.all.clone()));
        }
        match self.longest {
            longest if longest > TEXT_BYTES_MAX && !is_last => Err(longest),
            longest => Ok(Guess::Text((longest * 2).next_multiple_of(8))),
        }
    }

    /// Whether the words repeat, and none is new in the second half of the rows.
    fn are_labels(&self, rows: u64) -> bool {
        !self.words.are_too_many && rows > 1 && self.words.last_new < rows.div_ceil(2)
    }

    fn number(&self, is_complete: bool) -> Option<Guess> {
        let float = (!self.has_inexact_float).then_some(Guess::F64);
        if !is_complete {
            return float;
        }
        if let Some((least, most)) = self.integers.filter(|_| !self.has_fraction) {
            let small = i128::from(i32::MAX) / HEADROOM;
            return match () {
                () if -small <= least && most <= small => Some(Guess::I32),
                () if i128::from(i64::MIN) <= least && most <= i128::from(i64::MAX) => Some(Guess::I64),
                () if 0 <= least && most <= i128::from(u64::MAX) => Some(Guess::U64),
                () => float,
            };
        }
        let scale = i8::try_from(self.fraction_digits).ok().filter(|&digits| digits <= 18);
        let most =
            scale.and_then(|digits| self.most_whole.checked_mul(10_i128.pow(digits.unsigned_abs() as u32)));
        let has_room = |more: i128| most.is_some_and(|most| most <= i128::from(i64::MAX) / more);
        let decimal = scale.map(|digits| Guess::Decimal(-digits));
        if has_room(HEADROOM) {
            return decimal;
        }
        float.or_else(|| decimal.filter(|_| has_room(1)))
    }
}

/// Returns the truth value that a text is, in any case.
pub(super) fn bool_of(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|value| text.eq_ignore_ascii_case(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(cells: &[&str]) -> Guess {
        let mut column = ColumnSample::default();
        cells.iter().zip(0..).for_each(|(cell, row)| column.add(cell, row));
        column.guess(cells.len() as u64, false).unwrap()
    }

    #[test]
    fn integers_have_room_for_larger_ones() {
        assert_eq!(guess(&["1", "-2147483"]), Guess::I32);
        assert_eq!(guess(&["2147484", "0"]), Guess::I64);
        assert_eq!(guess(&["9223372036854775808", "0"]), Guess::U64);
        assert_eq!(guess(&["18446744073709552000", "0"]), Guess::F64);
        assert_eq!(guess(&["18446744073709551617", "0"]), Guess::Text(40));
        assert_eq!(guess(&["9223372036854775809", "-1"]), Guess::Text(40));
    }

    #[test]
    fn decimals_are_scaled_integers_if_they_fit() {
        assert_eq!(guess(&["1640.25", "1640", "1640.5"]), Guess::Decimal(-2));
        assert_eq!(guess(&["0.5", "-1e-3"]), Guess::Decimal(-3));
        assert_eq!(guess(&["123456789.123456789012"]), Guess::Text(48));
        assert_eq!(guess(&["1e-30", "5"]), Guess::F64);
        assert_eq!(guess(&["9223372035.854775807"]), Guess::Decimal(-9));
    }

    #[test]
    fn numbers_with_missing_ones_are_floats_if_these_are_exact() {
        assert_eq!(guess(&["1", "", "2.5"]), Guess::F64);
        assert_eq!(guess(&["1", "NA"]), Guess::F64);
        assert_eq!(guess(&["9007199254740993", ""]), Guess::Text(32));
        for without_values in [["", ""], ["NA", "NA"], ["", "null"]] {
            assert_eq!(guess(&without_values), Guess::Text(32));
        }
    }

    #[test]
    fn words_that_repeat_are_labels() {
        assert_eq!(guess(&["True", "false"]), Guess::Bool);
        let labels = |words: &[&str]| Guess::Labels(words.iter().map(|&word| word.into()).collect());
        assert_eq!(guess(&["buy", "sell", "sell", "buy"]), labels(&["buy", "sell"]));
        assert_eq!(guess(&["buy", "sell", "sell", "both"]), Guess::Text(8));
        assert_eq!(guess(&["buy", "", "buy"]), Guess::Text(8));
        assert_eq!(guess(&["a"]), Guess::Text(8));
        assert_eq!(guess(&["007", "007"]), labels(&["007"]));
    }

    #[test]
    fn a_text_that_is_too_long_for_a_field_may_be_the_tail() {
        let mut column = ColumnSample::default();
        column.add(&"x".repeat(1001), 0);
        assert_eq!((column.guess(1, false), column.guess(1, true)), (Err(1001), Ok(Guess::Text(2008))));
    }
}
