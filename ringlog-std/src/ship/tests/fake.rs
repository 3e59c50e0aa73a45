//! A server that speaks as JetStream does, with a clock that tests move: it loses, delays, refuses, and forgets its end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::ship::jetstream::Wire;
use crate::ship::target::Silence;

/// How often something goes wrong: one in this number; 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) lost_publishes: u64,
    pub(super) lost_acknowledgements: u64,
    /// Publishes that come late, by up to 12 s: after the end was read again.
    pub(super) late_publishes: u64,
    /// Acknowledgements that come late, by up to 12 s.
    pub(super) late_acknowledgements: u64,
    pub(super) busy: u64,
    pub(super) lost_requests: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) headers: Vec<(String, String)>,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug)]
struct Publish {
    due: Duration,
    client: u64,
    token: u64,
    message: Stored,
}

pub(super) struct FakeServer {
    pub(super) messages: Vec<Stored>,
    /// Positions up to here were deleted.
    pub(super) deleted: usize,
    pub(super) created: u64,
    pub(super) config: Value,
    pub(super) faults: Faults,
    pub(super) version: String,
    /// A replica that has not the last messages answers `DIRECT.GET`.
    pub(super) stale_by: usize,
    pub(super) most_on_their_way: usize,
    now: Duration,
    dice: Dice,
    publishes: Vec<Publish>,
    /// When, for whom, which, what.
    answers: VecDeque<(Duration, u64, u64, String)>,
    clients: u64,
    begin: Instant,
}

pub(super) type Shared = Rc<RefCell<FakeServer>>;

impl FakeServer {
    pub(super) fn new(seed: u64, faults: Faults) -> Shared {
        Rc::new(RefCell::new(Self {
            messages: Vec::new(),
            deleted: 0,
            created: 1,
            config: Value::Null,
            faults,
            version: "2.12.8".into(),
            stale_by: 2,
            most_on_their_way: 0,
            now: Duration::ZERO,
            dice: Dice(seed),
            publishes: Vec::new(),
            answers: VecDeque::new(),
            clients: 0,
            begin: Instant::now(),
        }))
    }

    fn happens(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.dice.one_in(one_in)
    }

    fn delay(&mut self, late: u64) -> Duration {
        let most = if self.happens(late) { 12_000 } else { 3 };
        Duration::from_millis(self.dice.below(most as u64) + 1)
    }

    /// Does what is due by now.
    fn deliver(&mut self) {
        loop {
            let due = (0..self.publishes.len()).filter(|&at| self.publishes[at].due <= self.now);
            let Some(at) = due.min_by_key(|&at| self.publishes[at].due) else { return };
            let Publish { due, client, token, message } = self.publishes.remove(at);
            let answer = self.store(message);
            if !self.happens(self.faults.lost_acknowledgements) {
                let at = due + self.delay(self.faults.late_acknowledgements);
                self.answers.push_back((at, client, token, answer));
            }
        }
    }

    fn store(&mut self, message: Stored) -> String {
        if self.happens(self.faults.busy) {
            return json!({"error": {"err_code": 10158, "description": "busy"}}).to_string();
        }
        let expected = message.headers.iter().find(|(name, _)| name == "Nats-Expected-Last-Sequence");
        let last = self.messages.len();
        if expected.is_some_and(|(_, value)| value.parse() != Ok(last)) {
            let error = json!({"err_code": 10071, "description": format!("wrong last sequence: {last}")});
            return json!({ "error": error }).to_string();
        }
        self.messages.push(message);
        json!({"stream": "log", "seq": last + 1}).to_string()
    }

    fn info(&self) -> Value {
        json!({
            "config": self.config,
            "created": format!("2026-01-01T00:00:{:02}Z", self.created),
            "state": {"first_seq": self.deleted + 1, "last_seq": self.messages.len(), "messages": self.messages.len() - self.deleted},
        })
    }

    fn message(&self, position: usize, last: usize) -> Value {
        let Some(message) = position.checked_sub(1).filter(|_| position <= last && position > self.deleted)
        else {
            return json!({"error": {"err_code": 10037, "description": "no message found"}});
        };
        let message = &self.messages[message];
        let lines: String =
            message.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = STANDARD.encode(format!("NATS/1.0\r\n{lines}\r\n"));
        json!({"message": {"seq": position, "hdrs": headers, "data": STANDARD.encode(&message.payload)}})
    }

    fn request(&mut self, subject: &str, body: &Value) -> Value {
        let call = subject.trim_start_matches("$JS.API.").trim_end_matches(".log");
        let position = body["seq"].as_u64().map_or(0, |it| it as usize);
        let is_missing = self.config.is_null();
        match call {
            "STREAM.INFO" if is_missing => {
                json!({"error": {"err_code": 10059, "description": "stream not found"}})
            }
            "STREAM.INFO" => self.info(),
            "STREAM.CREATE" => {
                self.config = body.clone();
                self.info()
            }
            "STREAM.MSG.GET" => self.message(position, self.messages.len()),
            "DIRECT.GET" => self.message(position, self.messages.len().saturating_sub(self.stale_by)),
            other => panic!("no such call: {other}"),
        }
    }

    /// Makes time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.deliver();
    }
}

/// One connection.
pub(super) struct FakeWire {
    server: Shared,
    client: u64,
}

impl FakeWire {
    pub(super) fn of(server: &Shared) -> Self {
        let client = server.borrow().clients + 1;
        server.borrow_mut().clients = client;
        Self { server: Rc::clone(server), client }
    }
}

impl Wire for FakeWire {
    fn request(&mut self, subject: &str, body: Vec<u8>) -> Result<Vec<u8>, Silence> {
        let mut server = self.server.borrow_mut();
        let one_in = server.faults.lost_requests;
        if server.happens(one_in) {
            server.pass(Duration::from_secs(5));
            return Err(Silence::Away("an answer".into()));
        }
        server.pass(Duration::from_millis(1));
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(server.request(subject, &body).to_string().into_bytes())
    }

    fn publish(
        &mut self,
        token: u64,
        subject: &str,
        headers: [(&str, String); 2],
        payload: &[u8],
    ) -> Result<(), Silence> {
        assert_eq!(subject, "ringlog.log");
        let mut server = self.server.borrow_mut();
        let one_in = server.faults.lost_publishes;
        if server.happens(one_in) {
            return Ok(());
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let late = server.faults.late_publishes;
        let due = server.now + server.delay(late);
        let message = Stored { headers, payload: payload.to_vec() };
        server.publishes.push(Publish { due, client: self.client, token, message });
        server.most_on_their_way = server.most_on_their_way.max(server.publishes.len());
        Ok(())
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<(u64, Vec<u8>)>, Silence> {
        let mut server = self.server.borrow_mut();
        server.deliver();
        for is_last in [false, true] {
            let now = server.now;
            let mine =
                |(due, client, ..): &(Duration, u64, u64, String)| *client == self.client && *due <= now;
            if let Some(at) = server.answers.iter().position(mine) {
                return Ok(server.answers.remove(at).map(|(_, _, token, body)| (token, body.into_bytes())));
            }
            if !is_last {
                server.pass(wait);
            }
        }
        Ok(None)
    }

    fn connections(&self) -> u64 {
        0
    }

    fn server(&self) -> (String, u64) {
        (self.server.borrow().version.clone(), 1 << 20)
    }

    fn now(&self) -> Instant {
        let server = self.server.borrow();
        server.begin + server.now
    }
}
