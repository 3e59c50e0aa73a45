//! No message without a row: what the programs may say is read from their sources.

use std::fs;
use std::path::{Path, PathBuf};

use super::sources::program_files;
use super::{PROGRAM_TABLES, Row, assert_table, table};

/// The sources of the programs: all below this folder but tests.
const PROGRAMS: &str = "cli/src";

/// What no test can trigger, and why; and what is no message.
const NOT_TRIGGERED: &[(&str, &str)] = &[
    (
        "ringlog: {number} of {all} files are in the log; give the others again once the cause is mended",
        "it takes several files; a test of `cli::import` gives them",
    ),
    ("ringlog: stopped before anything was imported; run it again", "it takes a signal in the right moment"),
    (
        "{}: another program has written the log meanwhile, so nothing was imported; run this again",
        "it takes a second writer in the right moment",
    ),
    (
        "{}: --resume: {error}; import it without --resume",
        "it takes a path of thousands of bytes and a capture of thousands of interfaces",
    ),
    (
        "-: standard input is a terminal; give a file, or pipe one: `ringlog cat - <FILE`",
        "tests have no terminal",
    ),
    ("copy to a temporary file", "it takes a full disk"),
    ("this format is no text for a terminal; pipe it on, or name a file", "tests have no terminal"),
    (
        "cannot start a thread: {0}; end other threads, or raise the limit (`ulimit -u`)",
        "a limit on threads leaves none for the recorder either",
    ),
    (
        "--print-config: the value of --{name} is no text, which a file cannot hold; leave it on the command line",
        "the words of a row are text",
    ),
    ("no such value", "no option of `serve` has a list of values; it is for one that will"),
    (
        "a sync of the log failed, or its lock was lost",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "stopped: the recorder has ended; its last message names the cause",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "disk full: there is no room for the next file of the log",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "not durable: what was written {seconds} s ago is not synced yet",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "dropping: {} of a full disk without a GAP record yet",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "dropping: events were lost {} s ago",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "stopping: the run is ending",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "starting: the log is being opened",
        "an answer of /health, which changes from moment to moment; unit tests and `.ci/run service` read it",
    ),
    (
        "this is ringlog: ask for /metrics, or for /health with 200 or 503 and the reasons",
        "a page for who asks for no other; `cli::service` asks for one that there is not",
    ),
    (
        "metrics at http://{bound}/metrics, health at http://{bound}/health",
        "where it is said, the address differs from run to run; `cli::service` reads it",
    ),
    (
        "--metrics {bound}: no loopback address: everyone who reaches it can read the numbers",
        "where it is said, the address differs from run to run; `cli::service` reads it",
    ),
    (
        "--metrics: the socket failed: {problem}; it is tried again",
        "it takes a process that may open no more files",
    ),
    (
        "--metrics: this program is built without it; build it with `--features metrics`, or leave the option out",
        "only a program without the feature `metrics` says it",
    ),
    ("{}, lost {}, the log takes {}", "a line for a service manager; `.ci/run service` is one"),
    (
        "NOTIFY_SOCKET: the service manager does not answer: {error}; the recording continues",
        "a test of `cli::service` sets the variable",
    ),
    ("only a scrape says it", "a reason for the compiler"),
    ("{} is gone; waiting for it to come back", "it takes a terminal; a test of `cli::receive` closes one"),
    (
        "nothing more is printed: {}; the recording continues",
        "it takes a standard output that nobody reads any more, in the middle of a run",
    ),
    ("cannot run at {} baud; give a rate that the adapter has", "a pseudoterminal takes any rate"),
    ("SIGHUP: opening the file of --log-file again", "a test of `cli::service` sends the signal"),
    (
        "{path}: cannot be opened again: {}; messages still go to the file that it was",
        "it takes a folder that is gone; the error is that of `a folder that is not there`",
    ),
    (
        "a percentage with one digit",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "an unknown number lost",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    ("no role file", "what it says of a ring differs from run to run; the tests of `cli::ring` read it"),
    (
        "an unknown process",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "taken by {process}, which has ended: a forked child has a copy of it",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "last claimed by {process}; this user may not see whether it still has the role",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "free, last taken by {process}",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "not known: its role file is something else",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "a list that cannot be read: {problem}",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "plain: a full ring takes no more",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "retained through a reset: records have checksums",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "flight recorder: new records take the place of the oldest",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "retained flight recorder: new records take the place of the oldest",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "an earlier one: what is in the ring cannot be trusted",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "unknown: the kernel does not give its boot id",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "unknown: the positions contradict each other",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "{} before the damage",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "changes faster than it can be counted",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "{} lost, the first with timestamp {first}; no GAP record reports them yet",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "{}, {} bytes; longest payload {}",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "start the ring's consumer, which puts a new ring in its place",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "`ringlog serve --ring` puts a new ring in its place if this one feeds its log and both roles are free; else delete the file, which loses what is unread",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "`ringlog serve --ring` skips what cannot be read; with --skip-to-head it gives up all that is unread",
        "what it says of a ring differs from run to run; the tests of `cli::ring` read it",
    ),
    (
        "--uncached: this kernel or file system cannot do it: what is written stays in the system's cache",
        "the kernel and the file system decide it; a test of `cli::limits` runs it in memory",
    ),
    (
        "ringlog: waiting for {}, which is not there yet; Ctrl-C ends it",
        "it would wait for ever; a test of `cli::tail` makes what it waits for",
    ),
    (
        "; damaged: delete it, its next reader starts at the oldest event",
        "a list for standard output; a test of `cli::tail` reads it",
    ),
    ("; of another log: refused, delete it", "a list for standard output; a test of `cli::tail` reads it"),
    (
        "; the log ends before it, so it lost records",
        "a list for standard output; a test of `cli::tail` reads it",
    ),
    (", the oldest record is {}", "a list for standard output; a test of `cli::limits` reads it"),
    ("write pages to", "the folder is made before, so only a full disk refuses a page"),
    (
        "a writer is at work; all that it published is there",
        "words of a page; a test of `cli::report` reads it",
    ),
    ("files are damaged, and no event is missing", "words of a page; a test of `cli::report` reads it"),
    ("events are missing, or may be", "words of a page; a test of `cli::report` reads it"),
    ("not all of the log can be read", "words of a page; a test of `cli::report` reads it"),
    ("times are numbers of the clock: {}", "a chart for standard output"),
    ("{} of events with the time 0, on no axis of time", "a chart for standard output"),
    (
        "{} an earlier time than the event before; the time between them is not counted",
        "a chart for standard output",
    ),
    (
        "{}: stopped before the end, nothing was written",
        "it needs a signal at the right moment; a test of `cli::export` sends one",
    ),
    ("shows the ring once", "of the feature `top`; `.ci/run top` runs it"),
    ("prints events as they come", "of the feature `top`; `.ci/run top` runs it"),
    (
        "top draws on a terminal, and standard input or output is none; `{}` {once}{info}",
        "of the feature `top`; `.ci/run top` runs it",
    ),
    ("{target}: a ring; filters are for the events of a log", "of the feature `top`; `.ci/run top` runs it"),
    ("start a thread for", "of the feature `top`; `.ci/run top` runs it"),
    ("without a time, before the first record with one", "the unit tests of traces make it"),
    (
        "ends of spans that began before the first record, shown as instants: {}",
        "the unit tests of traces make it",
    ),
    ("spans without an end: {unended}", "the unit tests of traces make it"),
    (
        "the payload does not fit, or the type has other fields than those of `import`",
        "the unit tests of captures make it",
    ),
    ("a capture has dates, and the log's clock has none", "the unit tests of captures make it"),
    ("of an unknown number of events, which a capture has no word for", "the unit tests of captures make it"),
    ("after the last packet, so no packet reports them", "the unit tests of captures make it"),
    ("lost events that the packet after them reports as dropped: {}", "the unit tests of captures make it"),
    (
        "packets whose flags are left out, which a capture has no place for: {}",
        "the unit tests of captures make it",
    ),
    (
        "packets whose interface has another number, as the log does not describe it: {}",
        "the unit tests of captures make it",
    ),
    (
        "the export begins with record {} and records are missing in {} places; the log numbers its records anew",
        "the unit tests of imported exports make it",
    ),
    (
        "records without a date: {}; their clock may not be that of the new log, unix nanoseconds",
        "the unit tests of imported exports make it",
    ),
    (
        "GAP records of the first log itself, which are now as the producer writes them: {}",
        "the unit tests of imported exports make it",
    ),
    ("for the columns of typed tables", "no message: why a lint is quiet"),
    ("for the threads of typed tables", "no message: why a lint is quiet"),
    ("has the nanoseconds", "the unit tests of exports make it"),
    ("earlier than the day before that of the first record", "the unit tests of exports make it"),
    (
        "records more than 104 days after the start of the trace: {}; readers may round their times, so choose fewer by --since",
        "the unit tests of exports make it",
    ),
    (
        "ringlog: {}: half of an output, of a program that was killed or is at work; remove it if none is",
        "no test kills an export",
    ),
    ("written by ringlog export", "no message: a mark in files"),
    ("the log's clock counts {}, {rate} a second", "the unit tests of exports make it"),
    ("with the time 0, which is none; `ringlog cat` shows them", "the unit tests of exports make it"),
    (
        "OUT without the ending .csv is a folder with a table for each type",
        "the unit tests of exports make it",
    ),
    (
        "a payload that does not fit the description of its type, although the row says so; --schema FILE takes it as it is",
        "the unit tests of imported exports make it",
    ),
    ("the export holds no record, so the log gets none", "the unit tests of imported exports make it"),
    (
        "{}: records {from} to {} went by retention before they were read; export again with --from-seq {to} or later, or keep more",
        "no test has retention that is faster than an export",
    ),
    ("no such format", "a format that was not built is refused before"),
    ("no name of a file; give one", "a path without a name is a folder, and that holds something"),
    ("cannot handle signals: {0}; start the program where it may handle them", "no Linux refuses it"),
    (
        "the ring refused an event: {0}; make a ring that takes it (`--ring-size`)",
        "the smallest ring takes each event",
    ),
    (
        "{thread} stays on the processors where it is: {error}",
        "processors that are not there are refused before",
    ),
    ("{option}: cannot choose processors: {error}; leave the option out", "no Linux refuses it"),
    (
        "the recorder stopped before the end; its last message names the cause",
        "the error of the log is shown instead",
    ),
    (
        "restart the consumer of the ring: it skips what cannot be read, and the log gets a GAP record for it",
        "a ring that is damaged at the start is refused: this one must be damaged while it is written",
    ),
    (
        "ringlog: retention deleted {missed} from {from} on before they were read; continuing with {to}",
        "how far the reader has come by then differs from run to run",
    ),
    ("the socket has no address; try again", "the kernel gives each one that is bound an address"),
    (
        "cannot join the multicast group {group}: {error}; {advice}",
        "the machine's interfaces and routes decide it",
    ),
    ("check that it is up and takes multicast", "the machine's interfaces decide it"),
    ("the interface of the route to it", "the machine's routes decide it"),
    (
        "datagrams that the kernel dropped after the last one that arrived are not counted: it does not show this socket in /proc",
        "Linux shows it",
    ),
    (
        "{name}: {bytes} had arrived when it stopped, not recorded",
        "how much has arrived differs from run to run",
    ),
    (
        "{}: holds {}, and reports {lost} as lost, but {} produced; keep the log and report this",
        "only a fault of the program does that",
    ),
    (
        "produced {produced} is not persisted {persisted} + lost {lost}",
        "only a fault of the program does that",
    ),
    (
        "persisted {persisted}, but the log holds {events_in_log}, and {retired} were retired",
        "only a fault of the program does that",
    ),
    (
        "THE COUNTS DO NOT ADD UP: {problem}; the log is kept at {log}",
        "only a fault of the program does that",
    ),
    ("find the free space at", "the disk would have to fail"),
    ("stress: the limit `{}` was not measured: {error}", "the disk would have to be full"),
    ("read the time of a thread in", "Linux shows it"),
    (
        "waiting until the events in {} are read, which are described in another way than the next ones; start the ring's \
         recorder (`ringlog serve --ring`) if none is at work",
        "the program waits: a test of `cli::replay` ends it",
    ),
    (
        ": what {more} more of the log report",
        "it takes more GAP records than a table shows well: a test of `cli::damage` has them",
    ),
    (
        "the producer waited only {waiting} % of the time, the recorder was idle {} %",
        "what bounds a run differs from run to run: the unit tests of `bound` have each sentence",
    ),
    (
        "the producer waited {waiting} % of the time, the recorder copied {} %, queued {} %",
        "the same sentences",
    ),
    ("the producer waited {waiting} % of the time, the recorder had no processor {} %", "the same sentences"),
    (
        "the producer waited {waiting} % of the time, the recorder was in the kernel {} %",
        "the same sentences",
    ),
    (
        "the producer waited {waiting} % of the time, the kernel blocked the recorder {} %",
        "the same sentences",
    ),
    ("damaged before this run: {damage}", "the unit tests of a loss of power trigger it"),
    (
        "stopped at the default limit of {}, exit code 4; give --keep-bytes or --keep-for to continue and keep the newest events, or --max-bytes for another limit",
        "it takes 4 GiB",
    ),
    ("the default limit of 4 GiB is reached", "it takes 4 GiB"),
    (
        "{events} lost so far in this run; the GAP records in the log have place and reason",
        "the loss must be seen before the end: the tests of `loss` do it with a full disk",
    ),
    (
        "{}: stopped at byte {at}; what follows is not imported",
        "where it is stopped differs from run to run: the tests of `stops` do it",
    ),
    (
        "dropped: {datagrams}, by the kernel: its buffer was full",
        "how many they are differs from run to run: the tests of `serve` do it",
    ),
    (
        "what was written before cannot be read back: {}",
        "what is missed first differs from run to run: the test of a renamed folder does it",
    ),
    ("not checked: {} cannot be read", "the same"),
    ("no event can be read; check the path", "no message: what cannot be read has its problem"),
    ("a JSON object", "no message: the JSON reader asks for it"),
    (
        "its section .ringlog.schema is cut short; build the firmware again",
        "it takes an ELF file that is cut in this section",
    ),
    (
        "byte {at} of its section .ringlog.schema begins no description; build the firmware again, with the ringlog-nostd of this version",
        "it takes a firmware of another version; a unit test of `image` makes one",
    ),
];

/// The literals of a source, with their escapes resolved, up to its unit tests.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut rest = source;
    let mut found = Vec::new();
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let is_bytes = rest[..at].ends_with('b');
        let (mark, after) = rest[at..].split_at(1);
        rest = match mark {
            "/" if after.starts_with('/') => after.split_once('\n').map_or("", |(_, rest)| rest),
            "'" => after_character(after),
            "\"" => {
                let (text, rest) = literal(after);
                found.extend((!is_bytes).then_some(text));
                rest
            }
            _ => after,
        };
    }
    found
}

