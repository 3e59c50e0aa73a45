//! Imports that continue, and `-` in the place of a file.

use std::fs;
use std::path::Path;

use super::Row;
use super::imports::{import, said};
use crate::cli::support::{ringlog, word};

/// Imports the file of each text one after the other into one log; gives what the last one says.
fn resumed(folder: &Path, name: &str, texts: &[&str], options: &str) -> Row {
    let (path, log) = (folder.join("grows.csv"), folder.join("log"));
    let words = ["import", word(&path), "--log", word(&log), "--resume"];
    let words: Vec<_> = words.into_iter().chain(options.split_whitespace()).collect();
    let import = |text: &&str| {
        fs::write(&path, text).unwrap();
        ringlog(&words)
    };
    let outputs: Vec<_> = texts.iter().map(import).collect();
    let output = outputs.last().unwrap();
    fs::remove_file(&path).unwrap();
    let _ = fs::remove_dir_all(&log);
    let row = said(name, folder, output);
    Row {
        said: row.said.lines().filter(|line| !line.starts_with("time: ")).collect::<Vec<_>>().join("\n"),
        ..row
    }
}

const ONE: &str = "time,price\n1700000000,5\n";
const TWO: &str = "time,price\n1700000000,5\n1700000001,6\n";

const UNREADABLE: &str = r#"{"meta":7,"schema":{"type":7,"name":"tock","size":3,"fields":[{"name":"a","offset":0,"kind":"text"}]}}
{"sequence":1,"timestamp":1796032800000000000,"time":"2026-11-30T10:00:00.000000000Z","event_type":7,"flags":0,"payload_len":3,"hex":"616263"}
"#;

/// A log whose first file was deleted.
fn without_start(folder: &Path) -> Row {
    let (path, log) = (folder.join("grows.csv"), folder.join("log"));
    let import = |text: &str| {
        fs::write(&path, text).unwrap();
        ringlog(&["import", word(&path), "--log", word(&log), "--resume"])
    };
    import(ONE);
    import(TWO);
    fs::remove_file(log.join("00000000000000000000.evtl")).unwrap();
    let row = said("--resume into a log without its start", folder, &import(TWO));
    fs::remove_file(&path).unwrap();
    fs::remove_dir_all(&log).unwrap();
    row
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let file = folder.join("file");
    let named = |words: &str| {
        let words: Vec<_> =
            words.split_whitespace().map(|it| if it == "FILE" { word(&file) } else { it }).collect();
        said(&format!("`{}`", words.join(" ").replace(word(&file), "FILE")), folder, &ringlog(&words))
    };
    let mut rows = vec![
        resumed(folder, "--resume of a file that is new", &[ONE], ""),
        resumed(folder, "--resume of a file that has grown", &[ONE, TWO], ""),
        resumed(folder, "--resume of a file without its last line end", &[ONE, TWO.trim_end()], ""),
        resumed(
            folder,
            "--resume of a file that was replaced",
            &[TWO, "time,price\n1700000000,5\n1700000001,7\n"],
            "",
        ),
        resumed(folder, "--resume of a file that was cut", &[TWO, ONE], ""),
        resumed(folder, "--resume and a full disk that leaves holes", &[ONE], "--full-disk drop"),
        without_start(folder),
        import(
            folder,
            "an export with a description that cannot be read",
            "a.json",
            UNREADABLE.as_bytes(),
            "",
        ),
    ];
    for words in [
        "verify -",
        "cat - --schema -",
        "import - --log FILE --resume",
        "import FILE --log -",
        "serve --ring -",
        "top -",
        "cat FILE --format csv --to -",
    ] {
        rows.push(named(words));
    }
    rows
}
