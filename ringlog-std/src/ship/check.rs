//! Compares a stream with its log, message by message.
#![forbid(unsafe_code)]

use crate::ship::error::ShipError;
use crate::ship::header::Kind;
use crate::ship::jetstream::{JetStream, Opening, Wire};
use crate::ship::runs::{Found, LogRuns};
use crate::ship::target::{Last, Position, Silence};

/// How a stream and its log compare: see [`ShipOptions::verify`](crate::ship::ShipOptions::verify).
///
/// ```
/// let check = ringlog::ship::ShipCheck::default();
/// assert!(check.differences.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ShipCheck {
    /// Messages that the log has, byte for byte.
    pub same: u64,
    /// Messages of records that the log has deleted.
    pub older: u64,
    /// Where they differ, in the order of the stream.
    pub differences: Vec<Difference>,
    /// The sequence after the last record of the stream.
    pub next_sequence: u64,
}

/// Messages in which a stream and its log differ.
///
/// ```no_run
/// for difference in ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").verify("my-log")?.differences {
///     println!("{} to {}: {}", difference.first_message, difference.last_message, difference.why);
/// }
/// # Ok::<(), ringlog::ship::ShipError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The first message, by its sequence in the stream.
    pub first_message: u64,
    /// The last one.
    pub last_message: u64,
    /// What is wrong with the first.
    pub why: String,
}

impl ShipCheck {
    fn differs(&mut self, message: Position, why: String) {
        match self.differences.last_mut() {
            Some(last) if last.last_message + 1 == message => last.last_message = message,
            _ => self.differences.push(Difference { first_message: message, last_message: message, why }),
        }
    }
}

/// Reads all messages of a stream. `runs` reads its log.
pub(crate) fn compare<W: Wire>(
    target: &mut JetStream<W>,
    runs: &mut LogRuns,
) -> Result<ShipCheck, ShipError> {
    let mut check = ShipCheck::default();
    let (first, last) = target.bounds().map_err(silent)?;
    let begin = runs.first_sequence()?;
    let mut is_begun = false;
    for position in first..=last {
        let run = match target.message(position).map_err(silent)? {
            Some(Last::Run(run)) => run,
            Some(Last::Foreign(why)) => {
                check.differs(position, why);
                is_begun = false;
                continue;
            }
            None => {
                check.differs(position, "was deleted".into());
                is_begun = false;
                continue;
            }
        };
        let header = run.header;
        if is_begun && header.first != check.next_sequence {
            check.differs(
                position,
                format!("begins with record {}, not {}", header.first, check.next_sequence),
            );
        } else if header.kind == Kind::Gap {
            check.differs(
                position,
                format!("is a GAP for records {} to {}", header.first, header.next().saturating_sub(1)),
            );
        } else if header.next() <= begin {
            check.older += 1;
        } else {
            match runs.same_as(&run)? {
                Found::Same => check.same += 1,
                Found::Differs(why) => check.differs(position, why),
            }
        }
        (is_begun, check.next_sequence) = (true, header.next());
    }
    Ok(check)
}

fn silent(silence: Silence) -> ShipError {
    ShipError::from(Opening::from(silence))
}
