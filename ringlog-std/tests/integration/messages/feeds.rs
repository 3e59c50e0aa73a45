//! Feeds that cannot be recorded, and what of them no event can be made of.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use super::imports::said;
use super::{Row, assert_table, with_placeholders};
use crate::cli::bad_input::powerless;
use crate::cli::feeds::{Ended, Served};
use crate::cli::support::{ringlog, without_times, word};
use crate::skips::note_skip;

/// Starts to record a feed that cannot be.
fn refused(folder: &Path, name: &str, feed: &str) -> Row {
    let feed = feed.replace("DIR", word(folder));
    let log = folder.join("never");
    said(name, folder, &ringlog(&["serve", "--feed", &feed, "--log", word(&log)]))
}

const SPECS: &[(&str, &str)] = &[
    ("an address without a port", "udp://127.0.0.1"),
    ("a socket without a path", "unix:"),
    ("a framing of datagrams", "unix:DIR/socket?type=datagram&framing=lines"),
    ("a socket of no type", "unix:DIR/socket?type=seqpacket"),
    ("a buffer that no kernel gives", "udp://127.0.0.1:0?buffer=2GiB"),
    ("a buffer of no size", "udp://127.0.0.1:0?buffer=big"),
    ("an option that feeds of the kind do not have", "tcp://127.0.0.1:0?buffer=1MiB"),
    ("an option without a value", "udp://127.0.0.1:0?interface="),
    ("a framing of no name", "tcp://127.0.0.1:0?framing=xml"),
];

const PLACES: &[(&str, &str)] = &[
    ("an interface without a group", "udp://127.0.0.1:0?interface=lo"),
    ("a group of each link", "udp://[ff02::1:2345]:0"),
    ("an address of another machine", "udp://203.0.113.1:9"),
    ("an address of another machine, over TCP", "tcp://203.0.113.1:9"),
    ("a name without an address", "udp://no..name:9"),
    ("a name without an address, over TCP", "tcp://no..name:9"),
    ("a socket in a folder that is not there", "unix:DIR/missing/socket"),
    ("a socket where a file is", "unix:DIR/lines"),
    ("a file that is not there", "DIR/missing"),
    ("a folder", "DIR"),
    ("a file in UTF-16", "DIR/utf16"),
];

/// Sockets that others have.
fn taken(folder: &Path) -> Vec<Row> {
    let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let _listener = UnixListener::bind(folder.join("taken")).unwrap();
    let locked = folder.join("locked");
    fs::create_dir(&locked).unwrap();
    let lock = fs::File::open(&locked).unwrap();
    lock.lock().unwrap();
    let at = |scheme: &str, address: std::net::SocketAddr| {
        let (feed, port) = (format!("{scheme}://{address}"), address.port().to_string());
        let mut row = refused(folder, &format!("a {scheme} port that is taken"), &feed);
        row.said = row.said.replace(&port, "PORT");
        row
    };
    let mut unknown = refused(folder, "an interface of no name", "udp://239.1.2.3:0?interface=nothing0");
    let end = unknown.said.find("give one of ").unwrap() + "give one of ".len();
    unknown.said.replace_range(end.., "INTERFACES");
    vec![
        unknown,
        at("udp", udp.local_addr().unwrap()),
        at("tcp", tcp.local_addr().unwrap()),
        refused(folder, "a socket that another program has", "unix:DIR/taken"),
        refused(folder, "a folder that another program has locked", "unix:DIR/locked/socket"),
    ]
}

/// The length of a temporary folder's name is that of the machine.
fn long_path() -> Row {
    let feed = format!("unix:/tmp/{}", "x".repeat(120));
    refused(Path::new("/nonexistent"), "a socket with a long path", &feed)
}

/// What a program without rights is refused.
fn without_rights(folder: &Path) -> Vec<Row> {
    use std::os::unix::fs::PermissionsExt;
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("file"), "line\n").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let run = |name: &str, feed: &str| {
        let feed = feed.replace("DIR", word(&closed));
        let log = folder.join("never");
        let output = powerless(&["serve", "--feed", &feed, "--log", word(&log)]);
        output.map_or_else(|| Row::skipped(name), |output| said(name, folder, &output))
    };
    let rows = vec![
        run("a file that may not be read", "DIR/file"),
        run("a socket in a folder that may not be read", "unix:DIR/socket"),
    ];
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    rows
}

/// Feeds that give nothing, recorded for a moment.
fn silent(folder: &Path) -> Vec<Row> {
    let run = |name: &str, feed: &str| {
        let log = folder.join(name);
        let output = ringlog(&["serve", "--feed", feed, "--for", "1ms", "--log", word(&log)]);
        let row = said(name, folder, &output);
        Row { said: without_port(&row.said), ..row }
    };
    let mut group = run("a group at the loopback", "udp://239.1.2.3:0?interface=lo");
    if group.said.contains("cannot join") {
        note_skip(format_args!("no multicast on the loopback: {}", group.said));
        group = Row::skipped(&group.name);
    }
    vec![
        run("no datagram", "udp://127.0.0.1:0?buffer=64KiB"),
        run("no connection", "tcp://127.0.0.1:0"),
        run("no lines", "-"),
        steady(run("a moment of the generated stream", "demo")),
        group,
    ]
}

