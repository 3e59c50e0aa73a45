//! Records that arrive over connections.

use std::io::{self, Read};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};

use super::framing::{Framing, Records};
use super::socket_file::{self, SocketFile};
use super::spec::Listen;
use super::udp::addresses_of;
use super::{Feed, FeedError, Loss, Next};
use crate::terminal::messages::{FEED, debug};
use crate::terminal::words::counted;

const CHUNK_BYTES: usize = 64 * 1024;
/// Most connections that are read at the same time. Others wait until one of these ends.
const MAX_CONNECTIONS: usize = 64;
/// Most connections that may wait.
const BACKLOG: i32 = 128;
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const NO_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Gives the records of all connections, with the time at which each was read.
///
/// Records of one connection keep their order.
#[derive(Debug)]
pub(crate) struct ConnectionFeed {
    name: String,
    listener: Socket,
    framing: Framing,
    connections: Vec<Connection>,
    /// The connection whose bytes are taken now.
    turn: usize,
    accepted: u64,
    read_bytes: u64,
    /// Whether only what has arrived is still read, on waiting connections too.
    is_stopping: bool,
    _file: Option<SocketFile>,
}

#[derive(Debug)]
struct Connection {
    socket: Socket,
    /// Its name in messages.
    name: String,
    records: Records,
    chunk: Vec<u8>,
    chunk_at: usize,
    /// Why no more bytes will come.
    ended: Option<String>,
}

impl ConnectionFeed {
    /// Starts to listen; TCP port 0 takes a free port.
    pub(crate) fn listen(listen: &Listen, framing: Framing) -> Result<Self, FeedError> {
        let opened = match listen {
            Listen::Tcp(address) => open_tcp(address),
            Listen::Unix(path) => open_unix(path),
        };
        let what = listen.to_string();
        let (listener, name, file) =
            opened.map_err(|source| FeedError::Io { action: "listen", what, source })?;
        Ok(Self {
            name,
            listener,
            framing,
            connections: Vec::new(),
            turn: 0,
            accepted: 0,
            read_bytes: 0,
            is_stopping: false,
            _file: file,
        })
    }

    /// Returns the next record of what was read, connection by connection.
    fn take(&mut self, payload: &mut Vec<u8>) -> Option<Next> {
        while let Some(connection) = self.connections.get_mut(self.turn) {
            if let Some(next) = connection.take(payload) {
                return Some(next);
            }
            if connection.ended.is_none() {
                self.turn += 1;
                continue;
            }
            let mut connection = self.connections.remove(self.turn);
            debug!(target: FEED, "{}: {}", connection.name, connection.ended.as_deref().unwrap_or_default());
            if let Some(loss) = connection.give_up() {
                return Some(Next::Lost(loss));
            }
        }
        self.turn = 0;
        None
    }

    /// Waits for bytes and connections and reads what is there; `false` if there was nothing.
    fn fill(&mut self) -> io::Result<bool> {
        let has_room = self.is_stopping || self.connections.len() < MAX_CONNECTIONS;
        let patience = if self.is_stopping { NO_PATIENCE } else { PATIENCE };
        let mut sockets: Vec<PollFd<'_>> =
            self.connections.iter().map(|it| PollFd::new(&it.socket, PollFlags::IN)).collect();
        sockets.extend(has_room.then(|| PollFd::new(&self.listener, PollFlags::IN)));
        match poll(&mut sockets, Some(&patience)) {
            Ok(0) => return Ok(false),
            // A signal does not mean that nothing arrives.
            Err(rustix::io::Errno::INTR) => return Ok(true),
            other => other?,
        };
        let ready: Vec<bool> = sockets.iter().map(|it| !it.revents().is_empty()).collect();
        for (connection, _) in self.connections.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
            self.read_bytes += connection.read();
        }
        if has_room && ready.last() == Some(&true) {
            self.accept()?;
        }
        Ok(true)
    }

    fn accept(&mut self) -> io::Result<()> {
        use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
        let (socket, peer) = match self.listener.accept() {
            // The peer has closed it already.
            Err(error) if matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock) => {
                return Ok(());
            }
            other => other?,
        };
        socket.set_nonblocking(true)?;
        self.accepted += 1;
        let name = match peer.as_socket() {
            Some(peer) => {
                // Without this, a peer that vanished would keep its place for ever.
                socket.set_keepalive(true)?;
                format!("connection {} ({peer})", self.accepted)
            }
            None => format!("connection {}", self.accepted),
        };
        debug!(target: FEED, "{name}: connected");
        self.connections.push(Connection {
            socket,
            name,
            records: Records::new(self.framing),
            chunk: Vec::new(),
            chunk_at: 0,
            ended: None,
        });
        Ok(())
    }
}

