//! What a log's events mean, for the commands: what its segments say, and a file for the types that these do not describe.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::CliError;
use crate::terminal::print::eprint;
use crate::terminal::words::{command_line, path_word};
use crate::unreadable::report_first;
use ringlog::event::Event;
use ringlog::programs::cause;
use ringlog::programs::nearest;
use ringlog::schema::{Decoded, NotFitting, Schema, SchemaSet};
use ringlog::storage::{LogScan, OpenError, SchemaList, SegmentSchemas};

/// A file of this name in a log's folder describes events. It is written by hand; no program writes it.
const FILE_NAME: &str = "schema.json";

/// Descriptions of the events of some logs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Descriptions {
    /// For the types that a segment does not describe.
    others: SchemaSet,
    /// From where `others` is.
    files: Vec<PathBuf>,
    logs: Vec<PathBuf>,
    /// Read when it is first asked for: most commands need no names.
    in_logs: OnceLock<InLogs>,
    /// Set once a description that cannot be read was met.
    reported: OnceLock<()>,
}

/// What the logs say of their events, at the start and at the end of each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct InLogs {
    /// What segments say, each with its log and once. Of each log the newest segment comes first.
    sets: Vec<(PathBuf, SchemaSet)>,
    /// Why a segment that describes events could not be read.
    problem: Option<String>,
}

impl Descriptions {
    /// Reads the file that was given, or those in the logs' folders.
    ///
    /// A file that nobody asked for and that cannot be read is left out where the log describes its events itself. So are
    /// types that the log describes in another way. Both are reported.
    pub(crate) fn of(logs: &[PathBuf], given: Option<&Path>) -> Result<Self, CliError> {
        let mut descriptions = Self { logs: logs.into(), ..Self::default() };
        if let Some(file) = given {
            descriptions.add_file(file.into(), read_file(file)?, logs);
            return Ok(descriptions);
        }
        for log in logs {
            let file = log.join(FILE_NAME);
            match read_if_there(&file) {
                Ok(Some(set)) => descriptions.add_file(file, set, std::slice::from_ref(log)),
                Ok(None) => {}
                Err(error) if descriptions.describes_itself(log) => eprint(&format!(
                    "ringlog: {}, left out, as the log describes its events; mend the file or remove it",
                    cause(&error)
                )),
                Err(error) => return Err(error),
            }
        }
        Ok(descriptions)
    }

    /// Adds what a file says, and reports the types of which these logs say something else.
    fn add_file(&mut self, file: PathBuf, mut set: SchemaSet, logs: &[PathBuf]) {
        for log in logs {
            let (mut left_out, mut named) = (Vec::new(), Vec::new());
            for schema in set.types() {
                let of_log =
                    || self.in_logs().sets.iter().filter(|(path, _)| path == log).map(|(_, set)| set);
                let number = schema.number();
                let is_other = |it: &SchemaSet| it.has(number) && it.by_number(number) != Some(schema);
                let has_name =
                    |it: &SchemaSet| it.by_name(schema.name()).is_some_and(|other| other.number() != number);
                if of_log().any(is_other) || of_log().any(has_name) {
                    left_out.push(format!("type {number} {}", schema.name()));
                }
                named.extend(of_log().any(has_name).then_some(number));
            }
            if !left_out.is_empty() {
                eprint(&format!(
                    "ringlog: {}: not used: {}, as the log describes the number or the name in another way; `{}` shows how",
                    file.display(),
                    left_out.join(", "),
                    show_line(&path_word(log))
                ));
            }
            // Two types of one name would share a table.
            named.into_iter().for_each(|number| set.remove(number));
        }
        // Where a name means two types, the earlier log counts.
        self.others.add_missing(&set);
        self.files.push(file);
    }

    /// Returns whether the log says something of its events, even if that cannot be read.
    fn describes_itself(&self, log: &Path) -> bool {
        let InLogs { sets, problem } = self.in_logs();
        problem.is_some() || sets.iter().any(|(path, set)| path == log && !set.is_empty())
    }

