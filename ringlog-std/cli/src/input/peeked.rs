//! Reads the start of an input ahead, to decide by it how to read the whole.

use std::io::{self, Read};

/// A reader of which the first bytes were read ahead. Reading gives them again.
#[derive(Debug)]
pub(crate) struct Peeked<R> {
    head: Vec<u8>,
    head_at: usize,
    /// The error after the head; returned once the head was read.
    error: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    /// Reads this many bytes ahead, or fewer at the end and before an error.
    ///
    /// # Errors
    ///
    /// Returns an error that comes before the first byte. A later one comes when reading arrives there.
    pub(crate) fn new(mut rest: R, bytes: u64) -> io::Result<Self> {
        let mut head = Vec::new();
        match rest.by_ref().take(bytes).read_to_end(&mut head) {
            Err(error) if head.is_empty() => Err(error),
            read => Ok(Self { head, head_at: 0, error: read.err(), rest }),
        }
    }

    /// Returns the bytes that were read ahead.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes the error after the head, if there was one.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Whether there was an error after the head.
    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Returns the reader of what follows.
    pub(crate) fn rest(&self) -> &R {
        &self.rest
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut head = self.head.get(self.head_at..).unwrap_or_default();
        if !head.is_empty() {
            let read = head.read(buffer)?;
            self.head_at += read;
            return Ok(read);
        }
        match self.take_error() {
            Some(error) => Err(error),
            None => self.rest.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// Gives its bytes, then an error.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(ErrorKind::InvalidData.into()),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn what_was_read_ahead_comes_again_and_an_error_in_its_place() {
        for bytes in [0, 1, 3, 4, 9] {
            let mut whole = String::new();
            let mut peeked = Peeked::new(&b"text"[..], bytes).unwrap();
            assert_eq!(peeked.head(), &b"text"[..usize::try_from(bytes).unwrap().min(4)]);
            peeked.read_to_string(&mut whole).unwrap();
            assert_eq!(whole, "text");

            let mut before = Vec::new();
            let mut peeked = Peeked::new(Failing(b"text"), bytes).unwrap();
            assert_eq!(peeked.has_error(), bytes > 4);
            assert_eq!(peeked.read_to_end(&mut before).unwrap_err().kind(), ErrorKind::InvalidData);
            assert_eq!(before, b"text");
        }
        assert!(Peeked::new(Failing(b""), 1).is_err() && Peeked::new(Failing(b""), 0).is_ok());
    }
}
