use crate::import::table::*;
use crate::input::compress::gzip;
use std::io::Write;

type Events = Vec<(u64, Vec<u8>)>;

pub(super) fn drain(feed: &mut impl Feed) -> (Events, Vec<Loss>) {
    let (mut rows, mut losses, mut payload) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match feed.next_event(&mut payload).unwrap() {
            Next::Event { timestamp, .. } => rows.push((timestamp, payload.clone())),
            Next::Lost(loss) => losses.push(loss),
            Next::Idle | Next::Kept(_) | Next::Described(_) => panic!("a file is never idle, and no log"),
            Next::End => return (rows, losses),
        }
    }
}

fn file(text: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    file
}

fn all(table: &[u8]) -> (Events, Vec<Loss>) {
    drain(&mut TableFeed::open(file(table).path(), 0, &TableOptions::default()).unwrap())
}

fn row(seconds: u64, text: &str) -> (u64, Vec<u8>) {
    (seconds * 1_000_000_000, text.into())
}

#[test]
fn rows_are_the_bytes_of_the_file() {
    let rows = [
        "1378054800, 1640.25,\"a \"\"quoted\"\" word\"",
        "1378054801,,",
        "1378054802,\"two\nlines\",x",
        "\"1378054803\",last,",
    ];
    let expected: Events = (1_378_054_800..).zip(rows).map(|(seconds, text)| row(seconds, text)).collect();
    for line_end in ["\n", "\r\n"] {
        let mut table = ["time,price,note", &rows.join(line_end)].join(line_end);
        assert_eq!(all(table.as_bytes()), (expected.clone(), vec![]), "{table:?}");
        table += line_end;
        assert_eq!(all(table.as_bytes()), (expected.clone(), vec![]), "{table:?}");
    }
}

#[test]
fn rows_across_buffers_are_whole() {
    let rows: Events =
        (0..40_000).map(|i| row(1_378_054_800 + i / 6, &format!("{},{i}", 1_378_054_800 + i / 6))).collect();
    let mut table = b"time,number\n".to_vec();
    table.extend(rows.iter().flat_map(|(_, text)| [text, &b"\n"[..]].concat()));
    assert_eq!(all(&table), (rows, vec![]));
}

#[test]
fn rows_without_a_time_are_reported_with_line_and_offset() {
    let (rows, losses) = all(b"time,a\n1378054800,a\n\nno time,b\n1378054801,c\n");
    assert_eq!(rows, [row(1_378_054_800, "1378054800,a"), row(1_378_054_801, "1378054801,c")]);
    assert_eq!(losses.len(), 1);
    let skip = losses[0].skip.as_ref().unwrap();
    assert_eq!((losses[0].gap.reason, skip.offset), (GapReason::NotReadable, 21));
    assert!(skip.what.contains("line 4") && skip.what.contains("no time"), "{}", skip.what);
}

