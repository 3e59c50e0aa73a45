//! Forwards each event of a log to a peer on TCP, which is slow, goes away and comes back.
//!
//! The forwarder has its thread, and neither producer nor log waits for it. What the peer did not confirm is sent again
//! on the next connection, so the peer gets each event at least once, and knows a repeated one by its number.

use ringlog::consumer::EventConsumer;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const EVENTS: u64 = 20_000;

/// Longest time that the forwarder waits for its peer. Then it connects anew.
const LIMIT: Duration = Duration::from_millis(500);

/// Sends events one by one, each confirmed by a byte.
struct Forwarder {
    peer: SocketAddr,
    connection: Option<TcpStream>,
}

impl Forwarder {
    fn send(&mut self, header: &EventHeader, payload: &[u8]) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let new = TcpStream::connect_timeout(&self.peer, LIMIT)?;
                new.set_read_timeout(Some(LIMIT))?;
                new.set_write_timeout(Some(LIMIT))?;
                new.set_nodelay(true)?;
                none.insert(new)
            }
        };
        let mut message = header.to_bytes().to_vec();
        message.extend_from_slice(payload);
        connection.write_all(&message)?;
        connection.read_exact(&mut [0])
    }
}

impl EventConsumer for Forwarder {
    /// Refuses an event that the peer has not confirmed. It is offered again soon, and until then nobody else waits.
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let sent = self.send(header, payload);
        if sent.is_err() {
            // What the peer got of this connection is unknown.
            self.connection = None;
        }
        sent.is_ok()
    }

    fn name(&self) -> &str {
        "forwarder"
    }
}

/// Takes connections until it has seen all events. It reads slowly at times, and hangs up at others.
fn receive(listener: &TcpListener) -> io::Result<(usize, u64)> {
    let (mut seen, mut repeated) = (BTreeSet::new(), 0);
    while seen.len() < EVENTS as usize {
        let (mut connection, _) = listener.accept()?;
        let mut header = [0; 16];
        let mut on_this_one = 0;
        while connection.read_exact(&mut header).is_ok() {
            let header = EventHeader::from_bytes(&header);
            let mut payload = vec![0; usize::from(header.payload_len)];
            connection.read_exact(&mut payload)?;
            repeated += u64::from(!seen.insert(header.timestamp));
            on_this_one += 1;
            if on_this_one == EVENTS / 4 {
                // Gone with an event that it has and has not confirmed.
                break;
            }
            if on_this_one % 1_000 == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            if connection.write_all(&[1]).is_err() {
                break;
            }
        }
    }
    Ok((seen.len(), repeated))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("ringlog-forwarder-{}", std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let peer = listener.local_addr()?;
    let receiver = thread::spawn(move || receive(&listener));

    let (mut producer, recorder) = Recorder::start(&folder)?;
    let follower = recorder.follow("forwarder", Forwarder { peer, connection: None })?;
    for number in 0..EVENTS {
        producer.write_event(&EventHeader::new(number, 1, 5), b"hello")?;
    }
    let summary = recorder.shutdown(producer)?;
    println!(
        "{} events are in the log, {} bytes of it still have to be forwarded",
        summary.events,
        follower.counts().lag_bytes
    );

    let counts = follower.wait(Duration::from_secs(60))?;
    let (received, repeated) = receiver.join().map_err(|_| "the peer panicked")??;
    println!(
        "the peer has {received} events, {repeated} of them twice; {} had to be offered again",
        counts.refused
    );
    assert!(received == EVENTS as usize && counts.refused > 0, "some were lost, or the peer never was away");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
