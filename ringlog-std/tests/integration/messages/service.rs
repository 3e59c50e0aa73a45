//! Options in a file that `serve` cannot take, and addresses at which it cannot answer.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use super::Row;
use super::programs::run;

const FILES: &[(&str, &str)] = &[
    ("an option in a file that there is not", "log = \"DIR/never\"\nkeep_bytes = \"1GiB\"\n"),
    ("an option in a file that is like no other", "zebra = 1\n"),
    ("an option that is for the command line alone", "config = \"more\"\n"),
    ("a switch in a file that is a text", "json = \"yes\"\n"),
    ("a value in a file that is no text", "log = [\"DIR/never\"]\n"),
    ("a value in a file that the option does not take", "log = \"DIR/never\"\n\nrate = \"fast\"\n"),
    ("a file of options that is no TOML", "log = DIR/never\n"),
];

/// The rows of this file.
pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let config = folder.join("serve.toml");
    let of_file = |&(name, text): &(&str, &str)| {
        fs::write(&config, text.replace("DIR", folder.to_str().unwrap())).unwrap();
        run(name, folder, "serve --config DIR/serve.toml")
    };
    let mut rows: Vec<_> = FILES.iter().map(of_file).collect();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut at_taken =
        run("a port of metrics that is taken", folder, &format!("serve --log DIR/never --metrics {port}"));
    at_taken.said = at_taken.said.replace(&port, "PORT");
    rows.extend([
        run("a file of options that is not there", folder, "serve --config DIR/missing"),
        at_taken,
        run("an address of metrics that is none", folder, "serve --metrics host:1"),
        run("counts of a quiet service", folder, "serve --quiet --progress"),
    ]);
    rows
}
