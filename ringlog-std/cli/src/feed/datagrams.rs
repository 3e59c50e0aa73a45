//! Datagrams as events.

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::sys::time::TimeSpec;
use rustix::fs::fstat;
use socket2::{Socket, Type};

use super::socket_file::{self, SocketFile};
use super::spec::UdpSpec;
use super::{Feed, FeedError, Loss, Next, udp};
use crate::terminal::words::unix_now;
use ringlog::event::{Gap, GapReason, MAX_PAYLOAD};

const PATIENCE: Duration = Duration::from_millis(50);

/// Gives each datagram that arrives at a socket as an event, with the time at which the kernel received it.
///
/// The kernel drops datagrams when the buffer of the socket is full, and counts them. Each datagram carries the count
/// of drops before it: a rise is a loss before that datagram. Drops after the last datagram are in the kernel's table
/// of sockets, which is read when there is nothing to receive. After that, the socket is read once more without
/// waiting: what had arrived before those drops comes before them.
#[derive(Debug)]
pub(crate) struct DatagramFeed {
    socket: Socket,
    /// Its name in messages.
    name: String,
    introduction: Vec<String>,
    /// The table of the kernel with the count of drops; none if this kind of socket drops nothing.
    table: Option<&'static str>,
    /// One byte longer than the longest payload.
    datagram: Vec<u8>,
    /// Room for the control messages of a datagram.
    control: Vec<u8>,
    /// A datagram that was received after a loss; the loss is given first.
    waiting: Option<Received>,
    received: u64,
    received_bytes: u64,
    /// The last seen count of the kernel.
    kernel_count: u32,
    /// A larger count from the table; it counts once everything that had arrived by then is received.
    table_count: Option<u32>,
    dropped: u64,
    /// Whether only what has arrived is still received.
    is_stopping: bool,
    _file: Option<SocketFile>,
}

/// The datagram in the buffer.
#[derive(Clone, Copy, Debug)]
struct Received {
    /// Bytes that were sent; the buffer may hold fewer.
    bytes: usize,
    timestamp: u64,
    /// Datagrams that the kernel had dropped before this one; none if it does not report them.
    kernel_count: Option<u32>,
}

impl DatagramFeed {
    /// Binds to an address, and joins it if it is a multicast group. Port 0 takes a free port.
    pub(crate) fn udp(spec: &UdpSpec) -> Result<Self, FeedError> {
        let udp::Bound { socket, address, introduction } = udp::bind(spec)?;
        let table = if address.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
        Self::new(socket, format!("udp://{address}"), introduction, Some(table), None)
    }

    /// Creates a socket in the file system. Senders wait while it is full.
    pub(crate) fn unix(path: &Path) -> Result<Self, FeedError> {
        let name = format!("unix:{}", path.display());
        let bound = socket_file::bind(path, Type::DGRAM);
        let (socket, file) = bound.map_err(failed("listen", &name))?;
        Self::new(socket, name, Vec::new(), None, Some(file))
    }

    fn new(
        socket: Socket,
        name: String,
        mut introduction: Vec<String>,
        table: Option<&'static str>,
        file: Option<SocketFile>,
    ) -> Result<Self, FeedError> {
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed("listen", &name))?;
        introduction.insert(0, format!("listening at {name}"));
        Ok(Self {
            socket,
            name,
            introduction,
            table,
            datagram: vec![0; MAX_PAYLOAD + 1],
            control: nix::cmsg_space!(TimeSpec, u32),
            waiting: None,
            received: 0,
            received_bytes: 0,
            kernel_count: 0,
            table_count: None,
            dropped: 0,
            is_stopping: false,
            _file: file,
        })
    }

    fn receive(&mut self) -> io::Result<Received> {
        let mut pieces = [IoSliceMut::new(&mut self.datagram)];
        // With this flag, the result is the length of the datagram even if the buffer is shorter.
        let mut flags = MsgFlags::MSG_TRUNC;
        flags.set(MsgFlags::MSG_DONTWAIT, self.is_stopping || self.table_count.is_some());
        let message = recvmsg::<()>(self.socket.as_raw_fd(), &mut pieces, Some(&mut self.control), flags)?;
        let (mut timestamp, mut kernel_count) = (None, None);
        for said in message.cmsgs().into_iter().flatten() {
            match said {
                ControlMessageOwned::ScmTimestampns(time) => timestamp = nanos(time),
                ControlMessageOwned::RxqOvfl(count) => kernel_count = Some(count),
                _ => {}
            }
        }
        Ok(Received { bytes: message.bytes, timestamp: timestamp.unwrap_or_else(unix_now), kernel_count })
    }

    fn give(&mut self, received: Received, payload: &mut Vec<u8>) -> Next {
        let Received { bytes, timestamp, .. } = received;
        let offset = self.received_bytes;
        self.received += 1;
        self.received_bytes += bytes as u64;
        if bytes > MAX_PAYLOAD {
            let what =
                format!("{}: datagram of {bytes} bytes, at most {MAX_PAYLOAD} fit into an event", self.name);
            return Next::Lost(Loss::skipped(GapReason::TooLong, Some(timestamp), offset, what));
        }
        payload.clear();
        payload.extend_from_slice(self.datagram.get(..bytes).unwrap_or_default());
        Next::Event { timestamp, event_type: 0 }
    }

    /// Returns how far this count of the kernel is above the last seen one; `None` if it is not: then it came with a
    /// datagram that had been waiting.
    fn rise(&self, now: u32) -> Option<u32> {
        // The count wraps to 0 after the largest number.
        Some(now.wrapping_sub(self.kernel_count)).filter(|count| count.cast_signed() > 0)
    }

    /// Returns what was dropped since the last call, up to this count of the kernel.
    fn note_drops(&mut self, now: u32, timestamp: u64) -> Option<Loss> {
        let count = self.rise(now)?;
        self.kernel_count = now;
        self.dropped += u64::from(count);
        let gap = Gap::new(GapReason::ReceiverFull, count.into());
        Some(Loss { gap, timestamp: Some(timestamp), skip: None })
    }

    fn read_kernel_count(&self) -> Option<u32> {
        let inode = fstat(&self.socket).ok()?.st_ino;
        drops_in(&fs::read_to_string(self.table?).ok()?, inode)
    }
}

