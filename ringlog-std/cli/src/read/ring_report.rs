//! What a shared ring's file holds, and who has its roles: reads it and changes nothing.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::error::CliError;
use crate::terminal::words::{counted, grouped, size};
use ringlog::programs::cause;
use ringlog::programs::{LIKELY_CAUSE, NoRing, Positions, RingFile, Unread, offsets};
use ringlog::programs::{RoleOwner, current_boot, look_at_owner, schemas_of};
use ringlog::ring::Role;

/// The state of a ring.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct RingReport {
    pub(crate) ring: String,
    pub(crate) layout_version: u64,
    pub(crate) file_bytes: u64,
    pub(crate) capacity_bytes: u64,
    pub(crate) max_payload_bytes: u64,
    pub(crate) identity: String,
    pub(crate) boot: String,
    /// None if the kernel does not give its boot id.
    pub(crate) is_of_this_boot: Option<bool>,
    pub(crate) retained: bool,
    pub(crate) overwrites_oldest: bool,
    pub(crate) head: u64,
    pub(crate) tail: u64,
    /// None if the positions contradict each other.
    pub(crate) unread_bytes: Option<u64>,
    pub(crate) fill_percent: Option<f64>,
    /// None if the records change faster than they are read.
    pub(crate) unread: Option<UnreadReport>,
    pub(crate) pending_loss: u64,
    pub(crate) first_loss_timestamp: Option<u64>,
    pub(crate) producer: EndReport,
    pub(crate) consumer: EndReport,
    pub(crate) schemas: SchemasReport,
    /// What is wrong with the ring.
    pub(crate) corrupt: Option<String>,
}

/// The whole records from the tail on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct UnreadReport {
    pub(crate) events: u64,
    pub(crate) gap_records: u64,
    /// Lost events that the GAP records count; none if one of them does not know.
    pub(crate) lost: Option<u64>,
    pub(crate) bytes: u64,
}

/// One side of the ring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct EndReport {
    pub(crate) state: &'static str,
    pub(crate) pid: Option<u32>,
    pub(crate) program: Option<String>,
    pub(crate) alive: Option<bool>,
    /// The side has closed, and nobody has opened it again.
    pub(crate) closed: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct SchemasReport {
    /// The names of the types.
    pub(crate) types: Vec<String>,
    /// Why the list cannot be read.
    pub(crate) problem: Option<String>,
}

fn read(path: &Path, file: &RingFile) -> io::Result<(RingReport, bool)> {
    let (positions, unread) = file.unread()?;
    let boot = file.load(offsets::BOOT)?;
    let is_of_this_boot = current_boot().ok().map(|current| current == boot);
    let lost = file.load(offsets::LOST)?;
    let first_loss = file.load(offsets::FIRST_LOSS)?;
    let Positions { head, tail, capacity } = positions;
    let is_sound = positions.problem().is_none();
    #[expect(clippy::cast_precision_loss, reason = "a percentage with one digit")]
    let fill = |bytes: u64| (bytes as f64 * 1000.0 / capacity as f64).round() / 10.0;
    let unread_bytes = is_sound.then(|| positions.unread_bytes());
    let corrupt = unread.and_then(|unread| unread.corruption).map(|it| it.to_string());
    let report = RingReport {
        ring: path.display().to_string(),
        layout_version: file.layout_version,
        file_bytes: file.file_bytes,
        capacity_bytes: file.capacity,
        max_payload_bytes: file.max_payload(),
        identity: format!("{:016x}", file.load(offsets::IDENTITY)?),
        boot: format!("{boot:016x}"),
        is_of_this_boot,
        retained: file.is_retained,
        overwrites_oldest: file.overwrites_oldest,
        head,
        tail,
        unread_bytes,
        fill_percent: unread_bytes.map(fill),
        unread: unread.filter(|_| is_sound).map(UnreadReport::from),
        pending_loss: lost,
        first_loss_timestamp: (lost > 0).then_some(first_loss),
        producer: EndReport::of(path, Role::Producer, file.load(offsets::PRODUCER_CLOSED)?)?,
        consumer: EndReport::of(path, Role::Consumer, file.load(offsets::CONSUMER_CLOSED)?)?,
        schemas: SchemasReport::of(path, file)?,
        corrupt,
    };
    Ok((report, is_of_this_boot == Some(false)))
}

impl From<Unread> for UnreadReport {
    fn from(unread: Unread) -> Self {
        let Unread { events, gap_records, lost, bytes, .. } = unread;
        Self { events, gap_records, lost, bytes }
    }
}

impl UnreadReport {
    /// Returns it in a few words.
    pub(crate) fn words(&self) -> String {
        let mut words = counted(self.events, "event");
        if self.gap_records > 0 {
            let lost = match self.lost {
                Some(lost) => format!("{} lost", grouped(lost)),
                None => "an unknown number lost".into(),
            };
            // To a text.
            let _ = write!(words, ", {} ({lost})", counted(self.gap_records, "GAP record"));
        }
        words
    }
}

impl EndReport {
    fn of(ring: &Path, role: Role, closed: u64) -> io::Result<Self> {
        let (state, pid) = match look_at_owner(ring, role)? {
            RoleOwner::Never => ("never claimed", None),
            RoleOwner::Free(last) => ("free", last),
            RoleOwner::Held(holder) => ("taken", Some(holder)),
            RoleOwner::Unseen(last) => ("unknown", Some(last)),
            RoleOwner::Foreign => ("no role file", None),
        };
        let alive = pid.map(|pid| Path::new("/proc").join(pid.to_string()).exists());
        // The number may be another process's by now, unless it has the role.
        let is_owner = matches!(state, "taken" | "unknown");
        let program = pid.filter(|_| is_owner && alive == Some(true)).and_then(program_of);
        Ok(Self { state, pid, program, alive: alive.filter(|_| is_owner), closed: closed != 0 })
    }

