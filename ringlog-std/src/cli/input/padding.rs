//! Zeros after compressed data: tapes, block devices and files that were allocated in advance leave them.

use std::cell::Cell;
use std::io::{self, BufRead};
use std::rc::Rc;

use super::source::Source;

/// The zeros that were passed, for a note at the end of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Padding {
    /// Where the first ones begin in the file, and how many there are.
    found: Rc<Cell<Option<(u64, u64)>>>,
}

impl Padding {
    /// Passes zeros between two pieces of compressed data, or after the last one.
    pub(super) fn skip(&self, source: &mut Source) -> io::Result<()> {
        loop {
            let buffer = source.fill_buf()?;
            let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                return Ok(());
            }
            let offset = source.get_ref().bytes - source.buffer().len() as u64;
            let (first, before) = self.found.get().unwrap_or((offset, 0));
            self.found.set(Some((first, before + zeros as u64)));
            source.consume(zeros);
        }
    }

    /// What to tell about it: nothing is missing for it.
    pub(crate) fn note(&self) -> Option<String> {
        let (offset, bytes) = self.found.get()?;
        Some(format!(
            "after compressed data, zero bytes that hold nothing, from byte {offset} of the file on: {bytes}"
        ))
    }
}
