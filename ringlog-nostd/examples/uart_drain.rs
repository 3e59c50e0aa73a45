//! Writes a log file to a UART. The host receives a file that `ringlog cat` opens.
//!
//! Anything that implements `embedded_io::Write` takes a stream: a UART, USB, a card, an RTT channel. The device here
//! takes a few bytes at a time, as a FIFO does.

use std::convert::Infallible;

use embedded_io::{ErrorType, Write};
use ringlog_nostd::format::{Checksums, FileHeader, Records};
use ringlog_nostd::{ClockKind, EventHeader, StaticRing, StreamSink};

static RING: StaticRing<1024, 32> = StaticRing::new();

/// A transmitter with a FIFO of 16 bytes, and the host's end of the line.
#[derive(Default)]
struct Uart {
    received: Vec<u8>,
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let taken = bytes.len().min(16);
        self.received.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn main() {
    let (mut producer, mut consumer) = RING.split().expect("split once");
    // Without a calendar, a counter of starts makes each stream different from the one before.
    let starts = 42;
    let mut sink = StreamSink::start(Uart::default(), starts, ClockKind::Ticks).expect("it takes the header");
    for tick in 0..200_u64 {
        producer.write_event(&EventHeader::new(tick, 1, 5), b"hello").expect("the loop keeps up");
        // A few events in each round of the loop, so that no round takes long.
        sink.drain(&mut consumer, 4).expect("the line is up");
    }
    let file = sink.into_inner().received;

    // The host's side: `ringlog cat FILE`, or these lines.
    let header = FileHeader::from_bytes(file.first_chunk().expect("64 bytes")).expect("a log file");
    let verify = Checksums::Verify { salt: header.salt(), crc: ringlog_nostd::format::crc32c_append };
    let mut events = 0;
    for event in Records::starting_at(&file[64..], verify, 64, 0) {
        assert_eq!(event.expect("whole").payload, b"hello");
        events += 1;
    }
    assert_eq!(events, 200);
    println!("{events} events in {} bytes", file.len());
}