    /// Returns it in a few words.
    pub(crate) fn words(&self) -> String {
        let process = match (self.pid, &self.program) {
            (Some(pid), Some(program)) => format!("process {pid} ({program})"),
            (Some(pid), None) => format!("process {pid}"),
            _ => "an unknown process".into(),
        };
        let owner = match self.state {
            "taken" if self.alive == Some(false) => {
                format!("taken by {process}, which has ended: a forked child has a copy of it")
            }
            "taken" => format!("taken by {process}"),
            "unknown" => {
                format!("last claimed by {process}; this user may not see whether it still has the role")
            }
            "free" if self.pid.is_some() => format!("free, last taken by {process}"),
            "free" => "free".into(),
            "no role file" => "not known: its role file is something else".into(),
            _ => "never claimed".into(),
        };
        let closed = if self.closed { "closed" } else { "open" };
        format!("{closed}; role {owner}")
    }
}

/// Returns the name of a process's program, if it can be seen.
pub(crate) fn program_of(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

impl SchemasReport {
    fn of(ring: &Path, file: &RingFile) -> io::Result<Self> {
        // Older rings have no such word.
        let word = if file.layout_version > 1 { file.load(offsets::SCHEMAS)? } else { 0 };
        let (types, problem) = match schemas_of(ring, usize::try_from(word).unwrap_or(0)) {
            Ok(list) => {
                let set = list.to_set();
                (set.types().map(|schema| format!("{} {}", schema.number(), schema.name())).collect(), None)
            }
            Err(error) => (Vec::new(), Some(cause(&error))),
        };
        Ok(Self { types, problem })
    }

    /// Returns it in a few words.
    pub(crate) fn words(&self) -> String {
        match &self.problem {
            Some(problem) => format!("a list that cannot be read: {problem}"),
            None if self.types.is_empty() => "none described".into(),
            None => self.types.join(", "),
        }
    }
}

impl RingReport {
    /// Reads the ring at a path, which must be the one by which its locks go. Also returns whether it is of an earlier boot.
    pub(crate) fn of(path: &Path) -> Result<(Self, bool), CliError> {
        let file = RingFile::open(path).map_err(|problem| match problem {
            NoRing::Io(error) => CliError::io("read", path)(error),
            NoRing::Other(words) => CliError::Unreadable(format!("{}: {words}", path.display())),
        })?;
        read(path, &file).map_err(CliError::io("read", path))
    }

    /// Returns the report for people, a line for each part.
    pub(crate) fn words(&self, is_of_earlier_boot: bool) -> String {
        let mode = match (self.retained, self.overwrites_oldest) {
            (false, false) => "plain: a full ring takes no more",
            (true, false) => "retained through a reset: records have checksums",
            (false, true) => "flight recorder: new records take the place of the oldest",
            (true, true) => "retained flight recorder: new records take the place of the oldest",
        };
        let boot = match self.is_of_this_boot {
            Some(true) => "this one",
            Some(false) => "an earlier one: what is in the ring cannot be trusted",
            None => "unknown: the kernel does not give its boot id",
        };
        let fill = match (self.unread_bytes, self.fill_percent) {
            (Some(bytes), Some(percent)) => {
                format!("{} of {} bytes, {percent:.1} %", grouped(bytes), grouped(self.capacity_bytes))
            }
            _ => "unknown: the positions contradict each other".into(),
        };
        let unread = match &self.unread {
            Some(unread) if self.corrupt.is_some() => format!("{} before the damage", unread.words()),
            Some(unread) => unread.words(),
            None if self.unread_bytes.is_some() => "changes faster than it can be counted".into(),
            None => "unknown".into(),
        };
        let pending = match self.first_loss_timestamp {
            Some(first) => format!(
                "{} lost, the first with timestamp {first}; no GAP record reports them yet",
                counted(self.pending_loss, "event")
            ),
            None => "none".into(),
        };
        let corrupt = match &self.corrupt {
            Some(problem) => format!("{problem}: {LIKELY_CAUSE}"),
            None => "nothing found".into(),
        };
        let mut text = String::new();
        for (name, words) in [
            ("ring", self.ring.clone()),
            ("layout", format!("version {}, 64-bit words", self.layout_version)),
            (
                "capacity",
                format!(
                    "{}, {} bytes; longest payload {}",
                    size(self.capacity_bytes),
                    grouped(self.capacity_bytes),
                    counted(self.max_payload_bytes, "byte")
                ),
            ),
            ("identity", self.identity.clone()),
            ("boot", boot.into()),
            ("mode", mode.into()),
            ("head", grouped(self.head)),
            ("tail", grouped(self.tail)),
            ("fill", fill),
            ("unread", unread),
            ("pending", pending),
            ("producer", self.producer.words()),
            ("consumer", self.consumer.words()),
            ("types", self.schemas.words()),
            ("corrupt", corrupt),
        ] {
            // To a text.
            let _ = writeln!(text, "{name:<8} {words}");
        }
        let advice = if is_of_earlier_boot {
            "start the ring's consumer, which puts a new ring in its place"
        } else if self.unread_bytes.is_none() {
            "`ringlog serve --ring` puts a new ring in its place if this one feeds its log and both roles are free; else delete \
             the file, which loses what is unread"
        } else if self.corrupt.is_some() {
            "`ringlog serve --ring` skips what cannot be read; with --skip-to-head it gives up all that is unread"
        } else {
            return text;
        };
        let _ = writeln!(text, "next     {advice}");
        text
    }
}