    fn in_logs(&self) -> &InLogs {
        self.in_logs.get_or_init(|| {
            let mut found = InLogs::default();
            for log in &self.logs {
                let (lists, problem) = at_both_ends(log);
                for list in lists {
                    let said = (log.clone(), list.to_set());
                    if !found.sets.contains(&said) {
                        found.sets.push(said);
                    }
                }
                found.problem = found.problem.take().or(problem.map(|problem| problem.to_string()));
            }
            found
        })
    }

    /// Returns what the file says.
    pub(crate) const fn others(&self) -> &SchemaSet {
        &self.others
    }

    /// Returns everything that is said of events, to check names before any event is read.
    pub(crate) fn all(&self) -> SchemaSet {
        let mut all = SchemaSet::new();
        self.in_logs().sets.iter().for_each(|(_, set)| all.add_missing(set));
        all.add_missing(&self.others);
        all
    }

    /// Returns what each segment says, the newest first: for a name that [`all`](Self::all) does not have. It opens each file.
    pub(crate) fn in_all_segments(&self) -> Vec<SchemaSet> {
        self.logs.iter().flat_map(|log| said_by_segments(log)).collect()
    }

    /// Says nothing of descriptions that cannot be read: for a command that draws on the terminal.
    #[cfg(feature = "top")]
    pub(crate) fn report_no_unreadable(&self) {
        self.reported.get_or_init(|| ());
    }

    /// Returns the error for a name that no description has. If one could not be read, that is the fault.
    /// `instead` replaces the advice of that.
    pub(crate) fn unknown_name(&self, option: &str, usage: &str, instead: Option<&str>) -> CliError {
        let InLogs { sets, problem } = self.in_logs();
        if let Some(problem) = problem {
            let problem =
                instead.map_or_else(|| problem.clone(), |advice| format!("{}; {advice}", cause(problem)));
            return CliError::Unreadable(format!(
                "{option}: a name is not known, as a description in the log cannot be read: {problem}"
            ));
        }
        sets.iter().for_each(|(log, set)| report_unreadable(log, set));
        CliError::Usage(format!("{option}: {usage}"))
    }

    /// Returns the number of a type that is given by its name or its number.
    pub(crate) fn number_of(&self, name: &str) -> Result<u8, CliError> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let all = self.all();
        let earlier = || self.in_all_segments().iter().find_map(|set| Some(set.by_name(name)?.number()));
        if let Some(number) = all.by_name(name).map(Schema::number).or_else(earlier) {
            return Ok(number);
        }
        let names: Vec<_> = all.types().map(Schema::name).collect();
        let usage = match (names.as_slice(), nearest(name, names.iter().copied())) {
            ([], _) => {
                "nothing names types here; give a number from 0 to 255, or names by --schema FILE".into()
            }
            (_, Some(near)) => format!("no such type; did you mean {near}?"),
            (names, None) => {
                format!("no such type; give a number from 0 to 255, or a name: {}", names.join(", "))
            }
        };
        Err(self.unknown_name(&format!("--type {name}"), &usage, None))
    }

    /// Returns the type of which CSV is a table, if these types are chosen; `None` for a table of payloads.
    pub(crate) fn table(&self, chosen: &[u8]) -> Result<Option<Schema>, CliError> {
        let all = self.all();
        let described: Vec<_> = all.types().collect();
        match (chosen, described.as_slice()) {
            (_, []) => Ok(None),
            ([], [one]) => Ok(Some((*one).clone())),
            ([one], _) => Ok(all.by_number(*one).cloned()),
            _ => {
                let names: Vec<_> = described.iter().map(|schema| schema.name()).collect();
                Err(CliError::Usage(format!(
                    "a table has one type, and the log has {}; choose one with --type, or write each with --to FOLDER",
                    names.join(", ")
                )))
            }
        }
    }

    /// Returns the description of an event's type, by its segment or else by the file. GAP records have none.
    ///
    /// The first time that one cannot be read, standard error has a line for each log.
    pub(crate) fn schema_of<'a>(&'a self, event: &Event<'a>) -> Option<&'a Schema> {
        if event.header.is_gap() {
            return None;
        }
        match in_segment(event) {
            // One that cannot be read describes nothing, and no other one counts.
            Some(segment) => {
                let schema = segment.set().by_number(event.header.event_type);
                if schema.is_none() {
                    self.reported.get_or_init(|| self.logs.iter().for_each(|log| report_first(log)));
                }
                schema
            }
            None => self.others.by_number(event.header.event_type),
        }
    }

    /// Returns names and values of an event; `None` if its type is not described.
    pub(crate) fn decode<'a>(&'a self, event: &Event<'a>) -> Option<Result<Decoded<'a>, NotFitting>> {
        self.schema_of(event).map(|schema| schema.decode(event.payload))
    }

    /// Returns whether no segment but a file describes the event.
    pub(crate) fn is_of_file(&self, event: &Event<'_>) -> bool {
        in_segment(event).is_none() && self.others.has(event.header.event_type)
    }

    /// Says where a description can be seen: that of a file, or of a segment.
    pub(crate) fn source_words(&self, is_of_file: bool) -> String {
        if is_of_file {
            let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
            return format!("the description is in {}", files.join(", "));
        }
        let log = match self.logs.as_slice() {
            [log] => path_word(log),
            _ => "LOG".into(),
        };
        format!("`{}` shows the description", show_line(&log))
    }
}

