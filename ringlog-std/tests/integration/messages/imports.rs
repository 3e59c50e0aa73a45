//! Files that cannot be imported, or not as a whole: tables and lines of JSON.

use std::fs;
use std::path::Path;

use super::{Row, assert_table, captures, inputs, standard, typed_imports, with_placeholders};
use crate::cli::support::{ringlog, without_times, word};

/// Imports a file of these bytes, and gives all that the program says, but for how long it took.
pub(super) fn import(folder: &Path, name: &str, file: &str, bytes: &[u8], options: &str) -> Row {
    let (path, log) = (folder.join(file), folder.join("log"));
    fs::write(&path, bytes).unwrap();
    let words = ["import", word(&path), "--log", word(&log)];
    let output = ringlog(&words.into_iter().chain(options.split_whitespace()).collect::<Vec<_>>());
    fs::remove_file(&path).unwrap();
    let _ = fs::remove_dir_all(&log);
    said(name, folder, &output)
}

/// The exit code, what was said on standard error, and notes.
pub(super) fn said(name: &str, folder: &Path, output: &std::process::Output) -> Row {
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    let text = without_times(&String::from_utf8_lossy(&output.stderr));
    let notes = String::from_utf8_lossy(&output.stdout);
    let is_note = |line: &&str| ["note: ", "skipped: "].iter().any(|it| line.starts_with(it));
    let is_said =
        |line: &&str| !line.is_empty() && !line.starts_with("Usage: ") && !line.starts_with("For more");
    let lines: Vec<_> = text.lines().filter(is_said).chain(notes.lines().filter(is_note)).collect();
    Row {
        name: name.to_owned(),
        said: format!("exit {code}\n{}", with_placeholders(&lines.join("\n"), folder)),
    }
}

