//! Feeds of `serve` over sockets, on the loopback interface only.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddrV6, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ringlog::event::{Gap, flags};
use serde_json::Value;

use super::serve::{Running, info, spawn};
use super::support::{HexRecord, assert_code, message_in, number, records_of, ringlog, stderr_of, word};
use crate::disk_full::{child_folder, on_own_network};
use crate::skips::note_skip;

const PATIENCE: Duration = Duration::from_secs(30);

/// A program that records a feed.
pub(crate) struct Served {
    pub(super) program: Running,
    said: Receiver<String>,
    /// Its messages until it listened.
    pub(crate) introduction: Vec<String>,
    pub(super) log: PathBuf,
}

impl Served {
    /// Starts it and waits until it listens; fails with its messages if it ends instead.
    pub(crate) fn start(feed: &str, folder: &Path) -> Result<Self, String> {
        Self::start_with(feed, &[], folder)
    }

    pub(crate) fn start_with(feed: &str, options: &[&str], folder: &Path) -> Result<Self, String> {
        let log = folder.join("log");
        let place = ["serve", "--feed", feed, "--log", word(&log), "--json"];
        let mut child = spawn(&[&place[..], options].concat());
        let (stderr, (sender, said)) = (child.stderr.take().unwrap(), channel());
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let (program, mut introduction) = (Running(child), Vec::new());
        while let Ok(line) = said.recv_timeout(PATIENCE) {
            let has_started = message_in(&line).starts_with("recording");
            introduction.push(line);
            if has_started {
                return Ok(Self { program, said, introduction, log });
            }
        }
        Err(introduction.join("\n"))
    }

    /// Returns the text that follows these words in its messages.
    #[track_caller]
    pub(crate) fn said(&self, words: &str) -> &str {
        let found = self.introduction.iter().find_map(|line| message_in(line).strip_prefix(words));
        found.unwrap_or_else(|| panic!("{words}: {:?}", self.introduction))
    }

    /// Waits until `count` of the log's events and losses reaches `wanted`.
    fn wait_until(&self, wanted: u64, count: impl Fn(u64, u64) -> u64) {
        let deadline = Instant::now() + PATIENCE;
        // The log is created after the feed.
        while !self.log.join("00000000000000000000.evtl").exists() || {
            let info = info(&self.log);
            count(number(&info, "events"), number(&info, "lost")) < wanted
        } {
            assert!(Instant::now() < deadline, "{wanted} do not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&self, events: u64) {
        self.wait_until(events, |events, _| events);
    }

    /// Stops it once it has this many events; returns the exit code, the summary, the events, and standard error.
    pub(crate) fn end(mut self, events: u64) -> Ended {
        self.wait_for(events);
        self.program.terminate();
        let (code, summary) = self.program.end();
        let said = self.said.iter().collect::<Vec<_>>().join("\n");
        Ended { code: code.unwrap(), summary, records: records_of(&self.log), said }
    }
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) summary: Value,
    records: Vec<HexRecord>,
    pub(crate) said: String,
}

impl Ended {
    fn payloads(&self) -> Vec<&[u8]> {
        self.records.iter().map(|record| &record.payload[..]).collect()
    }

    #[track_caller]
    fn assert_clean(&self, payloads: &[&[u8]]) {
        assert_eq!((self.code, self.payloads()), (0, payloads.to_vec()), "{}", self.summary);
    }