/// Returns the command that shows what a log says of its events.
fn show_line(log: &str) -> String {
    command_line("ringlog", &["schema", "show", log])
}

/// Returns what the event's segment says, if it says something of the event's type.
fn in_segment<'a>(event: &Event<'a>) -> Option<&'a SegmentSchemas> {
    SegmentSchemas::of(event).filter(|segment| segment.list().of_type(event.header.event_type).is_some())
}

/// Reports the descriptions of a log that cannot be read. They make no log unreadable.
pub(crate) fn report_unreadable(log: &Path, set: &SchemaSet) {
    for unreadable in set.unreadable() {
        let what = unreadable.number().map_or("the log".into(), |number| format!("type {number}"));
        eprint(&format!(
            "ringlog: {}: the description of {what} cannot be read: {}",
            log.display(),
            unreadable.error()
        ));
    }
}

/// Returns what the last two segments of a log say of its events, and the first one. The last one may have no record yet.
/// Also returns the first error.
fn at_both_ends(log: &Path) -> (Vec<SchemaList>, Option<CliError>) {
    let mut scan = match LogScan::open(log) {
        Ok(scan) => scan,
        Err(OpenError::NoSegments { .. }) => return (Vec::new(), None),
        Err(error) => return (Vec::new(), Some(error.into())),
    };
    let first = scan.schemas().map_err(CliError::from);
    let [last, before] = last_two(&mut scan);
    let (mut lists, mut problem) = (Vec::new(), None);
    for result in [last, before, first] {
        match result {
            Ok(list) => lists.push(list),
            Err(error) => drop(problem.get_or_insert(error)),
        }
    }
    (lists, problem)
}

fn last_two(scan: &mut LogScan) -> [Result<SchemaList, CliError>; 2] {
    let last = schemas_at(scan, u64::MAX);
    let before = scan.header().base_sequence.checked_sub(1);
    [last, before.map_or(Ok(SchemaList::new()), |before| schemas_at(scan, before))]
}

