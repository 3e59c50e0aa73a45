//! A stream of JetStream as a target: requests, messages and answers as they are on the wire.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ship::header::{FORMAT, NAME, RunHeader};
use crate::ship::target::{End, Last, Outcome, Position, Run, Silence, Target};

/// Refuses a message unless this is the stream's last position.
const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
/// What the longest run has besides its payload.
const HEADER_BYTES: u64 = 512;
/// The longest record.
const LONGEST_RECORD: u64 = 65_552;
/// No message has this position.
const NO_MESSAGE: u64 = 10_037;
const NO_STREAM: u64 = 10_059;
/// The last position is another one, with and without its number.
const WRONG_LAST: [u64; 2] = [10_071, 10_164];
/// The message, its subject or its headers will not do, however often they are sent.
const NEVER: [u64; 4] = [10_054, 10_060, 10_110, 10_026];

/// A connection to a server.
pub(crate) trait Wire {
    /// Sends a request and waits for the answer.
    fn request(&mut self, subject: &str, body: Vec<u8>) -> Result<Vec<u8>, Silence>;
    /// Sends a message. Its acknowledgement comes with `token`.
    fn publish(
        &mut self,
        token: u64,
        subject: &str,
        headers: [(&str, String); 2],
        payload: &[u8],
    ) -> Result<(), Silence>;
    /// Waits for an acknowledgement; `None` if none came in this time.
    fn answer(&mut self, wait: Duration) -> Result<Option<(u64, Vec<u8>)>, Silence>;
    /// Returns how often the connection was made.
    fn connections(&self) -> u64;
    /// Returns the server's version and the longest payload that it takes.
    fn server(&self) -> (String, u64);
    fn now(&self) -> Instant;
}

/// What a stream is made with, if there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewStream {
    pub(crate) replicas: u64,
    /// Most bytes of the stream; `None` for no limit.
    pub(crate) max_bytes: Option<u64>,
}

/// A stream of one log.
#[derive(Debug)]
pub(crate) struct JetStream<W> {
    pub(crate) wire: W,
    stream: String,
    subject: String,
    /// Distance of the grid's lines, from the stream's metadata.
    pub(crate) run_bytes: u64,
}

impl<W: Wire> JetStream<W> {
    /// Opens the stream of a log, or makes it as `new` says if there is none.
    pub(crate) fn open(
        wire: W,
        stream: &str,
        log: u128,
        run_bytes: u64,
        new: Option<&NewStream>,
    ) -> Result<Self, Opening> {
        let mut target = Self { wire, stream: stream.into(), subject: String::new(), run_bytes };
        let (version, max_payload) = target.wire.server();
        check_version(&version)?;
        let info = match (target.info()?, new) {
            (Some(info), _) => info,
            (None, Some(new)) => target.create(log, new)?,
            (None, None) => return Err(no_stream(stream).into()),
        };
        target.check(&info, log, max_payload)?;
        Ok(target)
    }

    /// Opens a stream to read it.
    pub(crate) fn open_to_read(wire: W, stream: &str) -> Result<Self, Silence> {
        let mut target = Self { wire, stream: stream.into(), subject: String::new(), run_bytes: 0 };
        match target.info()? {
            Some(info) if info["config"]["metadata"]["ringlog-format"].as_str() == Some(FORMAT) => Ok(target),
            Some(_) => Err(Silence::Wrong(format!(
                "the stream {stream} is not of a log, or of another version of ringlog; give the name that `ship` has printed"
            ))),
            None => Err(Silence::Wrong(format!(
                "the server has no stream {stream}; give the name that `ship` has printed"
            ))),
        }
    }

    /// Returns the positions of the first and the last message.
    pub(crate) fn bounds(&mut self) -> Result<(Position, Position), Silence> {
        let Some(info) = self.info()? else { return Err(no_stream(&self.stream)) };
        let number = |name: &str| info["state"][name].as_u64().unwrap_or(0);
        Ok((number("first_seq").max(1), number("last_seq")))
    }

    fn api(&mut self, call: &str, body: &Value) -> Result<Value, Silence> {
        let subject = format!("$JS.API.{call}.{}", self.stream);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.wire.request(&subject, body)?;
        serde_json::from_slice(&answer)
            .map_err(|_| Silence::Away(format!("an answer to {call} that can be read")))
    }

    /// Returns what the leader says of the stream; `None` if there is none.
    fn info(&mut self) -> Result<Option<Value>, Silence> {
        let info = self.api("STREAM.INFO", &Value::Null)?;
        match error_of(&info) {
            None => Ok(Some(info)),
            Some((NO_STREAM, _)) => Ok(None),
            Some((_, why)) => Err(Silence::Away(why)),
        }
    }