    /// Checks the losses by reason, in the summary and in the log.
    #[track_caller]
    pub(super) fn assert_lost(&self, expected: &[(&str, u64)]) {
        let sum = expected.iter().map(|(_, count)| count).sum();
        assert_eq!((self.code, number(&self.summary, "lost")), (3, sum), "{}", self.summary);
        for (reason, count) in expected {
            assert_eq!(self.summary["lost_by_reason"][reason], *count, "{}", self.summary);
        }
        assert_eq!(self.records.iter().filter_map(gap_count).sum::<u64>(), sum);
    }
}

/// Returns the count of a GAP record; none for other records.
fn gap_count(record: &HexRecord) -> Option<u64> {
    (record.flags & flags::GAP != 0).then(|| Gap::from_payload(&record.payload).unwrap().count)
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

fn port_of(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Starts a program that joins a group on the loopback interface; prints a note and returns none without multicast.
fn in_a_group(group: &str, options: &str, folder: &Path) -> Option<Served> {
    match Served::start(&format!("udp://{group}:0?interface=lo{options}"), folder) {
        Ok(served) => Some(served),
        Err(said) if said.contains("cannot join") || said.contains("Address family not supported") => {
            note_skip(format_args!("no multicast on the loopback: {said}"));
            None
        }
        Err(said) => panic!("{said}"),
    }
}

#[test]
fn datagrams_to_a_multicast_group_are_events() {
    let folder = tempfile::tempdir().unwrap();
    let Some(served) = in_a_group("239.1.2.3", "", folder.path()) else { return };
    let address = served.said("listening at udp://").to_owned();
    assert_eq!(served.said("joined the multicast group "), "239.1.2.3 at interface lo");
    // From this address, the kernel sends over the loopback interface.
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for payload in [&b"one"[..], b"", b"three"] {
        sender.send_to(payload, &address).unwrap();
    }
    // To another group on the same port.
    sender.send_to(b"other", ("239.1.2.4", port_of(&address))).unwrap();
    sender.send_to(b"last", &address).unwrap();
    served.end(4).assert_clean(&[b"one", b"", b"three", b"last"]);
}

/// The loopback interface has no IPv6 multicast, so the child has two connected virtual interfaces instead.
#[test]
fn datagrams_to_a_multicast_group_of_ipv6_are_events() {
    let cable = "ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up";
    on_own_network(cable, "cli::feeds::child_in_a_multicast_group_of_ipv6");
}

#[test]
fn child_in_a_multicast_group_of_ipv6() {
    let Some(folder) = child_folder() else { return };
    let served = Served::start("udp://[ff02::1:2345]:0?interface=v0", &folder).unwrap();
    assert_eq!(served.said("joined the multicast group "), "ff02::1:2345 at interface v0");
    let port = port_of(served.said("listening at udp://"));
    let sender = UdpSocket::bind("[::]:0").unwrap();
    let group = SocketAddrV6::new("ff02::1:2345".parse().unwrap(), port, 0, index_of_v0());
    // For a moment, the interface has no address yet.
    let deadline = Instant::now() + PATIENCE;
    while sender.send_to(b"six", group).is_err() {
        assert!(Instant::now() < deadline, "nothing can be sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    served.end(1).assert_clean(&[b"six"]);
}

/// Returns the index that the kernel lists with its addresses: `/sys` still shows the network outside of the namespace.
fn index_of_v0() -> u32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let table = std::fs::read_to_string("/proc/self/net/if_inet6").unwrap();
        let line = table.lines().find(|line| line.ends_with(" v0"));
        if let Some(word) = line.and_then(|line| line.split_whitespace().nth(1)) {
            return u32::from_str_radix(word, 16).unwrap();
        }
        assert!(Instant::now() < deadline, "v0 has no address");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn two_programs_listen_to_one_group_and_an_interface_has_addresses() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(first) = in_a_group("239.1.2.5", "", folder.path()) else { return };
    let address = first.said("listening at udp://").to_owned();
    let second = Served::start(&format!("udp://{address}?interface=127.0.0.1"), other.path()).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"both", &address).unwrap();
    first.end(1).assert_clean(&[b"both"]);
    second.end(1).assert_clean(&[b"both"]);
}

#[test]
fn a_receive_buffer_that_is_asked_for_takes_what_others_drop_and_its_size_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("udp://127.0.0.1:0?buffer=1MiB", folder.path()).unwrap();
    let address = served.said("listening at udp://").to_owned();
    assert!(served.said("recording datagrams at udp://").starts_with(&format!("{address} to ")));
    let got = served.said("receive buffer: ").to_owned();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    served.program.signal("-STOP");
    // More than a default buffer holds, but only half of this one, with the overhead of the kernel.
    for _ in 0..70 {
        sender.send_to(&[7; 8000], &address).unwrap();
    }
    served.program.signal("-CONT");
    if got == "1.0 MiB" || buffer_limit() >= 1 << 20 {
        assert_eq!(got, "1.0 MiB");
        let ended = served.end(70);
        assert_eq!((ended.code, number(&ended.summary, "dropped")), (0, 0), "{}", ended.summary);
    } else {
        // The system has a lower limit, and this process may not exceed it.
        assert!(got.contains("instead of 1.0 MiB") && got.contains("net.core.rmem_max=1048576"), "{got}");
    }
}

/// Returns the largest buffer that a program gets without more privileges.
fn buffer_limit() -> u64 {
    std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse().unwrap()
}

/// Whether this process has CAP_NET_ADMIN, outside of any user namespace.
fn may_pass_the_limit() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let has_right = u64::from_str_radix(rights, 16).unwrap() & 1 << 12 != 0;
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    has_right && map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[test]
fn a_receive_buffer_beyond_the_limit_is_given_or_it_is_said_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("udp://127.0.0.1:0?buffer=64MiB", folder.path()).unwrap();
    let got = served.said("receive buffer: ").to_owned();
    if buffer_limit() >= 64 << 20 || may_pass_the_limit() {
        assert_eq!(got, "64.0 MiB");
    } else {
        let limit =
            if buffer_limit() < 1 << 20 { "KiB instead of 64.0 MiB" } else { "MiB instead of 64.0 MiB" };
        assert!(got.contains(limit) && got.contains("CAP_NET_ADMIN"), "{got}");
    }
    served.end(0);
}

#[test]
fn events_have_the_times_at_which_the_kernel_received_them() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("udp://127.0.0.1:0", folder.path()).unwrap();
    let address = served.said("listening at udp://").to_owned();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The kernel starts to take timestamps a moment after the first socket asks for them.
    sender.send_to(b"first", &address).unwrap();
    served.wait_for(1);
    served.program.signal("-STOP");
    let before = unix_now();
    sender.send_to(b"second", &address).unwrap();
    let after = unix_now();
    std::thread::sleep(Duration::from_millis(300));
    served.program.signal("-CONT");
    let ended = served.end(2);
    let timestamp = ended.records[1].timestamp;
    assert!((before..=after).contains(&timestamp), "{before} {timestamp} {after}");
}