/// Without how many events a moment has.
fn steady(mut row: Row) -> Row {
    if let (Some(start), Some(end)) = (row.said.find("recorded "), row.said.find(" in TIME")) {
        row.said.replace_range(start + "recorded ".len()..end, "SOME");
    }
    if let (Some(start), Some(end)) = (row.said.find("/s), "), row.said.find(", lost 0")) {
        row.said.replace_range(start + "/s), ".len()..end, "BYTES");
    }
    row
}

/// A buffer that is larger than the system's limit.
fn large_buffer(folder: &Path) -> Row {
    let (name, log) = ("a buffer that this machine does not give", folder.join("small"));
    let feed = "udp://127.0.0.1:0?buffer=1000MiB";
    let Some(output) = powerless(&["serve", "--feed", feed, "--for", "1ms", "--log", word(&log)]) else {
        return Row::skipped(name);
    };
    let mut text = without_port(&said(name, folder, &output).said);
    if let (Some(start), Some(end)) = (text.find("buffer: "), text.find(" instead of ")) {
        text.replace_range(start + "buffer: ".len()..end, "LESS");
    }
    Row { name: name.into(), said: text }
}

/// A text with the port that the program got, in each place, as PORT.
fn without_port(text: &str) -> String {
    let place = text.lines().find_map(|line| line.split_once("listening at "));
    let port = place.and_then(|(_, place)| place.rsplit_once(':')).map_or("", |(_, port)| port);
    match port.parse::<u16>() {
        Ok(port) => text.replace(&format!(":{port}"), ":PORT"),
        Err(_) => text.to_owned(),
    }
}

/// What it said from its start to its end, without its port.
fn ended(name: &str, folder: &Path, introduction: Vec<String>, ended: Ended) -> Row {
    let lines: Vec<_> = introduction.into_iter().chain([ended.said]).collect();
    let said = without_times(&lines.join("\n"));
    let text = without_port(&with_placeholders(&said, folder));
    Row { name: name.into(), said: format!("exit {}\n{text}", ended.code) }
}

/// Records a feed until it has as many events, and gives what was said.
fn served(parent: &Path, name: &str, feed: &str, events: u64, send: impl FnOnce(&Path)) -> Row {
    let folder = tempfile::tempdir_in(parent).unwrap();
    let feed = feed.replace("DIR", word(folder.path()));
    let served = Served::start(&feed, folder.path()).unwrap_or_else(|said| panic!("{said}"));
    send(folder.path());
    let introduction = served.introduction.clone();
    ended(name, folder.path(), introduction, served.end(events))
}

fn losses(folder: &Path) -> Vec<Row> {
    let connect = |folder: &Path| UnixStream::connect(folder.join("socket")).unwrap();
    let mut open = None;
    let serve = |name, feed, events, send: &mut dyn FnMut(&Path)| served(folder, name, feed, events, send);
    vec![
        serve("a datagram longer than an event", "unix:DIR/socket?type=datagram", 1, &mut |folder| {
            let socket = UnixDatagram::unbound().unwrap();
            socket.send_to(&[7; 70_000], folder.join("socket")).unwrap();
            socket.send_to(b"after", folder.join("socket")).unwrap();
        }),
        serve("a line longer than an event, and one without its end", "unix:DIR/socket", 1, &mut |folder| {
            let mut socket = connect(folder);
            socket.write_all(&[&[b'x'; 70_000], &b"\nok\ncut"[..]].concat()).unwrap();
        }),
        serve("a record that is still coming", "unix:DIR/socket?framing=length16be", 1, &mut |folder| {
            let mut socket = connect(folder);
            socket.write_all(b"\0\x02ok\0\x05cut").unwrap();
            open = Some(socket);
        }),
    ]
}

#[test]
fn feeds_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("lines"), "one\n").unwrap();
    fs::write(folder.join("utf16"), b"\xFF\xFEo\0n\0e\0\n\0").unwrap();
    let refused = |&(name, feed): &(&str, &str)| refused(folder, name, feed);
    let mut rows: Vec<_> = SPECS.iter().chain(PLACES).map(refused).collect();
    rows.push(long_path());
    rows.extend(taken(folder));
    rows.extend(without_rights(folder));
    assert!(!folder.join("never").exists(), "a log was begun for a feed that cannot be");
    rows.extend(silent(folder));
    rows.push(large_buffer(folder));
    rows.extend(losses(folder));
    assert_table("feeds.txt", &rows);
}
