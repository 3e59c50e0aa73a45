//! What the producers of these tests do: they write in all ways, and every byte follows from a number.

use ringlog::event::EventHeader;
use ringlog::ring::WriteError;
use ringlog_nostd::Producer;

use crate::dice::Dice;

/// The longest payload that is written here.
pub(crate) const MAX_PAYLOAD: usize = 256;

/// One step of a producer. Its events are published together, or none of them is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// `write_event`.
    Write,
    /// A claim that is filled, then shortened.
    Claim,
    /// A claim that is filled with rubbish and dropped, then `write_event`.
    AbandonedClaim,
    /// A batch of this many events.
    Batch(u64),
}

impl Step {
    /// Returns the step that a producer takes when it has published `index` events.
    pub(crate) const fn at(index: u64) -> Self {
        match mix(index) % 8 {
            0..4 => Self::Write,
            4 | 5 => Self::Claim,
            6 => Self::AbandonedClaim,
            _ => Self::Batch(1 + mix(index) / 8 % 5),
        }
    }

    /// Returns how many events it publishes.
    pub(crate) const fn events(self) -> u64 {
        match self {
            Self::Batch(events) => events,
            _ => 1,
        }
    }

    /// Takes the step: the events `index` and following of the `owner`-th producer.
    pub(crate) fn take<K>(
        self,
        producer: &mut Producer<'_, K>,
        owner: u64,
        index: u64,
    ) -> Result<(), WriteError> {
        match self {
            Self::Write => write(producer, owner, index),
            Self::Claim => claim(producer, owner, index),
            Self::AbandonedClaim => {
                producer.claim(MAX_PAYLOAD)?.payload_mut().fill(0xEE);
                write(producer, owner, index)
            }
            Self::Batch(events) => {
                let mut batch = producer.batch();
                for index in index..index + events {
                    let (header, payload) = event(owner, index);
                    batch.write_event(&header, &payload)?;
                }
                batch.publish();
                Ok(())
            }
        }
    }
}

fn write<K>(producer: &mut Producer<'_, K>, owner: u64, index: u64) -> Result<(), WriteError> {
    let (header, payload) = event(owner, index);
    producer.write_event(&header, &payload)
}

fn claim<K>(producer: &mut Producer<'_, K>, owner: u64, index: u64) -> Result<(), WriteError> {
    let (header, payload) = event(owner, index);
    let mut claim = producer.claim(MAX_PAYLOAD)?;
    claim.payload_mut().fill(0xEE);
    claim.payload_mut()[..payload.len()].copy_from_slice(&payload);
    claim.commit(&header)
}

/// Returns event `index` of the `owner`-th producer.
pub(crate) fn event(owner: u64, index: u64) -> (EventHeader, Vec<u8>) {
    let seed = mix(owner << 32 | index);
    let payload: Vec<u8> = (0..seed % 97).map(|byte| (seed >> 8).wrapping_add(byte * 59) as u8).collect();
    let header = EventHeader::new(owner << 32 | index, (seed >> 56) as u8, payload.len() as u16);
    (header.with_flags((seed >> 48) as u8 & 0x0F), payload)
}

const fn mix(number: u64) -> u64 {
    Dice(number).next()
}