    fn create(&mut self, log: u128, new: &NewStream) -> Result<Value, Silence> {
        let config = json!({
            "name": self.stream,
            "subjects": [format!("ringlog.{}", self.stream)],
            "retention": "limits",
            "discard": "new",
            "storage": "file",
            "num_replicas": new.replicas,
            "max_bytes": new.max_bytes.map_or(json!(-1), |bytes| json!(bytes)),
            "deny_delete": true,
            "deny_purge": true,
            "metadata": {
                "ringlog-format": FORMAT,
                "ringlog-run-bytes": self.run_bytes.to_string(),
                "ringlog-log": format!("{log:032x}"),
            },
        });
        let info = self.api("STREAM.CREATE", &config)?;
        match error_of(&info) {
            None => Ok(info),
            Some((_, why)) => Err(Silence::Wrong(format!(
                "the stream {} cannot be made: {why}; look at the server's limits, or make it by hand",
                self.stream
            ))),
        }
    }

    /// Checks that the stream is of this log, and takes and keeps what is sent.
    fn check(&mut self, info: &Value, log: u128, max_payload: u64) -> Result<(), Opening> {
        let config = &info["config"];
        let stream = &self.stream;
        let wrong = |what: String| Err(Opening::Silence(Silence::Wrong(what)));
        let metadata = |name: &str| config["metadata"][name].as_str();
        let Some(owner) = metadata("ringlog-log") else {
            return wrong(format!(
                "the stream {stream} was not made for a log; give another name (`--stream`), and `--create` to make it"
            ));
        };
        if owner != format!("{log:032x}") {
            return Err(Opening::OtherLog { stream: stream.clone(), owner: owner.into(), log });
        }
        let run_bytes = metadata("ringlog-run-bytes").and_then(|text| text.parse().ok()).unwrap_or(0);
        if metadata("ringlog-format") != Some(FORMAT) || !(1..=1 << 20).contains(&run_bytes) {
            return wrong(format!(
                "the stream {stream} has messages of another format; ship with the version of ringlog that made it"
            ));
        }
        self.run_bytes = run_bytes;
        let needed = run_bytes + LONGEST_RECORD + HEADER_BYTES;
        let limit =
            config["max_msg_size"].as_i64().and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
        for (name, limit) in
            [("max_payload of the server", Some(max_payload)), ("max_msg_size of the stream", limit)]
        {
            if let Some(limit) = limit.filter(|limit| *limit < needed) {
                return wrong(format!(
                    "the {name} is {limit} bytes, and a run may take {needed}; raise it (stream {stream})"
                ));
            }
        }
        let is_plain = config["retention"].as_str() == Some("limits")
            && config["no_ack"].as_bool() != Some(true)
            && config["sealed"].as_bool() != Some(true)
            && config["persist_mode"].as_str() != Some("async")
            && config["mirror"].is_null()
            && config["sources"].as_array().is_none_or(Vec::is_empty);
        let subjects = config["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
        let subject = subjects
            .first()
            .and_then(Value::as_str)
            .filter(|it| subjects.len() == 1 && !it.contains(['*', '>']));
        let (true, Some(subject)) = (is_plain, subject) else {
            return wrong(format!(
                "the stream {stream} must have the retention `limits`, one subject without wildcards, acknowledgements, no \
                 mirror and no sources; make another one with `--create`"
            ));
        };
        self.subject = subject.into();
        Ok(())
    }

    /// Reads one message from the leader; `None` if it is not there.
    pub(crate) fn message(&mut self, position: Position) -> Result<Option<Last>, Silence> {
        // `DIRECT.GET` may be answered by a replica that is not up to date.
        let answer = self.api("STREAM.MSG.GET", &json!({ "seq": position }))?;
        match error_of(&answer) {
            None => {}
            Some((NO_MESSAGE, _)) => return Ok(None),
            Some((_, why)) => return Err(Silence::Away(why)),
        }
        let bytes = |name: &str| {
            let text = answer["message"][name].as_str().unwrap_or_default();
            STANDARD.decode(text).map_err(|_| Silence::Away("a message that can be read".into()))
        };
        let (headers, payload) = (bytes("hdrs")?, bytes("data")?);
        let headers = String::from_utf8_lossy(&headers);
        let value = headers.split("\r\n").find_map(|line| line.strip_prefix(NAME)?.strip_prefix(':'));
        Ok(Some(match value.map(str::trim) {
            None => Last::Foreign("has no header Ringlog-Run".into()),
            Some(text) => match RunHeader::decode(text) {
                None => Last::Foreign("has a header Ringlog-Run of another format".into()),
                Some(header) => Last::Run(Run { header, bytes: payload }),
            },
        }))
    }
}

impl<W: Wire> Target for JetStream<W> {
    fn last(&mut self) -> Result<End, Silence> {
        let Some(info) = self.info()? else { return Err(no_stream(&self.stream)) };
        let position = info["state"]["last_seq"].as_u64().unwrap_or(0);
        let created = info["created"].as_str().unwrap_or_default().to_owned();
        let last = if position == 0 { None } else { self.message(position)? };
        Ok(End { created, position, last })
    }

