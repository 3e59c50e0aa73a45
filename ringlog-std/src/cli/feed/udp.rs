//! A datagram is an event.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::fs::fstat;

use super::{Feed, FeedError, Next};
use crate::cli::text::unix_now;
use crate::event::MAX_PAYLOAD;

const PATIENCE: Duration = Duration::from_millis(50);

/// Gives each datagram that arrives at an address as an event, stamped with the time of its arrival here.
///
/// No datagram is longer than a payload can be. What the kernel drops because its socket buffer is full
/// never arrives; the kernel counts it.
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

    fn dropped(&self) -> Option<u64> {
        let table = if self.address.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
        let inode = fstat(&self.socket).ok()?.st_ino;
        drops_in(&fs::read_to_string(table).ok()?, inode)
    }
}

/// What stands in the column `drops` of the socket's line.
fn drops_in(table: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    // sl, local, remote, state, queues, timer, retransmits, uid, timeout, inode, references, pointer, drops
    table
        .lines()
        .skip(1)
        .map(str::split_whitespace)
        .find_map(|mut words| if words.nth(9)? == inode { words.nth(2)?.parse().ok() } else { None })
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

    #[test]
    fn what_the_kernel_drops_is_counted() {
        let mut feed = UdpFeed::bind("127.0.0.1:0").unwrap();
        assert_eq!(feed.dropped(), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Far more than a socket's buffer takes; on the loopback a datagram is there or dropped at once.
        let sent = 3000;
        for _ in 0..sent {
            sender.send_to(&[7; 8000], feed.address()).unwrap();
        }
        let (mut payload, mut received) = (Vec::new(), 0);
        while feed.next_event(&mut payload).unwrap() != Next::Idle {
            received += 1;
        }
        let dropped = feed.dropped().unwrap();
        assert_eq!(received + dropped, sent);
        assert!(dropped > 0);
    }

    #[test]
    fn only_the_line_of_the_socket_itself_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout \
                     inode ref pointer drops\n \
                     80: 0100007F:0277 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 \
                     77 2 0000000000000000 5\n \
                     81: 0100007F:0278 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 \
                     7 2 0000000000000000 12\n 82: short";
        assert_eq!((drops_in(table, 77), drops_in(table, 7)), (Some(5), Some(12)));
        assert_eq!((drops_in(table, 1), drops_in("", 7)), (None, None));
    }
}