impl Connection {
    fn take(&mut self, payload: &mut Vec<u8>) -> Option<Next> {
        let mut rest = self.chunk.get(self.chunk_at..).unwrap_or_default();
        let has_ended = self.records.take(&mut rest);
        self.chunk_at = self.chunk.len() - rest.len();
        has_ended.then(|| match self.records.finish(payload, 0) {
            Next::Lost(loss) => Next::Lost(named(loss, &self.name)),
            other => other,
        })
    }

    /// Replaces the chunk, all of which was taken, by the next bytes; returns their number.
    fn read(&mut self) -> u64 {
        use io::ErrorKind::{Interrupted, WouldBlock};
        self.chunk_at = 0;
        self.chunk.resize(CHUNK_BYTES, 0);
        let read = self.socket.read(&mut self.chunk);
        self.chunk.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.ended = Some("the peer closed it".into()),
            Err(error) if !matches!(error.kind(), Interrupted | WouldBlock) => {
                self.ended = Some(error.to_string());
            }
            _ => {}
        }
        self.chunk.len() as u64
    }

    /// Returns the record that will not be completed, if one had begun.
    fn give_up(&mut self) -> Option<Loss> {
        let why = self.ended.as_deref().unwrap_or_default();
        let name = format!("{}: {why}", self.name);
        self.records.give_up().map(|loss| named(loss, &name))
    }

    /// Returns how many bytes arrived that are in no event.
    fn unused_bytes(&self) -> u64 {
        self.records.pending_bytes() + (self.chunk.len() - self.chunk_at) as u64
    }
}

impl Feed for ConnectionFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        if let Some(next) = self.take(payload) {
            return Ok(next);
        }
        match self.fill() {
            Ok(true) => Ok(self.take(payload).unwrap_or(Next::Idle)),
            Ok(false) if self.is_stopping => {
                for connection in &mut self.connections {
                    connection.ended.get_or_insert_with(|| "it was open when the recording stopped".into());
                }
                Ok(self.take(payload).unwrap_or(Next::End))
            }
            Ok(false) => Ok(Next::Idle),
            Err(source) => {
                let what = self.name.clone();
                Err(FeedError::Io { action: "accept connections", what, source })
            }
        }
    }

    fn stop(&mut self) -> bool {
        self.is_stopping = true;
        true
    }

    fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    fn place(&self) -> &str {
        &self.name
    }

    fn introduction(&self) -> Vec<String> {
        vec![format!("listening at {}", self.name)]
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.accepted == 0 {
            notes.push(format!("no connection was made to {}", self.name));
        }
        for connection in self.connections.iter().filter(|it| it.unused_bytes() > 0) {
            let (name, bytes) = (&connection.name, counted(connection.unused_bytes(), "byte"));
            notes.push(format!("{name}: {bytes} had arrived when it stopped, not recorded"));
        }
        notes
    }
}

fn named(mut loss: Loss, name: &str) -> Loss {
    if let Some(skip) = &mut loss.skip {
        skip.what = format!("{name}: {}", skip.what);
    }
    loss
}

fn open_tcp(address: &str) -> io::Result<(Socket, String, Option<SocketFile>)> {
    let none = Err(io::ErrorKind::NotFound.into());
    let socket = addresses_of(address)?.into_iter().fold(none, |opened: io::Result<Socket>, address| {
        opened.or_else(|_| {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            // Old connections of a previous program must not block the address.
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            Ok(socket)
        })
    })?;
    start(&socket)?;
    let name = socket.local_addr()?.as_socket().map_or_else(|| address.into(), |it| it.to_string());
    Ok((socket, format!("tcp://{name}"), None))
}

fn open_unix(path: &Path) -> io::Result<(Socket, String, Option<SocketFile>)> {
    let (socket, file) = socket_file::bind(path, Type::STREAM)?;
    start(&socket)?;
    Ok((socket, format!("unix:{}", path.display()), Some(file)))
}

