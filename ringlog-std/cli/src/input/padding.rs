//! Skips zeros after compressed data, as tapes, block devices and preallocated files have them.

use std::cell::Cell;
use std::io::{self, BufRead};
use std::rc::Rc;

use super::source::{Source, offset};

/// The zeros that were skipped, for a note at the end of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Padding {
    /// Offset of the first zero in the file, and the number of zeros.
    found: Rc<Cell<Option<(u64, u64)>>>,
}

impl Padding {
    /// Skips zeros between two pieces of compressed data, or after the last piece.
    pub(super) fn skip(&self, source: &mut Source) -> io::Result<()> {
        loop {
            let zeros = source.fill_buf()?.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                return Ok(());
            }
            let (first, before) = self.found.get().unwrap_or((offset(source), 0));
            self.found.set(Some((first, before + zeros as u64)));
            source.consume(zeros);
        }
    }

    /// Returns a note about the zeros, if there were any. Nothing is missing because of them.
    pub(crate) fn note(&self) -> Option<String> {
        let (offset, bytes) = self.found.get()?;
        Some(format!(
            "after compressed data, zero bytes that hold nothing, from byte {offset} of the file on: {bytes}"
        ))
    }
}