impl Feed for DatagramFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        if let Some(received) = self.waiting.take() {
            return Ok(self.give(received, payload));
        }
        match self.receive() {
            Ok(received) => {
                let drops =
                    received.kernel_count.and_then(|count| self.note_drops(count, received.timestamp));
                Ok(match drops {
                    Some(loss) => {
                        self.waiting = Some(received);
                        Next::Lost(loss)
                    }
                    None => self.give(received, payload),
                })
            }
            Err(error) if is_no_more_than_a_wait(&error) => {
                let settled = self.table_count.take().and_then(|count| self.note_drops(count, unix_now()));
                if let Some(loss) = settled {
                    return Ok(Next::Lost(loss));
                }
                self.table_count = self.read_kernel_count().filter(|&count| self.rise(count).is_some());
                match self.table_count {
                    Some(_) => self.next_event(payload),
                    None if self.is_stopping && error.kind() != io::ErrorKind::Interrupted => Ok(Next::End),
                    None => Ok(Next::Idle),
                }
            }
            Err(source) => Err(failed("receive", &self.name)(source)),
        }
    }

    fn stop(&mut self) -> bool {
        self.is_stopping = true;
        true
    }

    fn look_for_loss(&mut self) -> Option<Loss> {
        self.read_kernel_count().and_then(|count| self.note_drops(count, unix_now()))
    }

    fn dropped(&self) -> Option<u64> {
        let is_counted = self.dropped > 0 || self.read_kernel_count().is_some();
        is_counted.then_some(self.dropped)
    }

    fn place(&self) -> &str {
        &self.name
    }

    fn introduction(&self) -> Vec<String> {
        self.introduction.clone()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.received == 0 {
            notes.push(format!("no datagram arrived at {}", self.name));
        }
        if self.table.is_some() && self.read_kernel_count().is_none() {
            notes.push(
                "datagrams that the kernel dropped after the last one that arrived are not counted: it does not show \
                 this socket in /proc"
                    .into(),
            );
        }
        notes
    }
}

fn nanos(time: TimeSpec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(time.tv_nsec().try_into().ok()?)
}

fn failed(action: &'static str, name: &str) -> impl FnOnce(io::Error) -> FeedError {
    let what = name.into();
    move |source| FeedError::Io { action, what, source }
}