fn start(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::GapReason;
    use std::io::Write;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    fn tcp(framing: &str) -> (ConnectionFeed, String) {
        let listen = Listen::Tcp("127.0.0.1:0".into());
        let feed = ConnectionFeed::listen(&listen, Framing::named(framing).unwrap()).unwrap();
        let address = feed.name.strip_prefix("tcp://").unwrap().to_owned();
        (feed, address)
    }

    /// Returns the next event or loss.
    fn next(feed: &mut ConnectionFeed) -> Result<Vec<u8>, Loss> {
        let (deadline, mut payload) = (Instant::now() + Duration::from_secs(30), Vec::new());
        loop {
            assert!(Instant::now() < deadline, "nothing comes");
            match feed.next_event(&mut payload).unwrap() {
                Next::Event { .. } => return Ok(payload),
                Next::Lost(loss) => return Err(loss),
                Next::Idle | Next::Kept(_) | Next::Described(_) => {}
                Next::End => panic!("a listener does not end"),
            }
        }
    }

    fn settle(feed: &mut ConnectionFeed, connections: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while feed.connections.len() != connections {
            assert!(Instant::now() < deadline, "{} connections", feed.connections.len());
            assert_eq!(feed.next_event(&mut Vec::new()).unwrap(), Next::Idle);
        }
    }

    #[test]
    fn connections_follow_each_other_and_a_record_without_an_end_is_reported() {
        let (mut feed, address) = tcp("lines");
        assert_eq!(feed.notes(), [format!("no connection was made to tcp://{address}")]);
        for number in 1..4 {
            let mut sender = TcpStream::connect(&address).unwrap();
            sender.write_all(b"one\ntwo\nthr").unwrap();
            drop(sender);
            assert_eq!((next(&mut feed).unwrap(), next(&mut feed).unwrap()), (b"one".into(), b"two".into()));
            let loss = next(&mut feed).unwrap_err();
            assert_eq!((loss.gap.reason, loss.gap.count), (GapReason::NotReadable, 1));
            let skip = loss.skip.unwrap();
            assert!(skip.what.starts_with(&format!("connection {number} (127.0.0.1:")), "{}", skip.what);
            assert!(skip.what.contains("3 bytes of a record") && skip.offset == 8, "{skip:?}");
            settle(&mut feed, 0);
        }
        assert_eq!(feed.notes(), [""; 0]);
    }

    #[test]
    fn connections_at_the_same_time_are_read_by_turns_and_their_records_stay_whole() {
        let (mut feed, address) = tcp("length32be");
        let senders: Vec<_> = (0..8_u8)
            .map(|sender| {
                let mut stream = TcpStream::connect(&address).unwrap();
                std::thread::spawn(move || {
                    for number in 0..500_u16 {
                        let record = [&[sender][..], &number.to_be_bytes(), &[sender; 700]].concat();
                        stream.write_all(&(record.len() as u32).to_be_bytes()).unwrap();
                        stream.write_all(&record).unwrap();
                    }
                })
            })
            .collect();
        let mut counts = [0_u16; 8];
        for _ in 0..8 * 500 {
            let record = next(&mut feed).unwrap();
            let sender = usize::from(record[0]);
            assert_eq!(record[1..3], counts[sender].to_be_bytes());
            assert!(record.len() == 703 && record[3..].iter().all(|&byte| byte == record[0]));
            counts[sender] += 1;
        }
        senders.into_iter().for_each(|it| it.join().unwrap());
        settle(&mut feed, 0);
    }

    #[test]
    fn more_connections_than_are_read_at_once_wait_for_their_turn() {
        let (mut feed, address) = tcp("lines");
        let mut first: Vec<_> = (0..MAX_CONNECTIONS).map(|_| TcpStream::connect(&address).unwrap()).collect();
        settle(&mut feed, MAX_CONNECTIONS);
        let mut late = TcpStream::connect(&address).unwrap();
        late.write_all(b"late\n").unwrap();
        assert_eq!(feed.next_event(&mut Vec::new()).unwrap(), Next::Idle);
        first.pop();
        assert_eq!(next(&mut feed).unwrap(), b"late");
    }

    #[test]
    fn a_connection_that_is_reset_and_a_record_that_is_too_long_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen::Unix(folder.path().join("socket"));
        let mut feed = ConnectionFeed::listen(&listen, Framing::Lines).unwrap();
        let mut sender = UnixStream::connect(folder.path().join("socket")).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| sender.write_all(&[&vec![b'x'; 70_000][..], b"\nafter\nrest"].concat()).unwrap());
            let loss = next(&mut feed).unwrap_err();
            assert_eq!((loss.gap.reason, loss.gap.count), (GapReason::TooLong, 1));
            assert!(loss.skip.unwrap().what.starts_with("connection 1: line of 70000 bytes"));
            assert_eq!(next(&mut feed).unwrap(), b"after");
        });
        assert!(feed.notes()[0].contains("connection 1: 4 bytes had arrived"), "{:?}", feed.notes());

        let (mut feed, address) = tcp("lines");
        let mut sender = TcpStream::connect(address).unwrap();
        sender.write_all(b"whole\npart").unwrap();
        assert_eq!(next(&mut feed).unwrap(), b"whole");
        socket2::SockRef::from(&sender).set_linger(Some(Duration::ZERO)).unwrap();
        drop(sender);
        let what = next(&mut feed).unwrap_err().skip.unwrap().what;
        assert!(what.contains("reset") && what.contains("4 bytes of a record"), "{what}");
    }
}