#[test]
fn a_gap_is_in_front_of_the_datagram_before_which_the_kernel_dropped_some() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("udp://127.0.0.1:0", folder.path()).unwrap();
    let address = served.said("listening at udp://").to_owned();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut datagram = [0; 8000];
    let mut sent = 0_u64;
    for _ in 0..3 {
        served.program.signal("-STOP");
        std::thread::sleep(Duration::from_millis(50));
        for number in sent..sent + 500 {
            datagram[..8].copy_from_slice(&number.to_le_bytes());
            sender.send_to(&datagram, &address).unwrap();
        }
        sent += 500;
        served.program.signal("-CONT");
        served.wait_until(sent, |events, lost| events + lost);
    }
    let ended = served.end(0);
    let mut next = 0_u64;
    for record in &ended.records {
        match gap_count(record) {
            Some(count) => next += count,
            None => {
                assert_eq!(record.payload[..8], next.to_le_bytes(), "event {next}");
                next += 1;
            }
        }
    }
    assert_eq!(next, sent);
    ended.assert_lost(&[("receiver full", sent - number(&ended.summary, "events"))]);
}

#[test]
fn a_group_that_cannot_be_joined_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (feed, said) in [
        ("udp://239.1.2.3:0?interface=nothing0", "lo"),
        ("udp://[ff02::1:2345]:0", "give ?interface=NAME"),
        ("udp://127.0.0.1:0?interface=lo", "interface= is for multicast groups"),
    ] {
        let error = Served::start(feed, folder.path()).err().unwrap();
        assert!(error.contains(": cannot listen: ") && error.contains(said), "{feed}: {error}");
    }
}

