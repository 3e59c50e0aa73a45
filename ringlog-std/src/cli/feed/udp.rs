//! A datagram is an event.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Feed, FeedError, Next};
use crate::cli::text::unix_now;
use crate::event::MAX_PAYLOAD;

const PATIENCE: Duration = Duration::from_millis(50);

/// Gives each datagram that arrives at an address as an event, stamped with the time of its arrival here.
///
/// No datagram is longer than a payload can be. What the kernel drops because its socket buffer is full
/// never arrives and cannot be counted here.
#[derive(Debug)]
pub(crate) struct UdpFeed {
    socket: UdpSocket,
    address: SocketAddr,
    datagram: Vec<u8>,
}

impl UdpFeed {
    /// Binds to `address`; port 0 takes a free one.
    pub(crate) fn bind(address: &str) -> Result<Self, FeedError> {
        let bind = || {
            let socket = UdpSocket::bind(address)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address, datagram: vec![0; MAX_PAYLOAD] })
        };
        bind().map_err(|source| FeedError::Io {
            action: "listen at",
            what: format!("udp://{address}"),
            source,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Feed for UdpFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        match self.socket.recv(&mut self.datagram) {
            Ok(bytes) => {
                payload.clear();
                payload.extend_from_slice(self.datagram.get(..bytes).unwrap_or_default());
                Ok(Next::Event { timestamp: unix_now(), event_type: 0 })
            }
            Err(error) if is_no_more_than_a_wait(&error) => Ok(Next::Idle),
            Err(source) => {
                Err(FeedError::Io { action: "receive at", what: format!("udp://{}", self.address), source })
            }
        }
    }
}

fn is_no_more_than_a_wait(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_events_and_silence_is_idle() {
        let mut feed = UdpFeed::bind("127.0.0.1:0").unwrap();
        let mut payload = Vec::new();
        assert_eq!(feed.next_event(&mut payload).unwrap(), Next::Idle);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in [&b"one"[..], b"", b"three"] {
            sender.send_to(datagram, feed.address()).unwrap();
            assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Event { .. }));
            assert_eq!(payload, datagram);
        }
    }

    #[test]
    fn an_address_that_cannot_be_had_is_named() {
        let error = UdpFeed::bind("203.0.113.1:9").unwrap_err();
        assert!(error.to_string().contains("udp://203.0.113.1:9"), "{error}");
    }
}