/// Reads the column `drops` in the line of the socket.
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
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn udp(address: &str) -> Result<DatagramFeed, FeedError> {
        DatagramFeed::udp(&UdpSpec { address: address.into(), interface: None, buffer: None })
    }

    fn local() -> (DatagramFeed, UdpSocket, String) {
        let feed = udp("127.0.0.1:0").unwrap();
        let address = feed.name.strip_prefix("udp://").unwrap().to_owned();
        (feed, UdpSocket::bind("127.0.0.1:0").unwrap(), address)
    }

    #[test]
    fn datagrams_are_events_and_silence_is_idle() {
        let (mut feed, sender, address) = local();
        let mut payload = Vec::new();
        assert_eq!(feed.next_event(&mut payload).unwrap(), Next::Idle);
        assert_eq!(feed.notes(), [format!("no datagram arrived at udp://{address}")]);
        for datagram in [&b"one"[..], b"", b"three"] {
            sender.send_to(datagram, &address).unwrap();
            assert!(matches!(feed.next_event(&mut payload).unwrap(), Next::Event { .. }));
            assert_eq!(payload, datagram);
        }
        assert_eq!(feed.notes(), [""; 0]);
    }

    #[test]
    fn an_address_that_cannot_be_had_is_named() {
        let error = udp("203.0.113.1:9").unwrap_err();
        assert!(error.to_string().contains("udp://203.0.113.1:9"), "{error}");
    }

    #[test]
    fn an_event_has_the_time_at_which_the_kernel_received_it() {
        let (mut feed, sender, address) = local();
        // The kernel starts to take timestamps a moment after the first socket asks for them.
        let is_found = (0..100).any(|_| {
            let before = unix_now();
            sender.send_to(b"x", &address).unwrap();
            let after = unix_now();
            std::thread::sleep(Duration::from_millis(30));
            let Next::Event { timestamp, .. } = feed.next_event(&mut Vec::new()).unwrap() else { panic!() };
            (before..=after).contains(&timestamp)
        });
        assert!(is_found);
    }

    /// Sends each of these numbers in a datagram of 8000 bytes; the buffer of a socket holds far fewer of them.
    fn flood(sender: &UdpSocket, address: &str, numbers: std::ops::Range<u64>) {
        let mut datagram = [0; 8000];
        for number in numbers {
            datagram[..8].copy_from_slice(&number.to_le_bytes());
            sender.send_to(&datagram, address).unwrap();
        }
    }

    #[test]
    fn what_the_kernel_drops_is_counted_in_the_place_where_it_is_missing() {
        let (mut feed, sender, address) = local();
        assert_eq!(feed.dropped(), Some(0));
        let (mut payload, mut next, mut losses, mut sent) = (Vec::new(), 0, 0, 0);
        for _ in 0..5 {
            flood(&sender, &address, sent..sent + 500);
            sent += 500;
            // Makes some room for the next flood.
            for _ in 0..6 {
                check_next(&mut feed, &mut payload, &mut next, &mut losses);
            }
        }
        // A busy kernel still carries some of the last flood to the socket.
        let end = std::time::Instant::now() + Duration::from_secs(5);
        while check_next(&mut feed, &mut payload, &mut next, &mut losses)
            || next < sent && std::time::Instant::now() < end
        {}
        assert_eq!(next, sent, "what was dropped last is counted too");
        assert!(losses >= 5 && feed.look_for_loss().is_none(), "{losses}");
        assert!(feed.dropped().is_some_and(|dropped| (1..sent).contains(&dropped)));
    }

    /// Checks the next step: the event with the next number, or a loss of some numbers. Returns `false` for nothing.
    fn check_next(feed: &mut DatagramFeed, payload: &mut Vec<u8>, next: &mut u64, losses: &mut u64) -> bool {
        match feed.next_event(payload).unwrap() {
            Next::Event { .. } => {
                assert_eq!(payload[..8], next.to_le_bytes(), "event {next}");
                *next += 1;
            }
            Next::Lost(Loss { gap, .. }) => {
                *next += gap.count;
                *losses += 1;
            }
            _ => return false,
        }
        true
    }

    #[test]
    fn a_count_that_was_passed_says_nothing_and_one_that_wraps_continues() {
        let (mut feed, ..) = local();
        let mut dropped = |count: u32| feed.note_drops(count, 9).map_or(0, |loss| loss.gap.count);
        assert_eq!([3, 3, 2, 10, 9].map(&mut dropped), [3, 0, 0, 7, 0]);
        feed.kernel_count = u32::MAX - 1;
        assert_eq!(feed.note_drops(2, 9).unwrap().gap.count, 4);
    }

    #[test]
    fn a_datagram_that_is_longer_than_an_event_can_be_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut feed = DatagramFeed::unix(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let mut payload = Vec::new();
        for length in [MAX_PAYLOAD, MAX_PAYLOAD + 1, 100_000, 5] {
            sender.send_to(&vec![7; length], &path).unwrap();
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { .. } => assert_eq!(payload, vec![7; length]),
                Next::Lost(Loss { gap, skip, .. }) => {
                    assert_eq!(gap, Gap::new(GapReason::TooLong, 1));
                    let what = skip.unwrap().what;
                    assert!(length > MAX_PAYLOAD && what.contains(&length.to_string()), "{what}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((feed.dropped(), feed.notes()), (None, Vec::new()));
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
