//! Lines as events.

use std::path::Path;

use super::bytes::{ByteSource, Fill};
use super::framing::{Framing, Records};
use super::{Feed, FeedError, Next, UNFINISHED};

/// Gives each line as an event, without its `\n` or `\r\n`, with the time at which it was read.
///
/// A line longer than the longest payload is a loss, and takes no more memory than others.
#[derive(Debug)]
pub(crate) struct LineFeed {
    name: String,
    source: ByteSource,
    event_type: u8,
    chunk: Vec<u8>,
    chunk_at: usize,
    records: Records,
    is_stopping: bool,
    leaves_unfinished: bool,
}

impl LineFeed {
    /// Opens a file.
    pub(crate) fn open(path: &Path, event_type: u8) -> Result<Self, FeedError> {
        let name = path.display().to_string();
        match ByteSource::open(path) {
            Ok(source) => Ok(Self::new(name, source, event_type)),
            Err(source) => Err(FeedError::Io { action: "open", what: name, source }),
        }
    }

    /// Opens a file, unless it is text in UTF-16: a line feed is two bytes there, of which lines would take one.
    pub(crate) fn open_text(path: &Path, event_type: u8) -> Result<Self, FeedError> {
        let feed = Self::open(path, event_type)?;
        if feed.source.is_utf16() {
            let problem = "text in UTF-16, which has no lines of bytes; convert it: `iconv -f UTF-16 -t UTF-8 FILE | ringlog \
                           serve --feed -`";
            return Err(FeedError::Unclear { path: path.into(), problem: problem.into() });
        }
        Ok(feed)
    }

    /// Opens standard input.
    pub(crate) fn stdin() -> Result<Self, FeedError> {
        let name = String::from("standard input");
        match ByteSource::stdin() {
            Ok(source) => Ok(Self::new(name, source, 0)),
            Err(source) => Err(FeedError::Io { action: "read", what: name, source }),
        }
    }

    fn new(name: String, source: ByteSource, event_type: u8) -> Self {
        let records = Records::new(Framing::Lines);
        let (chunk, is_stopping, leaves_unfinished) = (Vec::new(), false, false);
        Self { name, source, event_type, chunk, chunk_at: 0, records, is_stopping, leaves_unfinished }
    }

    /// Takes bytes up to the end of the line or of the chunk; returns whether the line ended.
    fn take_from_chunk(&mut self) -> bool {
        let mut rest = self.chunk.get(self.chunk_at..).unwrap_or_default();
        let has_ended = self.records.take(&mut rest);
        self.chunk_at = self.chunk.len() - rest.len();
        has_ended
    }
}