/// What comes after a character, or after the mark of a lifetime.
fn after_character(after: &str) -> &str {
    let character = after.strip_prefix('\\').map_or(after, |escaped| escaped);
    let end = character.char_indices().skip(1).find(|&(_, c)| c == '\'');
    let is_character =
        after.starts_with('\\') || end.is_some_and(|(at, _)| character[..at].chars().count() == 1);
    end.filter(|_| is_character).map_or(after, |(at, _)| &character[at + 1..])
}

/// A literal whose first quote was passed, and what comes after it.
fn literal(source: &str) -> (String, &str) {
    let (mut text, mut characters) = (String::new(), source.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &source[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                // The text continues at the first word of the next line.
                Some((at, '\n')) => {
                    let rest = source[at..].trim_start();
                    let (more, rest) = literal(rest);
                    return (text + &more, rest);
                }
                Some((_, other)) => text.push(other),
                None => {}
            },
            _ => text.push(character),
        }
    }
    (text, "")
}

/// The words of a literal around its `{}`.
fn pieces(literal: &str) -> Vec<String> {
    let (mut pieces, mut depth) = (vec![String::new()], 0);
    for character in literal.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                pieces.push(String::new());
            }
            _ if depth == 0 => pieces.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    pieces
}

/// Whether a literal is a sentence or a part of one: three words in a row.
fn is_message(literal: &str) -> bool {
    let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 0;
    pieces(literal).iter().any(|piece| piece.split_whitespace().filter(is_word).count() > 2)
}

