//! The columns of a file, for what makes fields of them.
#![forbid(unsafe_code)]

/// The columns of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Columns {
    /// Cells of a table, a name for each in a row; `times` are the places of the time. Numbers may have a decimal comma.
    Cells { names: Vec<String>, delimiter: u8, times: Vec<usize>, decimal_comma: bool },
    /// Fields of lines of JSON; `times` are the names of those with the time.
    Fields { times: Vec<String> },
}
