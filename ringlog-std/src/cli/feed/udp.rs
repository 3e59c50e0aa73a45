//! A datagram is an event.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::fs::fstat;

use super::{Feed, FeedError, Loss, Next};
use crate::cli::text::unix_now;
use crate::event::{Gap, GapReason, MAX_PAYLOAD};

const PATIENCE: Duration = Duration::from_millis(50);
/// Between two looks at the kernel's count while datagrams arrive.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Looking takes at most one part of the time in this many: with many sockets the kernel's table is long.
const LOOK_SHARE: u32 = 20;

/// Gives each datagram that arrives at an address as an event, stamped with the time of its arrival here.
///
/// No datagram is longer than a payload can be. What the kernel drops because its socket buffer is full
/// never arrives; the kernel counts it, and each rise of the count is a loss.
#[derive(Debug)]
pub(crate) struct UdpFeed {
    socket: UdpSocket,
    address: SocketAddr,
    datagram: Vec<u8>,
    /// The kernel's count at the last look.
    kernel_count: u32,
    dropped: u64,
    next_look: Instant,
}

impl UdpFeed {
    /// Binds to `address`; port 0 takes a free one.
    pub(crate) fn bind(address: &str) -> Result<Self, FeedError> {
        let bind = || {
            let socket = UdpSocket::bind(address)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let address = socket.local_addr()?;
            let (datagram, next_look) = (vec![0; MAX_PAYLOAD], Instant::now());
            Ok(Self { socket, address, datagram, kernel_count: 0, dropped: 0, next_look })
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

    fn read_kernel_count(&self) -> Option<u32> {
        let table = if self.address.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
        let inode = fstat(&self.socket).ok()?.st_ino;
        drops_in(&fs::read_to_string(table).ok()?, inode)
    }
}

impl Feed for UdpFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        if Instant::now() >= self.next_look
            && let Some(loss) = self.look_for_loss()
        {
            return Ok(Next::Lost(loss));
        }
        match self.socket.recv(&mut self.datagram) {
            Ok(bytes) => {
                payload.clear();
                payload.extend_from_slice(self.datagram.get(..bytes).unwrap_or_default());
                Ok(Next::Event { timestamp: unix_now(), event_type: 0 })
            }
            Err(error) if is_no_more_than_a_wait(&error) => {
                Ok(self.look_for_loss().map_or(Next::Idle, Next::Lost))
            }
            Err(source) => {
                Err(FeedError::Io { action: "receive at", what: format!("udp://{}", self.address), source })
            }
        }
    }

    fn look_for_loss(&mut self) -> Option<Loss> {
        let started = Instant::now();
        let now = self.read_kernel_count();
        self.next_look = started + LOOK_PAUSE.max(started.elapsed() * LOOK_SHARE);
        let before = std::mem::replace(&mut self.kernel_count, now?);
        // The kernel's count begins again at 0 after the largest number.
        let count = u64::from(self.kernel_count.wrapping_sub(before));
        self.dropped += count;
        let gap = Gap::new(GapReason::ReceiverFull, count);
        (count > 0).then(|| Loss { gap, timestamp: Some(unix_now()), skip: None })
    }

    fn dropped(&self) -> Option<u64> {
        self.read_kernel_count().map(|_| self.dropped)
    }

    fn notes(&self) -> Vec<String> {
        let unknown =
            "datagrams that the kernel dropped are not counted: it does not show this socket in /proc";
        if self.read_kernel_count().is_none() { vec![unknown.into()] } else { Vec::new() }
    }
}

/// What stands in the column `drops` of the socket's line.
fn drops_in(table: &str, inode: u64) -> Option<u32> {
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
        let (mut payload, mut received, mut lost) = (Vec::new(), 0, 0);
        loop {
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { .. } => received += 1,
                Next::Lost(Loss { gap, .. }) => lost += gap.count,
                _ => break,
            }
        }
        assert_eq!((received + lost, feed.dropped()), (sent, Some(lost)));
        assert!(lost > 0 && feed.look_for_loss().is_none());
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
