//! Code in README compiles as pasted: its programs are the examples, which are compiled with the tests.

use std::fs;
use std::path::Path;

const EXAMPLES: [&str; 4] = [
    "ringlog-std/examples/readme_record.rs",
    "ringlog-std/examples/readme_shared.rs",
    "ringlog-nostd/examples/firmware_shape.rs",
    "ringlog-std/examples/readme_months.rs",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

/// Returns the fenced blocks of README in this language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).map(|rest| rest.split("```\n").next().unwrap().to_owned()).collect()
}

#[test]
fn every_program_in_readme_is_an_example() {
    let shown = blocks(&read("README.md"), "rust");
    assert_eq!(shown.len(), EXAMPLES.len());
    for (shown, example) in shown.iter().zip(EXAMPLES) {
        assert_eq!(*shown, read(example), "README.md does not show {example}");
    }
}

/// A program in README that ignores a full ring would lose events in silence.
#[test]
fn every_producer_in_readme_handles_a_full_ring() {
    for program in blocks(&read("README.md"), "rust").iter().filter(|it| it.contains("write_event")) {
        assert!(program.contains(".lossy()") || program.contains("Full"), "{program}");
    }
}

#[test]
fn the_dependency_in_readme_names_the_package() {
    let shown = blocks(&read("README.md"), "toml").concat();
    let line = shown.lines().find(|line| line.starts_with("ringlog = ")).expect("a dependency");
    assert!(line.contains(concat!("package = \"", env!("CARGO_PKG_NAME"), "\"")), "{line}");
}