type Case = (&'static str, &'static str, &'static str);

/// What is triggered, the table, and the options.
const REFUSED: &[Case] = &[
    ("a table without rows", "# time,price\n", ""),
    ("a first row with a quote too many", "\"a\"b,c\n1700000000,2\n", ""),
    ("a first row that may name the columns", "abc,def\nghi,jkl\n", ""),
    ("cells that can be split in two ways", "2026-01-01 00:00:00,5;1640\n2026-01-01 00:00:01,5;1641\n", ""),
    ("a comma after the second", "2026-01-01 00:00:00,123\n2026-01-01 00:00:01,456\n", ""),
    ("a column that is not there, by name", "time,price\n1700000000,2\n", "--time-column when"),
    ("a column that is not there, by number", "1700000000,2\n", "--time-column 3 --header no"),
    ("two columns of one name", "time,time\n1700000000,1700000001\n", "--time-column time"),
    ("a given column that holds no times", "time,name\n1700000000,abc\n", "--time-column name"),
    (
        "a given column and a unit that it does not have",
        "time,name\n1700000000,abc\n",
        "--time-column name --time-unit ms",
    ),
    ("a date without a time of day", "day,name\n2026-01-01,abc\n", "--date-column day"),
    (
        "two columns of times",
        "open_time,close_time\n1378054800083,1378054800999\n1378054801000,1378054801999\n",
        "",
    ),
    ("a date that may be two", "time,price\n05/06/2013 17:00:00,5\n", ""),
    (
        "a date that may be two, beside its time of day",
        "date,time,price\n05/06/2013,17:00:00,5\n05/06/2013,17:00:01,5\n",
        "",
    ),
    ("a number that may be seconds or a date", "time,price\n2013090117,5\n", ""),
    ("dates without a column of times of day", "date,price\n2026-01-01,5\n2026-01-01,6\n", ""),
    ("numbers that nothing names", "1700000000,1700000500\n1700000001,1700000400\n", ""),
    ("names, and none of the time", "name,price\nabc,5\n", ""),
    ("numbers that may be the time", "id,price\n1700000000,5\n1700000001,6\n", ""),
    ("a time before 1970", "time,price\n1969-01-01 00:00:00,5\n", ""),
    ("a time that is not understood", "time,price\nsoon,5\nlater,6\n", ""),
    (
        "another column with the time of day",
        "time,clock\n2026-01-01T23:00:00Z,10:00:00\n2026-01-02T23:00:00Z,10:00:01\n",
        "",
    ),
    ("another column with the fraction", "time,usec\n1700000000,123\n1700000001,456\n", ""),
    ("a time of GPS", "gps_time,price\n1700000000,5\n1700000001,6\n", ""),
    ("a column that names a zone", "time,zone\n2026-01-01 00:00:00,Europe/Berlin\n", ""),
    ("a title", "Trades of 2023\ntime,price\n1700000000,5\n1700000001,6\n1700000002,7\n", ""),
    (
        "commas that may be those of numbers",
        "1,72654E+11\t1566,48\tsell\n1,72654E+11\t1663,96\tbuy\n1,72654E+11\t1865,15\tbuy\n5\t1,72654E+11\t1693,60\tbuy\n",
        "--time-unit ms --time-column 1",
    ),
    (
        "rows of different widths without names",
        "2026-04-15,2026-04-15,5,2026-03-05,14:34:26.885\n7,2026-04-15,2026-04-15,5,2026-03-05,14:34:26.885\n",
        "",
    ),
    ("more names than cells", "id,price,time,note\na,5,1700000000\nb,6,1700000001\n", ""),
    ("a name of another unit", "time_ms,price\n1700000000,5\n1700000001,6\n", ""),
    ("times that a spreadsheet has rounded", "time,price\n1.7E+12,5\n1.7E+12,6\n", ""),
    ("a named column without names", "1700000000,5\n", "--time-column time --header no"),
    ("a date column and a unit of seconds", "1700000000,5\n", "--date-column 1 --time-unit ms"),
    ("a decimal comma between commas", "1700000000,5\n", "--decimal-comma --delimiter ,"),
    ("column 0", "1700000000,5\n", "--time-column 0"),
    ("a delimiter of two characters", "1700000000,5\n", "--delimiter ::"),
    ("a delimiter that is in no row", "time,price\n1700000000,5\n1700000001,6\n", "--delimiter ;"),
    ("a format of times that cannot be", "time,price\n10:00:00,5\n", "--time-format %H:%M:%S"),
    ("a time that is not as the format says", "time,price\n10:00:00,5\n", "--time-format %Y-%m-%d"),
    ("an option of JSON for a table", "1700000000,5\n", "--time-field t"),
    ("an option of tables for lines", "1700000000,5\n", "--time-unit ms --format lines"),
    ("an option of CSV for lines", "1700000000,5\n", "--skip-rows 1 --format lines"),
    ("a table with a quote too many in each row", "time,text\n1700000000,\"5\" a\n", ""),
    (
        "a table of which each row would be skipped",
        "time,price\nsoon,5\n",
        "--time-column time --time-unit ms --skip-rows 1 --header no",
    ),
];

const SKIPPED: &[Case] = &[
    ("a row with a cell too many", "price,time\n1,1700000000\n2,1700000001\n3,4,1700000002\n", ""),
    (
        "a row without its time",
        "a;1700000000;x\nb;1700000001\nc\nd;1700000003;x;y\ne;1700000004;x;y;z\n",
        "--time-column 2 --time-unit s --delimiter ; --header no",
    ),
    ("a row whose time is none", "time,price\n1700000000,2\nsoon,3\n1700000002,4\n", ""),
    ("a last row that is cut", "time,price,size\n1700000000,1,2\n1700000001,3,4\n1700000002,5", ""),
    (
        "a zone that is named and not taken",
        "time,zone\n2026-01-01 00:00:00,Europe/Berlin\n",
        "--time-column time",
    ),
    ("names in a comment", "# time,price\n1700000000,1\n1700000001,2\n# the end\n", ""),
    ("a row that begins with #", "id,time,price\na,1700000000,1\n#b,soon,2\nc,1700000002,3\n", ""),
    ("rounded times that are taken", "time,price\n1.7E+12,5\n1.7E+12,6\n", "--time-unit ms"),
    (
        "an address, and a delimiter that a line names",
        "https://example.org\n\"sep=;\"\ntime;price\n1700000000;1\n",
        "",
    ),
    ("a last row without a line end", "time,price\n1700000000,10\n1700000001,1", ""),
    ("one comment", "# a table\ntime,price\n1700000000,1\n", ""),
    ("a carriage return in a line", "time,price\n1700000000,1\n1700000001,a\rb\n", ""),
    ("a quote that is never closed", "time,price\n1700000000,1\n1700000001,\"2\n", ""),
    (
        "a quote that is not closed before the next row",
        "time,price\n1700000000,1\n1700000001,\"2\n1700000002,\"3\"\n",
        "",
    ),
    ("more after a closing quote", "time,price\n1700000000,1\n1700000001,\"2\"3\n", ""),
    ("times with the offset of each", "time,price\n2026-01-01T00:00:00+01:00,1\n", ""),
    (
        "times with a decimal comma",
        "time;price\n1700000000,5;1,5\n1700000001,5;1,5\n",
        "--decimal-comma --delimiter ; --time-unit s --time-column time",
    ),
    ("a time of twelve hours", "time,price\n2026-01-01 01:00:00 PM,1\n", ""),
    ("a time of twelve hours without seconds", "time,price\n2026-01-01 01:00 PM,1\n", ""),
    ("a time of day in digits", "date,time,price\n20260113,130405,1\n20260113,130406,1\n", ""),
];

const JSON: &[Case] = &[
    ("lines of which none is JSON", "no JSON\n", ""),
    ("an array of JSON", "[{\"time\":1700000000}]\n", ""),
    ("lines without a time", "{\"name\":\"a\"}\n", ""),
    ("a field that no line has", "{\"time\":1700000000}\n", "--time-field when"),
    (
        "two fields that may be the time",
        "{\"open_time\":1378054800083,\"close_time\":1378054800999}\n{\"open_time\":1378054801000,\"close_time\":1378054801999}\n",
        "",
    ),
    ("an option of CSV for JSON", "{\"time\":1700000000}\n", "--delimiter ;"),
    ("a column of CSV for JSON", "{\"time\":1700000000}\n", "--time-column time"),
    (
        "lines of which most have no time",
        "{\"time\":1700000000}\n{\"time\":\"soon\"}\nno JSON\n{\"time\":true}\n{\"price\":5}\n{\"time\":1,\"time\":2}\n",
        "",
    ),
    (
        "lines of which some have no time",
        "{\"time\":1700000000}\n{\"time\":1700000001}\n{\"time\":1700000002}\n{\"time\":1700000003}\n\
         {\"time\":\"soon\"}\n{\"time\":true}\n{\"price\":5}\n{\"time\":1,\"time\":2}\nno JSON\n",
        "",
    ),
    ("a field in an object", "{\"a\":{\"t\":1700000000}}\n{\"a\":5}\n", "--time-field a.t"),
    ("a date that may be two", "{\"time\":\"05/06/2013 17:00:00\",\"price\":5}\n", ""),
    (
        "a date that may be two, beside its time of day",
        "{\"date\":\"05/06/2013\",\"time\":\"17:00:00\"}\n{\"date\":\"05/06/2013\",\"time\":\"17:00:01\"}\n",
        "",
    ),
    (
        "dates without a time of day",
        "{\"date\":\"2026-01-01\",\"price\":5}\n{\"date\":\"2026-01-01\",\"price\":6}\n",
        "",
    ),
    ("numbers that may be the time", "{\"id\":1700000000}\n{\"id\":1700000001}\n", ""),
    (
        "another field with the fraction",
        "{\"time\":1700000000,\"usec\":123}\n{\"time\":1700000001,\"usec\":456}\n",
        "",
    ),
    ("a time of GPS", "{\"gps_time\":1700000000}\n{\"gps_time\":1700000001}\n", ""),
    ("a field that names a zone", "{\"time\":\"2026-01-01 00:00:00\",\"zone\":\"Europe/Berlin\"}\n", ""),
    ("a name of another unit", "{\"time_ms\":1700000000}\n{\"time_ms\":1700000001}\n", ""),
    ("times that a spreadsheet has rounded", "{\"time\":1.7E+12}\n{\"time\":1.7E+12}\n", ""),
    ("a given field that holds no times", "{\"name\":\"abc\"}\n", "--time-field name"),
    (
        "a given field and a unit that it does not have",
        "{\"name\":\"abc\"}\n",
        "--time-field name --time-unit ms",
    ),
    (
        "a date and a time of day",
        "{\"date\":\"2026-01-13\",\"time\":\"13:04:05\"}\n{\"date\":\"2026-01-13\",\"time\":\"13:04:06\"}\n",
        "",
    ),
];

/// Rows that are too long to be written here.
fn long(folder: &Path) -> Vec<Row> {
    let table =
        |cell: &str| format!("time,text\n1700000000,a\n1700000001,{cell}\n1700000002,b\n").into_bytes();
    let lines = "x\n".repeat(101);
    let many = format!("time,text\n{}", "1700000000,a\n".repeat(300)).into_bytes();
    let rows = format!("time,text\n1700000000,{}\n", "x".repeat(70_000)).into_bytes();
    let json = b"{\"time\":1700000000}\n{\"time\":\"\xFF\"}\n";
    let utf16: Vec<u8> =
        "\u{FEFF}time,price\n1700000000,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        import(folder, "a row longer than an event", "a.csv", &table(&"x".repeat(70_000)), ""),
        import(folder, "a line that is longer still", "a.csv", &table(&"x".repeat(1 << 20)), ""),
        import(
            folder,
            "a quote over 101 lines",
            "a.csv",
            &[many, table(&format!("\"{lines}\""))].concat(),
            "",
        ),
        import(folder, "rows of which each is longer than an event", "a.csv", &rows, ""),
        import(folder, "a line that is no UTF-8", "a.jsonl", json, ""),
        import(folder, "UTF-16", "a.csv", &utf16, ""),
        import(folder, "UTF-16 as lines", "a.txt", &utf16, ""),
        import(folder, "bytes as lines", "a.npy", b"\x93NUMPY\x01\0", ""),
        import(folder, "JSON as lines", "a.log", b"{\"time\":1700000000}\n", ""),
        import(folder, "half a character of UTF-16", "a.csv", &utf16[..utf16.len() - 1], ""),
    ]
}

fn rows_of(folder: &Path, cases: &[Case], file: &str) -> Vec<Row> {
    let row = |&(name, text, options): &Case| import(folder, name, file, text.as_bytes(), options);
    cases.iter().map(row).collect()
}

#[test]
fn imports_say_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = rows_of(folder, REFUSED, "a.csv");
    rows.extend(rows_of(folder, SKIPPED, "a.csv"));
    rows.extend(rows_of(folder, JSON, "a.jsonl"));
    rows.extend(long(folder));
    rows.extend(captures::rows(folder));
    rows.extend(inputs::rows(folder));
    rows.extend(typed_imports::rows(folder));
    rows.extend(standard::rows(folder));
    assert_table("imports.txt", &rows);
}
