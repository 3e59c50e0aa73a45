//! The bytes of a device that goes and comes back, or of a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions, isatty, tcgetattr, tcsetattr};

use crate::feed::{ByteSource, FeedError, Fill};
use crate::terminal::messages::{FEED, info, warn};

/// How long a call waits for bytes, or for the device.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const ABSENCE: Duration = Duration::from_millis(50);
const READ_MOST: usize = 16 * 1024;

/// What a call got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// More bytes.
    Bytes,
    /// Nothing at the moment.
    Nothing,
    /// The device went away in between: what came before is not continued.
    Cut,
    /// No more bytes will come.
    End,
}

/// Where the bytes of a wire come from.
#[derive(Debug)]
pub(crate) enum WireBytes {
    /// A file, a pipe or standard input, up to its end.
    Source { source: ByteSource, name: String, is_live: bool },
    /// A serial line. It has no end.
    Device(Device),
}

/// A serial line that may go and come back.
#[derive(Debug)]
pub(crate) struct Device {
    path: PathBuf,
    baud: u32,
    file: Option<File>,
    /// Whether the user knows that the program waits.
    has_said: bool,
}

impl WireBytes {
    /// Opens `-` as standard input, a serial line, or a file. A device that is not there yet may still come.
    pub(crate) fn open(path: &Path, baud: u32) -> Result<Self, FeedError> {
        let name = path.display().to_string();
        let failed = |source| FeedError::Io { action: "read it", what: name.clone(), source };
        if path == Path::new("-") {
            let source = ByteSource::stdin().map_err(failed)?;
            return Ok(Self::Source { source, name: "standard input".into(), is_live: true });
        }
        let may_come = path.starts_with("/dev");
        match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound && may_come => {}
            Ok(metadata) if metadata.file_type().is_char_device() => {
                let file = open_line(path).map_err(failed)?;
                if !isatty(&file) {
                    let source = ByteSource::open_any(path).map_err(failed)?;
                    return Ok(Self::Source { source, name, is_live: true });
                }
            }
            Ok(metadata) => {
                let is_live = !metadata.is_file();
                return Ok(Self::Source {
                    source: ByteSource::open_any(path).map_err(failed)?,
                    name,
                    is_live,
                });
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(Self::Device(Device { path: path.into(), baud, file: None, has_said: false }))
    }

    /// Whether the bytes come as the device sends them, so that the time of their arrival means something.
    pub(crate) const fn is_live(&self) -> bool {
        match self {
            Self::Source { is_live, .. } => *is_live,
            Self::Device(_) => true,
        }
    }

    /// Replaces the content of `chunk` by the next bytes. Never waits for long.
    pub(crate) fn fill(&mut self, chunk: &mut Vec<u8>) -> Result<Got, FeedError> {
        match self {
            Self::Source { source, name, .. } => match source.fill(chunk) {
                Ok(Fill::Bytes) => Ok(Got::Bytes),
                Ok(Fill::Idle) => Ok(Got::Nothing),
                Ok(Fill::End) => Ok(Got::End),
                Err(source) => Err(FeedError::Io { action: "read it", what: name.clone(), source }),
            },
            Self::Device(device) => device.fill(chunk),
        }
    }

    /// Stops a thread that reads ahead.
    pub(crate) fn stop(&mut self) {
        if let Self::Source { source, .. } = self {
            source.stop();
        }
    }
}

impl Device {
    fn fill(&mut self, chunk: &mut Vec<u8>) -> Result<Got, FeedError> {
        let Some(file) = &mut self.file else { return self.look_for_it() };
        if poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&PATIENCE)) == Ok(0) {
            return Ok(Got::Nothing);
        }
        chunk.resize(READ_MOST, 0);
        let read = file.read(chunk);
        chunk.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(1..) => Ok(Got::Bytes),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(Got::Nothing)
            }
            Err(error) if !is_absent(&error) => Err(self.failed("read it", error)),
            _ => {
                self.file = None;
                self.has_said = true;
                warn!(target: FEED, "{} is gone; waiting for it to come back", self.path.display());
                Ok(Got::Cut)
            }
        }
    }

    /// Opens the device if it is there.
    fn look_for_it(&mut self) -> Result<Got, FeedError> {
        match open_line(&self.path).and_then(|file| set_up(&file, self.baud).map(|()| file)) {
            Ok(file) => {
                self.file = Some(file);
                if std::mem::take(&mut self.has_said) {
                    info!(target: FEED, "{} is there", self.path.display());
                }
            }
            Err(error) if is_absent(&error) => {
                if !self.has_said {
                    self.has_said = true;
                    info!(target: FEED, "waiting for {}, which is not there yet", self.path.display());
                }
                std::thread::sleep(ABSENCE);
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                let problem = format!("cannot run at {} baud; give a rate that the adapter has", self.baud);
                return Err(FeedError::Unclear { path: self.path.clone(), problem });
            }
            Err(error) => return Err(self.failed("open it", error)),
        }
        Ok(Got::Nothing)
    }

    fn failed(&self, action: &'static str, source: io::Error) -> FeedError {
        FeedError::Io { action, what: self.path.display().to_string(), source }
    }
}

/// Opens a line without waiting for a carrier, and without becoming its terminal.
fn open_line(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

/// Sets 8 bits without parity, and passes every byte on as it is.
fn set_up(file: &File, baud: u32) -> io::Result<()> {
    let mut modes = tcgetattr(file)?;
    modes.make_raw();
    modes.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    modes.set_speed(baud)?;
    Ok(tcsetattr(file, OptionalActions::Now, &modes)?)
}

/// Whether a device is not there, or was pulled out.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || Errno::from_io_error(error).is_some_and(|it| [Errno::IO, Errno::NODEV, Errno::NXIO].contains(&it))
}