/// Whether a line has the words of a literal, in their order.
pub(super) fn is_in(line: &str, literal: &str) -> bool {
    pieces(literal)
        .iter()
        .try_fold(line, |rest, piece| rest.split_once(piece.trim()).map(|(_, rest)| rest))
        .is_some()
}

/// Sources whose words are in no table, and why.
const APART: &[(&str, &str)] = &[
    ("service/scrape.rs", "what numbers mean; a unit test and `.ci/run service` read it"),
    ("export/mcap", "only the feature `mcap` has it"),
    ("export/table", "only the feature `parquet` has it"),
    ("top", "only the feature `top` has it; `.ci/run top` reads what it draws"),
    ("commands/ship.rs", "only the feature `nats` has it; `.ci/run ship` reads it"),
    ("commands/ship_beside.rs", "only the feature `nats` has it; `.ci/run ship` reads it"),
    ("commands/ship_line.rs", "only the feature `nats` has it; `.ci/run ship` reads it"),
    ("commands/pull.rs", "only the feature `nats` has it; `.ci/run ship` reads it"),
    ("commands/login.rs", "only the feature `nats` has it; `.ci/run ship` reads it"),
    ("import/exported/rows.rs", "what is wrong with a row, where the unit tests change one"),
    ("doctor/", "what it says differs from machine to machine; its unit tests read it"),
    ("report/content.rs", "words of a page; `.ci/run report` reads it"),
    ("report/html.rs", "words of a page; `.ci/run report` reads it"),
    ("report/page", "words of a page; `.ci/run report` reads it"),
    ("report/tables.rs", "words of a page; `.ci/run report` reads it"),
];