#[test]
fn options_that_a_feed_does_not_have_are_refused_with_those_that_it_has() {
    for (feed, said) in [
        ("udp://127.0.0.1:0?iface=lo", "interface and buffer"),
        ("tcp://127.0.0.1:0?buffer=1MiB", "framing"),
        ("unix:/tmp/x?mode=600", "type and framing"),
    ] {
        let output = ringlog(&["serve", "--feed", feed]);
        assert_code(&output, 2);
        assert!(stderr_of(&output).contains(said), "{}", stderr_of(&output));
    }
}

#[test]
fn lines_of_tcp_connections_one_after_another_are_events() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("tcp://127.0.0.1:0", folder.path()).unwrap();
    let address = served.said("listening at tcp://").to_owned();
    assert!(served.said("recording lines of connections to tcp://").starts_with(&format!("{address} to ")));
    for lines in ["one\ntwo\n", "three\n"] {
        let events = if lines.len() > 6 { 2 } else { 3 };
        TcpStream::connect(&address).unwrap().write_all(lines.as_bytes()).unwrap();
        served.wait_for(events);
    }
    served.end(3).assert_clean(&[b"one", b"two", b"three"]);
}

#[test]
fn what_a_connection_does_not_finish_and_what_is_too_long_are_losses() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("tcp://127.0.0.1:0?framing=length32be", folder.path()).unwrap();
    let address = served.said("listening at tcp://").to_owned();
    let record = |payload: &[u8]| [&(payload.len() as u32).to_be_bytes()[..], payload].concat();
    let broken = &record(b"broken")[..7];
    let stream = [&record(b"whole"), &record(&[9; 70_000]), &record(b"after")[..], broken].concat();
    TcpStream::connect(&address).unwrap().write_all(&stream).unwrap();
    served.wait_for(2);
    TcpStream::connect(&address).unwrap().write_all(&record(b"next")).unwrap();
    let ended = served.end(3);
    ended.assert_lost(&[("too long", 1), ("not readable", 1)]);
    let events: Vec<&[u8]> = ended
        .records
        .iter()
        .filter(|record| gap_count(record).is_none())
        .map(|record| &record.payload[..])
        .collect();
    assert_eq!(events, [&b"whole"[..], b"after", b"next"]);
    assert!(ended.said.contains("record of 70000 bytes"), "{}", ended.said);
    assert!(ended.said.contains("7 bytes of a record that did not end"), "{}", ended.said);
}

#[test]
fn a_unix_socket_takes_connections_or_datagrams_and_its_file_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // A killed program leaves such a file.
    drop(UnixListener::bind(&path).unwrap());
    for kind in ["stream", "datagram"] {
        let of_its = tempfile::tempdir().unwrap();
        let feed = format!("unix:{}?type={kind}", word(&path));
        let served = Served::start(&feed, of_its.path()).unwrap();
        if kind == "stream" {
            UnixStream::connect(&path).unwrap().write_all(b"one\ntwo\n").unwrap();
        } else {
            let sender = UnixDatagram::unbound().unwrap();
            for payload in [b"one", b"two"] {
                sender.send_to(payload, &path).unwrap();
            }
        }
        let error = Served::start(&feed, tempfile::tempdir().unwrap().path()).err().unwrap();
        assert!(error.contains("another program listens there"), "{error}");
        served.end(2).assert_clean(&[b"one", b"two"]);
        assert!(!path.exists());
    }
    std::fs::write(&path, "letter").unwrap();
    let error = Served::start(&format!("unix:{}", word(&path)), folder.path()).err().unwrap();
    assert!(error.contains("is no socket"), "{error}");
}