/// Chooses the number of a type that a log is to describe: the one that was asked for, else the one that the log has for
/// this name, else the lowest that it does not describe.
///
/// # Errors
///
/// The log describes the number under another name. By that name its events could no longer be asked for.
pub(crate) fn number_for(log: &Path, name: &str, asked: Option<u8>) -> Result<u8, CliError> {
    let sets = said_by_segments(log);
    report_first(log);
    let known = || sets.iter().find_map(|set| set.by_name(name)).map(Schema::number);
    let free = || (0..=u8::MAX).find(|&number| !sets.iter().any(|set| set.has(number)));
    let number = asked.or_else(known).or_else(free).unwrap_or(0);
    let mut others = sets.iter().filter_map(|set| set.by_number(number)).map(Schema::name);
    match others.find(|other| *other != name) {
        None => Ok(number),
        Some(other) => Err(CliError::Usage(format!(
            "{}: it describes type {number} as {other}, whose events would not be found by that name if {name} had the number, \
             too; give another --event-type, or another number in the file of --schema",
            log.display()
        ))),
    }
}

/// Returns what the segments of a log say, each set once; the last segment comes first. What cannot be read is left out.
fn said_by_segments(log: &Path) -> Vec<SchemaSet> {
    let mut sets = Vec::new();
    // Recording into it reports what is wrong with it.
    let Ok(mut scan) = LogScan::open(log) else { return sets };
    let starts: Vec<u64> = scan.segments().iter().rev().map(|it| it.header.base_sequence).collect();
    for start in starts {
        let set = schemas_at(&mut scan, start).map(|list| list.to_set()).unwrap_or_default();
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

/// Returns what the segment with this record says.
fn schemas_at(scan: &mut LogScan, sequence: u64) -> Result<SchemaList, CliError> {
    scan.seek(sequence)?;
    Ok(scan.schemas()?)
}

/// Returns what is said of a log's events at its end, and the segment that says it.
pub(crate) fn at_end(log: &Path) -> Result<(SchemaSet, PathBuf), CliError> {
    let mut scan = LogScan::open(log)?;
    let segments: Vec<_> =
        scan.segments().iter().rev().map(|it| (it.header.base_sequence, it.path.clone())).collect();
    // A segment that has GAP records alone says nothing.
    for (start, path) in segments {
        let list = schemas_at(&mut scan, start)?;
        if !list.is_empty() {
            return Ok((list.to_set(), path));
        }
    }
    Ok((SchemaSet::default(), log.into()))
}

/// Reads a file of descriptions. Reports a key that has no meaning.
pub(crate) fn read_file(file: &Path) -> Result<SchemaSet, CliError> {
    read_if_there(file)?.ok_or_else(|| not_there(file))
}

/// Reads a file of descriptions, in which each key must have a meaning.
pub(crate) fn check_file(file: &Path) -> Result<SchemaSet, CliError> {
    let bytes = bytes_of(file)?.ok_or_else(|| not_there(file))?;
    SchemaSet::from_json_strict(&bytes).map_err(|source| CliError::Schema { path: file.into(), source })
}

fn not_there(file: &Path) -> CliError {
    CliError::io("open", file)(io::ErrorKind::NotFound.into())
}

/// Reads a file of descriptions, as a log stores them.
pub(crate) fn list_in(file: &Path) -> Result<SchemaList, CliError> {
    let usage =
        |problem: ringlog::storage::SchemaTooLong| CliError::Usage(format!("{}: {problem}", file.display()));
    SchemaList::try_from(&read_file(file)?).map_err(usage)
}

fn read_if_there(file: &Path) -> Result<Option<SchemaSet>, CliError> {
    let Some(bytes) = bytes_of(file)? else { return Ok(None) };
    let set =
        SchemaSet::from_json(&bytes).map_err(|source| CliError::Schema { path: file.into(), source })?;
    report_unknown_key(file, &bytes);
    Ok(Some(set))
}

/// Reports a key of a file that has no meaning. A later version may know it, so the rest of the file counts.
pub(crate) fn report_unknown_key(file: &Path, json: &[u8]) {
    if let Err(error) = SchemaSet::from_json_strict(json) {
        eprint(&format!("ringlog: {}: not used: {error}", file.display()));
    }
}

fn bytes_of(file: &Path) -> Result<Option<Vec<u8>>, CliError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(CliError::io("read", file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many_segments::{FEW_FILES, many_segments};
    use ringlog::event::{EventHeader, MetaTopic};
    use ringlog::programs::OPENED_FILES;
    use ringlog::storage::LogWriter;

    #[test]
    fn what_a_long_log_says_of_its_events_is_found_by_opening_few_files() {
        let folder = tempfile::tempdir().unwrap();
        many_segments(folder.path());
        OPENED_FILES.take();
        let descriptions = Descriptions::of(&[folder.path().into()], None).unwrap();
        assert_eq!(descriptions.number_of("7").unwrap(), 7);
        assert_eq!(OPENED_FILES.take(), 0, "no name was asked for");
        assert!(descriptions.all().is_empty());
        let opened = OPENED_FILES.take();
        assert!((1..=FEW_FILES).contains(&opened), "{opened} files");
    }

    const TICK: &str = r#"{"type":1,"name":"tick","size":0,"fields":[],"tail":"text"}"#;

    /// Writes a segment with an event and this description of type 1.
    fn segment(log: &Path, json: &str) {
        let mut list = SchemaList::new();
        list.insert(MetaTopic::EventType(1), json.as_bytes()).unwrap();
        let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
        writer.write_event(&EventHeader::new(1, 1, 3), b"abc").unwrap();
        writer.close().unwrap();
    }

    fn damage(log: &Path, sequence: u64) {
        let path = log.join(format!("{sequence:020}.evtl"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_name_that_a_damaged_description_may_have_is_a_fault_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path();
        for _ in 0..2 {
            segment(log, TICK);
        }
        let number = |name: &str| Descriptions::of(&[log.into()], None).unwrap().number_of(name);
        assert!(matches!(number("tock"), Err(CliError::Usage(_))));
        damage(log, 0);
        assert_eq!(number("tick").unwrap(), 1, "the last segment has the name");
        let Err(CliError::Unreadable(words)) = number("tock") else { panic!("a name of nothing") };
        assert!(words.contains("00000000000000000000.evtl: record 0 at offset 64: checksum"), "{words}");
        damage(log, 2);
        assert!(matches!(number("tick"), Err(CliError::Unreadable(_))));
        assert!(matches!(number("1"), Ok(1)));
    }

    #[test]
    fn a_file_describes_what_the_log_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path();
        segment(log, TICK);
        let file = log.join("given.json");
        let of =
            |file: &str, number: u8| format!(r#"{{"type":{number},"name":"{file}","size":1,"fields":[]}}"#);
        fs::write(&file, format!("[{},{},{}]", of("tock", 1), of("tick", 2), of("note", 3))).unwrap();
        let descriptions = Descriptions::of(&[log.into()], Some(&file)).unwrap();
        let all: Vec<_> = descriptions.all().types().map(|it| (it.number(), it.name().to_owned())).collect();
        assert_eq!(all, [(1, "tick".into()), (3, "note".into())]);
        assert!(descriptions.others().by_name("tick").is_none(), "two types would have one name");
        assert!(matches!(descriptions.number_of("tock"), Err(CliError::Usage(_))));
    }

    #[test]
    fn a_broken_file_is_an_error_only_where_it_is_needed() {
        let (folder, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        segment(folder.path(), TICK);
        LogWriter::open(plain.path()).unwrap().write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
        for log in [folder.path(), plain.path()] {
            fs::write(log.join(FILE_NAME), "[").unwrap();
        }
        let of = |log: &Path, given: Option<&Path>| Descriptions::of(&[log.into()], given);
        assert_eq!(of(folder.path(), None).unwrap().number_of("tick").unwrap(), 1);
        assert!(matches!(of(plain.path(), None), Err(CliError::Schema { .. })));
        let given = folder.path().join(FILE_NAME);
        assert!(matches!(of(folder.path(), Some(&given)), Err(CliError::Schema { .. })));
    }
}