fn messages() -> Vec<(PathBuf, String)> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(PROGRAMS);
    let mut files = program_files(&programs);
    let is_apart = |path: &Path, part: &str| {
        let rest = path.strip_prefix(&programs).ok().and_then(Path::to_str);
        rest.is_some_and(|rest| rest.starts_with(part))
    };
    for (part, why) in APART {
        let before = files.len();
        files.retain(|path| !is_apart(path, part));
        assert!(files.len() < before, "{part}: no such source ({why})");
    }
    let of_file = |path: PathBuf| {
        let literals = literals(&fs::read_to_string(&path).unwrap());
        let lines = literals.iter().flat_map(|it| it.lines()).filter(|it| is_message(it));
        lines.map(|line| (path.clone(), line.to_owned())).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of_file).collect()
}

#[test]
fn every_message_of_the_programs_is_in_the_table_or_has_a_reason() {
    let texts = PROGRAM_TABLES.map(|name| fs::read_to_string(table(name)).unwrap());
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    let (mut problems, messages) = (Vec::new(), messages());
    assert!(messages.len() > 100, "only {} messages", messages.len());
    for (path, message) in &messages {
        let is_triggered = lines.iter().any(|line| is_in(line, message));
        let has_reason = NOT_TRIGGERED.iter().any(|(text, _)| message == text);
        if is_triggered == has_reason {
            let why = if has_reason { "is triggered, and has a reason why not" } else { "has no row" };
            problems.push(format!("{}: {message:?} {why}", path.display()));
        }
    }
    for (text, _) in
        NOT_TRIGGERED.iter().filter(|(text, _)| !messages.iter().any(|(_, message)| message == text))
    {
        problems.push(format!("{text:?} is in no source"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let row =
        |(text, why): &(&str, &str)| Row { name: format!("not triggered: {why}"), said: (*text).into() };
    assert_table("not_triggered.txt", &NOT_TRIGGERED.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn literals_are_found_as_they_are_written() {
    let source = "fn a<'a>() { // \"no\"\n let b = ['\"', 'x', '\\''];\n c(b\"bytes\", \"one \\\"two\\\" \\\n    three\", \"n\\\\\") }\n";
    assert_eq!(literals(source), ["one \"two\" three", "n\\"]);
    assert_eq!(pieces("a {b:?} c {}"), ["a ", " c ", ""]);
    assert!(is_message("{a} has no row") && !is_message("{a} and {b} or {c}"));
    assert!(is_in("x: file 7 has no row", "file {a} has no {}") && !is_in("no file", "file {} no"));
}