    fn put(&mut self, token: u64, run: &Run, after: Position) -> Result<(), Silence> {
        let headers = [(EXPECTED_LAST, after.to_string()), (NAME, run.header.to_string())];
        self.wire.publish(token, &self.subject, headers, &run.bytes)
    }

    fn outcome(&mut self, wait: Duration) -> Result<Option<(u64, Outcome)>, Silence> {
        let answer = self.wire.answer(wait)?;
        Ok(answer.map(|(token, body)| (token, outcome_of(&body, &self.stream))))
    }

    fn connections(&self) -> u64 {
        self.wire.connections()
    }

    fn now(&self) -> Instant {
        self.wire.now()
    }
}

/// Why a stream was not opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    Silence(Silence),
    /// It has another log.
    OtherLog {
        stream: String,
        owner: String,
        log: u128,
    },
}

impl From<Silence> for Opening {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}

fn no_stream(stream: &str) -> Silence {
    Silence::Wrong(format!(
        "the server has no stream {stream}; make it with `--create`, or give another name (`--stream`)"
    ))
}

/// Refuses servers that do not keep a stream's metadata.
fn check_version(version: &str) -> Result<(), Silence> {
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < (2, 10) {
        return Err(Silence::Wrong(format!(
            "the server has version {version}; use nats-server 2.10 or later"
        )));
    }
    Ok(())
}

/// Returns code and words of an answer that is an error.
fn error_of(answer: &Value) -> Option<(u64, String)> {
    let error = answer.get("error")?;
    let code = error["err_code"].as_u64().unwrap_or(0);
    Some((
        code,
        format!("{} (code {code})", error["description"].as_str().unwrap_or("an error without words")),
    ))
}

/// Reads an acknowledgement.
fn outcome_of(body: &[u8], stream: &str) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Outcome::Busy("no stream takes the subject at this moment".into());
    };
    match error_of(&answer) {
        Some((code, _)) if WRONG_LAST.contains(&code) => Outcome::Refused,
        Some((code, why)) if NEVER.contains(&code) => Outcome::Never(why),
        Some((_, why)) => Outcome::Busy(why),
        None if answer["stream"].as_str() != Some(stream) => {
            Outcome::Never("another stream has taken the subject".into())
        }
        None => answer["seq"].as_u64().map_or(Outcome::Refused, Outcome::Stored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_meaning() {
        let cases = [
            (r#"{"stream":"S","seq":7}"#, Outcome::Stored(7)),
            (r#"{"stream":"S","seq":7,"duplicate":true}"#, Outcome::Stored(7)),
            (
                r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"}}"#,
                Outcome::Refused,
            ),
            (
                r#"{"error":{"code":429,"err_code":10158,"description":"busy"}}"#,
                Outcome::Busy("busy (code 10158)".into()),
            ),
            (
                r#"{"error":{"code":400,"err_code":10077,"description":"full"}}"#,
                Outcome::Busy("full (code 10077)".into()),
            ),
            (
                r#"{"error":{"code":400,"err_code":10054,"description":"large"}}"#,
                Outcome::Never("large (code 10054)".into()),
            ),
            (r#"{"stream":"T","seq":7}"#, Outcome::Never("another stream has taken the subject".into())),
            ("", Outcome::Busy("no stream takes the subject at this moment".into())),
        ];
        for (body, expected) in cases {
            assert_eq!(outcome_of(body.as_bytes(), "S"), expected, "{body}");
        }
    }

    #[test]
    fn a_server_without_metadata_is_refused() {
        for (version, is_ok) in
            [("2.9.10", false), ("2.10.0", true), ("2.12.8", true), ("3.0.0-beta", true), ("", false)]
        {
            assert_eq!(check_version(version).is_ok(), is_ok, "{version}");
        }
    }
}