#[test]
fn a_row_that_is_too_long_is_reported() {
    let table = format!("time,a\n1378054800,a\n1378054801,{}\n1378054802,b\n", "x".repeat(MAX_PAYLOAD));
    let (rows, losses) = all(table.as_bytes());
    assert_eq!((rows.len(), losses.len()), (2, 1));
    assert_eq!(losses[0].gap.reason, GapReason::TooLong);
    assert_eq!(losses[0].skip.as_ref().unwrap().offset, 20);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row_and_says_where() {
    let (rows, losses) = all(b"time,note\n1378054800,\"abc\n1378054801,def\n1378054802,\"x\"\n");
    assert_eq!(rows, [row(1_378_054_801, "1378054801,def"), row(1_378_054_802, "1378054802,\"x\"")]);
    let skip = losses[0].skip.as_ref().unwrap();
    assert!(
        skip.what.contains("line 2") && skip.what.contains("quote") && skip.what.len() < 100,
        "{}",
        skip.what
    );
}

#[test]
fn marks_comments_and_encodings_change_nothing() {
    let rows = vec![row(1_378_054_800, "1378054800,5 \u{20AC}"), row(1_378_054_801, "1378054801,6")];
    let text = "time,price\n# note\n1378054800,5 \u{20AC}\n1378054801,6\n";
    assert_eq!(all(format!("\u{FEFF}{text}").as_bytes()), (rows.clone(), vec![]));
    let marked = format!("\u{FEFF}{text}");
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = file(&utf16);
    let mut feed = TableFeed::open(file.path(), 0, &TableOptions::default()).unwrap();
    assert_eq!(drain(&mut feed), (rows, vec![]));
    assert_eq!((feed.read_bytes(), feed.notes().len()), (utf16.len() as u64, 1));
}

#[test]
fn lines_of_json_have_a_time_field() {
    let text = concat!(
        "{\"id\":1715206948,\"T\":{\"ms\":1378054800083},\"px\":\"5\"}\n",
        "{\"id\":1715206949,\"T\":{\"ms\":1378054800090},\"px\":\"6\"}\n",
        "{\"id\":1715206950,\"T\":{}}\nnot JSON\n[1]\n{\"T\":{\"ms\":1,\"ms\":2}}\n",
    );
    let file = file(text.as_bytes());
    let open = |field: Option<&str>| {
        let options = TableOptions { time_field: field.map(Into::into), ..TableOptions::default() };
        JsonFeed::open(file.path(), 0, &options)
    };
    let (events, losses) = drain(&mut open(Some("T.ms")).unwrap());
    let times: Vec<u64> = events.iter().map(|event| event.0 / 1_000_000).collect();
    assert_eq!((times, losses.len()), (vec![1_378_054_800_083, 1_378_054_800_090], 4));
    assert!(text.as_bytes().starts_with(&events[0].1));
    assert!(losses.iter().all(|loss| loss.gap.reason == GapReason::NotReadable));
    for (field, option) in [(None, "--time-field"), (Some("at"), "\"at\""), (Some("px"), "--time-unit")] {
        let problem = open(field).unwrap_err().to_string();
        assert!(problem.contains(option), "{problem}");
    }
}

#[test]
fn a_field_of_json_is_found_by_its_name() {
    let text =
        "{\"seq\":1715206948,\"ts\":\"2013-09-01T17:00:00.083Z\"}\n{\"ts\":\"2013-09-01T17:00:01Z\"}\n";
    let mut feed = JsonFeed::open(file(text.as_bytes()).path(), 0, &TableOptions::default()).unwrap();
    assert!(feed.words().contains("\"ts\""), "{}", feed.words());
    assert_eq!(drain(&mut feed).0.len(), 2);
    let text = "{\"ts\":1378054800.123456789}\n";
    let mut feed = JsonFeed::open(file(text.as_bytes()).path(), 0, &TableOptions::default()).unwrap();
    assert_eq!(drain(&mut feed).0[0].0, 1_378_054_800_123_456_789);
}

#[test]
fn lines_of_json_are_refused_in_words_of_json() {
    for text in [
        "{\"a\":1,\"b\":2}\n",
        "{\"a\":1}\nno JSON\n",
        "no JSON\n",
        "{\"at\":\"05/06/2013 17:00:00\"}\n",
        "{\"date\":\"05/06/2013\",\"time\":\"17:00:00\"}\n",
        "{\"date\":\"2013-09-01\",\"seconds\":61200}\n",
        "{\"a_time\":1378054800083,\"b_time\":1378054800183}\n{\"a_time\":1378054800084,\"b_time\":1378054800185}\n",
        "{\"time\":\"soon\",\"b\":1378054800083}\n",
        "{\"time\":\"1969-12-31 10:00:00\"}\n",
        "{\"time\":\"2013-09-01 17:00:00\",\"ms\":83}\n",
        "{\"time\":\"2013-09-01 17:00:00\",\"tz\":\"EST\"}\n",
        "{\"ntp_time\":1684143000}\n",
        "{\"time_ms\":1378054800083000}\n",
        "{\"time\":1.68411e12}\n",
        "",
    ] {
        let file = file(text.as_bytes());
        for time_field in [None, Some("time".to_owned()), Some("x".to_owned())] {
            let options = TableOptions { time_field, ..TableOptions::default() };
            let Err(problem) = JsonFeed::open(file.path(), 0, &options) else { continue };
            let problem = problem.to_string();
            let words = ["column", "row", "table", "cell", "header"];
            assert!(!words.iter().any(|word| problem.contains(word)), "{text}: {problem}");
            // No option helps if the lines are not objects.
            assert!(problem.contains("--time-") || problem.contains("`jq -c .`"), "{text}: {problem}");
        }
    }
    let text = format!(
        "{{\"time\":1378054800083}}\n{{}}\n{{\"time\":1378054800083,\"x\":\"{}\"}}\n",
        "x".repeat(70_000)
    );
    let mut feed = JsonFeed::open(file(text.as_bytes()).path(), 0, &TableOptions::default()).unwrap();
    let said = feed.words() + &format!("{:?}", drain(&mut feed).1);
    assert!(!["column", " row", "cell"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn a_feed_restarts_at_its_first_row() {
    fn twice(mut feed: impl ChosenFeed) {
        let first = (drain(&mut feed), feed.notes(), feed.read_bytes());
        feed.restart().unwrap();
        assert_eq!((drain(&mut feed), feed.notes(), feed.read_bytes()), first);
        assert_eq!(first.0.0.len(), 2);
    }
    let options = TableOptions { skip_rows: 1, ..TableOptions::default() };
    let table = file(b"title\nsep=;\n# note\ntime;n\nx;1\n1378054800;2\n# note\n1378054801;3\n");
    twice(TableFeed::open(table.path(), 0, &options).unwrap());
    let lines = file(b"{\"ts\":1378054800}\nno JSON\n{\"ts\":1378054801}\n");
    twice(JsonFeed::open(lines.path(), 0, &TableOptions::default()).unwrap());
}

#[test]
fn a_last_row_that_is_cut_is_no_event() {
    for table in [
        "time,a,b\n1378054800,1,2\n1378054801,1,2\n1378054802,1",
        "time,a\n1378054800,1\n1378054801,1\n137805480",
    ] {
        let (rows, losses) = all(table.as_bytes());
        assert_eq!((rows.len(), losses.len()), (2, 1), "{table}");
        assert!(losses[0].skip.as_ref().unwrap().what.contains("line 4"));
    }
    assert_eq!(all(b"time,a\n1378054800,1\n1378054801,1\n1378054802").1.len(), 1);
    assert_eq!(all(b"time,a\n1378054800,1\n1378054801,1\n1378054802\n").0.len(), 3);
    let table = b"time\n2023-05-15 09:30:01\n2023-05-15 09:30:02\n2023-05-15 09:30:03\n2023-05-15 09:30:04\n2023-05-15 09:30:05\n2023-05-15 09:30:06\n2023-05-15 09:30:07\n2023-05-15 09:30:08\n2023-05-15 09:30:09\n2023-05-15 09:30:10\n2023-05-15 09:30:11\n2023-05-15 09:30";
    let (rows, losses) = all(table);
    assert_eq!((rows.len(), losses.len()), (11, 1));
}

#[test]
fn a_last_row_without_a_line_end_has_a_note() {
    for (end, notes) in [("", 1), ("\n", 0), ("\r\n", 0), ("\n\n", 0)] {
        let file = file(format!("time,a\n1378054800,15\n1378054801,1{end}").as_bytes());
        let mut feed = TableFeed::open(file.path(), 0, &TableOptions::default()).unwrap();
        assert_eq!((drain(&mut feed).0.len(), feed.notes().len()), (2, notes), "{end:?}");
        assert!(feed.notes().iter().all(|note| note.contains("no line end")), "{:?}", feed.notes());
    }
}

#[test]
fn rows_before_damage_are_given_and_the_damage_is_an_error() {
    let text = "time,a\n1378054800,1\n1378054801,2\n137805480";
    let whole = gzip(text.as_bytes());
    let damaged = [&whole[..whole.len() - 8], &[0; 8]].concat();
    for bytes in [[&whole[..], b"junk"].concat(), damaged, gzip(text.as_bytes())[..whole.len() - 4].to_vec()]
    {
        let file = file(&bytes);
        let mut feed = TableFeed::open(file.path(), 0, &TableOptions::default()).unwrap();
        let mut times = Vec::new();
        let error = loop {
            match feed.next_event(&mut Vec::new()) {
                Ok(Next::Event { timestamp, .. }) => times.push(timestamp / 1_000_000_000),
                other => break other.unwrap_err().to_string(),
            }
        };
        assert_eq!(times, [1_378_054_800, 1_378_054_801], "{error}");
        assert!(error.contains("gzip data"), "{error}");
    }
    // The error is named if the rows before it decide nothing.
    let error = TableFeed::open(
        file(&[&gzip(b"time,a\n")[..], b"junk"].concat()).path(),
        0,
        &TableOptions::default(),
    );
    assert!(error.is_err_and(|error| error.to_string().contains("gzip data")));
}

#[test]
fn a_stray_quote_swallows_no_row() {
    for table in [
        "time,px,by\n1378054800,\"12,tv\n1378054801,14\",tv\n1378054802,16,tv\n",
        "by,time,px,at\nx,1378054800,\"12,tv\nx,1378054801,14\",tv\nx,1378054802,16,tv\n",
    ] {
        let (rows, losses) = all(table.as_bytes());
        assert_eq!((rows.len(), losses.len(), rows[0].0), (2, 1, 1_378_054_801_000_000_000), "{table}");
    }
}

#[test]
fn a_damaged_row_among_rows_with_marks_is_lost() {
    let table = b"id,time,x\n#1,2023-05-15 09:31:00,1\n#2,2023-05-15 09:31:0,1\n3,2023-05-15 09:31:02,1\n4,2023-05-15 09:31:03,1\n";
    let (rows, losses) = all(table);
    assert_eq!((rows.len(), losses.len()), (3, 1));
}

#[test]
fn a_damaged_row_before_the_first_with_a_mark_is_lost() {
    let rows = "3,2023-05-15 09:31:02,1\n4,2023-05-15 09:31:03,1\n";
    let whole = "#2,2023-05-15 09:31:01,1\n";
    for head in ["#id,time,x\n", "# note\n#id,time,x\n", "id,time,x\n# 1, a, note\n", ""] {
        for damaged in ["#1,2023-05-15 09:31:0,1\n", "#1,,1\n", "#1,2023-05-15 09:31:00,1,1\n"] {
            for table in
                [format!("{damaged}{whole}{rows}"), format!("{damaged}{rows}"), format!("{rows}{damaged}")]
            {
                let (events, losses) = all(format!("{head}{table}").as_bytes());
                assert_eq!((events.len(), losses.len()), (table.lines().count() - 1, 1), "{head}{table}");
            }
        }
    }
    // Names come from the comment without values; comments stay comments.
    let table = format!("# made by x\n#id,time,x\n# 5\n{whole}# a, 5\n{rows}");
    let file = file(table.as_bytes());
    let mut feed = TableFeed::open(file.path(), 0, &TableOptions::default()).unwrap();
    assert!(feed.words().contains("column 2 \"time\""), "{}", feed.words());
    assert_eq!(drain(&mut feed).1.len(), 1, "a comment after a row with a mark");
    let (events, losses) = all(b"time,x\n#1378054800,5\n1378054801,5\n# 5, 6\n");
    assert_eq!((events.len(), losses.len()), (1, 0), "rows that were made comments");
}

#[test]
fn a_date_and_a_time_of_json_are_one_moment() {
    let text =
        "{\"date\":\"2013-09-01\",\"time\":\"17:00:00\"}\n{\"date\":\"2013-09-01\",\"time\":\"17:00:01\"}\n";
    let mut feed = JsonFeed::open(file(text.as_bytes()).path(), 0, &TableOptions::default()).unwrap();
    assert!(feed.words().contains("\"date\" and field \"time\""), "{}", feed.words());
    let (rows, losses) = drain(&mut feed);
    assert_eq!((rows[0].0, rows.len(), losses.len()), (1_378_054_800_000_000_000, 2, 0));
}

#[test]
fn lines_that_are_no_objects_are_reported_as_such() {
    let find = |text: &str, options: &TableOptions| {
        JsonFeed::open(file(text.as_bytes()).path(), 0, options).map_err(|error| error.to_string())
    };
    for text in
        ["[{\"time\":1378054800}]\n", "{\n\"time\": 1378054800\n}\n", "{\"time\":1378054800},\n", "5\n"]
    {
        let problem = find(text, &TableOptions::default()).unwrap_err();
        assert!(
            problem.contains("no line is one JSON object") && problem.contains("`jq -c"),
            "{text}: {problem}"
        );
    }
    // A dot leads into an object, or is a character of the name.
    let options = TableOptions { time_field: Some("data.T".into()), ..TableOptions::default() };
    for text in ["{\"data\":{\"T\":1378054800}}\n", "{\"data.T\":1378054800,\"x\":\"y\"}\n"] {
        let mut feed = find(text, &options).unwrap();
        let next = feed.next_event(&mut Vec::new()).unwrap();
        assert_eq!(next, Next::Event { timestamp: 1_378_054_800_000_000_000, event_type: 0 }, "{text}");
    }
}
