//! Events that have been sent but not received when a program is asked to stop are recorded or counted as lost.

use std::any::Any;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use serde_json::Value;

use super::feeds::Served;
use super::serve::{Running, info, spawn};
use super::support::{number, word};

/// Sends to a stopped program; returns the number of events, and what must stay open meanwhile.
type Send = fn(&Served) -> (u64, Box<dyn Any>);

fn send_datagrams(served: &Served) -> (u64, Box<dyn Any>) {
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..2000_u32 {
        sender.send_to(&number.to_le_bytes(), served.said("listening at udp://")).unwrap();
    }
    (2000, Box::new(()))
}

/// Sends as many as the kernel takes.
fn send_unix_datagrams(served: &Served) -> (u64, Box<dyn Any>) {
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let path = served.said("listening at unix:");
    ((0..1000).take_while(|_| sender.send_to(b"datagram", path).is_ok()).count() as u64, Box::new(()))
}

fn send_lines(served: &Served) -> (u64, Box<dyn Any>) {
    let mut sender = TcpStream::connect(served.said("listening at tcp://")).unwrap();
    sender.write_all("a line\n".repeat(20_000).as_bytes()).unwrap();
    (20_000, Box::new(sender))
}

fn send_unix_lines(served: &Served) -> (u64, Box<dyn Any>) {
    let mut sender = UnixStream::connect(served.said("listening at unix:")).unwrap();
    sender.write_all("a line\n".repeat(5_000).as_bytes()).unwrap();
    (5_000, Box::new(sender))
}

/// Sends over more connections than are read at the same time.
fn send_by_many(served: &Served) -> (u64, Box<dyn Any>) {
    let address = served.said("listening at tcp://");
    let senders: Vec<_> = (0..66).map(|_| TcpStream::connect(address).unwrap()).collect();
    senders.iter().for_each(|mut sender| sender.write_all(b"one\ntwo\n").unwrap());
    (2 * 66, Box::new(senders))
}

#[test]
fn what_had_arrived_at_a_stop_is_recorded_or_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let unix = |kind| format!("unix:{}?type={kind}", word(&folder.path().join("socket")));
    let feeds: [(String, Send); 5] = [
        ("udp://127.0.0.1:0?buffer=8MiB".into(), send_datagrams),
        (unix("datagram"), send_unix_datagrams),
        ("tcp://127.0.0.1:0".into(), send_lines),
        (unix("stream"), send_unix_lines),
        ("tcp://127.0.0.1:0".into(), send_by_many),
    ];
    for (feed, send) in feeds {
        for options in [&["--rate", "max"][..], &["--rate", "10"], &["--for", "1s"], &["--max-bytes", "100"]]
        {
            assert_complete(&feed, send, options);
        }
    }
}

fn assert_complete(feed: &str, send: Send, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start_with(feed, options, folder.path()).unwrap();
    served.program.signal("-STOP");
    std::thread::sleep(Duration::from_millis(50));
    let (sent, open) = send(&served);
    if options[0] == "--for" {
        std::thread::sleep(Duration::from_secs(1));
    } else {
        served.program.terminate();
    }
    served.program.signal("-CONT");
    let (code, summary) = served.program.end();
    drop(open);
    let (events, lost, info) = (number(&summary, "events"), number(&summary, "lost"), info(&served.log));
    assert_eq!(events + lost, sent, "{feed} {options:?}: {summary}");
    assert_eq!((number(&info, "events"), number(&info, "lost")), (events, lost), "{feed} {options:?}");
    assert_eq!(code, Some(if lost > 0 { 3 } else { 0 }), "{feed} {options:?}: {summary}");
    let left = summary["lost_by_reason"]["recorder ended"].as_u64().unwrap_or(0);
    assert_eq!(left > 0, options[0] == "--max-bytes", "{feed} {options:?}: {summary}");
}

#[test]
fn a_record_that_has_not_ended_at_a_stop_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start_with("tcp://127.0.0.1:0", &["--progress"], folder.path()).unwrap();
    let mut sender = TcpStream::connect(served.said("listening at tcp://")).unwrap();
    sender.write_all(b"one\ntwo\nthr").unwrap();
    let ended = served.end(2);
    ended.assert_lost(&[("not readable", 1)]);
    assert_eq!(number(&ended.summary, "skipped"), 1);
    let said = "it was open when the recording stopped: 3 bytes of a record that did not end";
    assert!(ended.said.contains(said) && ended.said.contains("  lost 1 "), "{}", ended.said);
}

/// Interrupts a long import of lines; returns the exit code, the summary, and the events in the log.
fn interrupted(how: &[&str]) -> (Option<i32>, String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("lines"), folder.path().join("log"));
    std::fs::write(&file, "x\n".repeat(30_000_000)).unwrap();
    let mut program = Running(spawn(&[&["import", word(&file), "--log", word(&log)], how].concat()));
    let mut said = BufReader::new(program.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("importing") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it never begins");
    }
    program.signal("-INT");
    let code = program.0.wait().unwrap().code();
    let mut summary = String::new();
    program.0.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
    (code, summary, number(&info(&log), "events"))
}

#[test]
fn an_import_that_is_interrupted_says_at_which_byte() {
    let (code, summary, events) = interrupted(&["--json"]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((code, number(&summary, "stopped_at_byte")), (Some(3), 2 * events), "{summary}");
    let (code, summary, events) = interrupted(&[]);
    let said = format!("stopped at byte {}; what follows is not imported", 2 * events);
    assert!(code == Some(3) && summary.contains(&said), "{said}: {summary}");
}
