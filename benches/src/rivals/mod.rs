//! Rings with one small trait, so that all of them get the same work.
//!
//! Every ring gets at least the same number of bytes for records, on the heap. In every ring a record is the 16
//! bytes of its header and its payload: rings of bytes copy both in, rings of slots hold both in a slot of
//! exactly that size.

pub mod bbqueue;
pub mod blocks;
pub mod disruptor;
pub mod gil;
pub mod heapless;
pub mod nexus;
pub mod ringbuf;
pub mod ringlog;
pub mod rtrb;

use crate::work::Source;
use ringlog_nostd::EventHeader;

/// A ring of one producer and one consumer.
pub trait Channel {
    /// Its name in reports.
    const NAME: &'static str;
    /// What kind of ring it is.
    const KIND: Kind;

    /// Makes a ring for at least `bytes` bytes of records with payloads of `payload_len` bytes.
    fn make(bytes: usize, payload_len: usize) -> Self;

    /// Returns its two ends.
    fn split(&mut self) -> (impl Write + Send, impl Read + Send);
}

/// One end of a ring, on cache lines that the other end does not use.
///
/// In a program each end is in memory that its thread owns. Side by side, the copies of positions that each end keeps
/// would move from core to core with every record.
#[derive(Debug)]
#[repr(align(128))]
pub struct End<T>(pub T);

/// What a ring can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub enum Kind {
    /// This project's.
    Own,
    /// Records of any length.
    Variable,
    /// Slots of one type.
    Fixed,
    /// No ring: what the machine allows.
    Limit,
}

/// A ring's writing end.
pub trait Write {
    /// Writes and publishes one record, if there is room.
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool;

    /// Writes up to `limit` records and publishes them together, by the ring's own means for that. Returns how
    /// many there was room for.
    ///
    /// Rings that cannot publish many at once publish one by one.
    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        (0..limit).take_while(|_| source.offer(|header, payload| self.write(header, payload))).count()
    }

    /// Hands over what was written and is not published yet, after the last record. Rings publish as they write.
    fn flush(&mut self) {}
}

/// A ring's reading end.
pub trait Read {
    /// Passes the next record to `take` and gives its room back; `false` if there is none.
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool;

    /// Passes up to `limit` records to `take`, and gives their room back together, by the ring's own means.
    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        (0..limit).take_while(|_| self.read(&mut take)).count()
    }

    /// Passes on what the ring's documentation lets a consumer read at once when records come one by one. Returns
    /// how many: one, but for rings whose consumers always read all that is there.
    #[inline]
    fn poll(&mut self, take: impl FnMut(&EventHeader, &[u8])) -> usize {
        usize::from(self.read(take))
    }
}

/// A slot of a ring of slots.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Slot<const PAYLOAD: usize> {
    header: EventHeader,
    payload: [u8; PAYLOAD],
}

impl<const PAYLOAD: usize> Slot<PAYLOAD> {
    /// Returns the record as a slot.
    ///
    /// # Panics
    /// If the payload has another length.
    #[inline]
    #[must_use]
    pub fn new(header: &EventHeader, payload: &[u8]) -> Self {
        Self { header: *header, payload: payload.try_into().expect("payloads here have one length") }
    }

    /// Returns how many slots hold at least `bytes` bytes, as a power of two.
    #[must_use]
    pub const fn count(bytes: usize) -> usize {
        (bytes / size_of::<Self>()).next_power_of_two()
    }
}

/// Bytes for records in each ring: far more than any record here, and within a level-2 cache.
pub const RING_BYTES: usize = 256 * 1024;

/// Calls `$run::<Ring>($args)` for every ring, those of slots with this payload length, and collects the results.
#[macro_export]
macro_rules! for_each_ring {
    ($payload:literal, $slots:literal, $run:ident ( $($argument:expr),* )) => {
        vec![
            $run::<$crate::rivals::ringlog::Ringlog>($($argument),*),
            $run::<$crate::rivals::rtrb::Chunks>($($argument),*),
            $run::<$crate::rivals::nexus::Nexus>($($argument),*),
            $run::<$crate::rivals::bbqueue::Framed>($($argument),*),
            $run::<$crate::rivals::rtrb::Slots<$payload>>($($argument),*),
            $run::<$crate::rivals::ringbuf::Slots<$payload>>($($argument),*),
            $run::<$crate::rivals::heapless::Slots<$payload, $slots>>($($argument),*),
            $run::<$crate::rivals::gil::Slots<$payload>>($($argument),*),
            $run::<$crate::rivals::disruptor::Slots<$payload>>($($argument),*),
        ]
    };
}

/// [`for_each_ring`] for a payload length of [`PAYLOAD_LENS`](crate::work::PAYLOAD_LENS) that is known at run time.
#[macro_export]
macro_rules! for_each_ring_of {
    ($payload_len:expr, $run:ident ( $($argument:expr),* )) => {
        match $payload_len {
            16 => $crate::for_each_ring!(16, 8192, $run($($argument),*)),
            64 => $crate::for_each_ring!(64, 4096, $run($($argument),*)),
            256 => $crate::for_each_ring!(256, 1024, $run($($argument),*)),
            1024 => $crate::for_each_ring!(1024, 256, $run($($argument),*)),
            other => unreachable!("no rings of slots for payloads of {other} bytes"),
        }
    };
}