impl Feed for LineFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        loop {
            if self.take_from_chunk() {
                return Ok(self.records.finish(payload, self.event_type));
            }
            self.chunk_at = 0;
            self.chunk.clear();
            match self.source.fill(&mut self.chunk) {
                Ok(Fill::Bytes) => {}
                // At a stop, the thread may still wait until a pipe is opened.
                Ok(Fill::Idle) if !self.is_stopping => return Ok(Next::Idle),
                Ok(Fill::Idle | Fill::End) if self.is_stopping => {
                    return Ok(self.records.give_up().map_or(Next::End, Next::Lost));
                }
                // The last line may lack its newline.
                Ok(Fill::End) if self.records.pending_bytes() > 0 && !self.leaves_unfinished => {
                    return Ok(self.records.finish(payload, self.event_type));
                }
                Ok(Fill::Idle | Fill::End) => return Ok(Next::End),
                Err(source) => return Err(FeedError::Io { action: "read", what: self.name.clone(), source }),
            }
        }
    }

    fn stop(&mut self) -> bool {
        self.is_stopping = self.source.stop();
        self.is_stopping
    }

    fn read_bytes(&self) -> u64 {
        self.records.start()
    }

    fn leave_unfinished(&mut self) {
        self.leaves_unfinished = true;
    }

    fn notes(&self) -> Vec<String> {
        let is_left = self.leaves_unfinished && self.records.pending_bytes() > 0;
        self.source.note().into_iter().chain(is_left.then(|| UNFINISHED.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Loss;
    use super::*;
    use ringlog::event::{GapReason, MAX_PAYLOAD};
    use std::io::Write;

    fn all(input: &[u8]) -> (Vec<Vec<u8>>, Vec<Loss>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(input).unwrap();
        let mut feed = LineFeed::open(file.path(), 9).unwrap();
        let (mut events, mut losses, mut payload) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { event_type, .. } => {
                    assert_eq!(event_type, 9);
                    events.push(payload.clone());
                }
                Next::Lost(loss) => losses.push(loss),
                Next::Idle | Next::Kept(_) | Next::Described(_) => panic!("a file is never idle, and no log"),
                Next::End => break,
            }
        }
        assert_eq!(feed.read_bytes(), input.len() as u64);
        (events, losses)
    }

    /// Bytes that are in the pipe after the stop stay there.
    #[test]
    fn what_was_read_ahead_of_a_pipe_is_given_after_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut feed = LineFeed::open(&path, 0).unwrap();
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let (mut payload, mut events) = (Vec::new(), Vec::new());
        for text in ["one\n", "two\n", "three\nfo"] {
            pipe.write_all(text.as_bytes()).unwrap();
            while rustix::io::ioctl_fionread(&pipe).unwrap() > 0 {
                std::thread::yield_now();
            }
        }
        assert!(feed.stop());
        let loss = loop {
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { .. } => events.push(payload.clone()),
                Next::Lost(loss) => break loss,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(events, [&b"one"[..], b"two", b"three"]);
        assert_eq!((loss.gap.reason, loss.gap.count), (GapReason::NotReadable, 1));
        assert_eq!(feed.next_event(&mut payload).unwrap(), Next::End);
    }

    #[test]
    fn lines_keep_every_byte_but_those_that_end_them() {
        assert_eq!(all(b"").0, Vec::<Vec<u8>>::new());
        assert_eq!(all(b"\n").0, [b""]);
        assert_eq!(all(b"a\n\n\xFF\0b\r\nlast").0, [&b"a"[..], b"", b"\xFF\0b", b"last"]);
    }

    #[test]
    fn lines_across_chunks_are_whole() {
        let lines: Vec<Vec<u8>> = (0..500).map(|i| vec![b'x'; i * 7]).collect();
        assert_eq!(all(&lines.join(&b'\n')).0, lines);
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_and_the_next_one_read() {
        let mut input = b"ok\n".to_vec();
        input.extend(vec![b'y'; MAX_PAYLOAD]);
        input.push(b'\n');
        input.extend(vec![b'z'; MAX_PAYLOAD + 1]);
        input.extend(b"\nafter");
        let (events, losses) = all(&input);
        assert_eq!(events.iter().map(Vec::len).collect::<Vec<_>>(), [2, MAX_PAYLOAD, 5]);
        let [loss] = &losses[..] else { panic!("{losses:?}") };
        assert_eq!((loss.gap.reason, loss.gap.count), (GapReason::TooLong, 1));
        assert_eq!(loss.skip.as_ref().unwrap().offset, 3 + MAX_PAYLOAD as u64 + 1);
    }

    #[test]
    fn a_file_in_utf16_is_no_text_of_lines() {
        for (content, is_text) in
            [(&b"\xFF\xFEa\0\n\0"[..], false), (b"\xFE\xFF\0a\0\n", false), (b"\xFF\n", true)]
        {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content).unwrap();
            assert_eq!(LineFeed::open_text(file.path(), 0).is_ok(), is_text, "{content:?}");
            // An import of lines that was asked for takes any bytes.
            assert!(LineFeed::open(file.path(), 0).is_ok());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = LineFeed::open(Path::new("/nonexistent/lines"), 0).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/lines"), "{error}");
    }
}
