//! What README and the documents show can be pasted: their programs are examples, which `.ci/run examples` runs, and but
//! for the firmware's, which is compiled with the tests, doctests of the library.

use std::fs;
use std::path::Path;

/// A document, and the examples that it shows, in order.
const SHOWN: [(&str, &[&str]); 3] = [
    (
        "README.md",
        &[
            "ringlog-std/examples/src/bin/readme_record.rs",
            "ringlog-std/examples/src/bin/readme_typed.rs",
            "ringlog-std/examples/src/bin/readme_threads.rs",
        ],
    ),
    (
        "docs/firmware.md",
        &[
            "ringlog-nostd/examples/firmware_shape.rs",
            "ringlog-nostd/examples/typed_events.rs",
            "ringlog-nostd/examples/awaited_events.rs",
        ],
    ),
    (
        "docs/operating.md",
        &["ringlog-std/examples/src/bin/readme_shared.rs", "ringlog-std/examples/src/bin/readme_months.rs"],
    ),
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

/// The fenced blocks of a document in this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let after_fence = |rest: &str| {
        let (attributes, block) = rest.split_once('\n')?;
        let is_language = attributes.is_empty() || attributes.starts_with(',');
        is_language.then(|| block.split("```\n").next().unwrap().to_owned())
    };
    document.split(&format!("```{language}")).skip(1).filter_map(after_fence).collect()
}

#[test]
fn every_program_in_readme_is_an_example() {
    for (document, examples) in SHOWN {
        let shown = blocks(&read(document), "rust");
        assert_eq!(shown.len(), examples.len(), "{document}");
        for (shown, example) in shown.iter().zip(examples) {
            assert_eq!(*shown, read(example), "{document} does not show {example}");
        }
    }
}

/// A program that ignores a full ring would lose events in silence.
#[test]
fn every_producer_in_readme_handles_a_full_ring() {
    for (document, _) in SHOWN {
        for program in blocks(&read(document), "rust").iter().filter(|it| it.contains("write_event")) {
            assert!(program.contains(".lossy()") || program.contains("Full"), "{document}: {program}");
        }
    }
}

#[test]
fn the_dependency_in_readme_names_the_package() {
    let shown = blocks(&read("README.md"), "toml").concat();
    let line = shown.lines().find(|line| line.starts_with("ringlog = ")).expect("a dependency");
    assert!(line.contains("package = \"ringlog-std\""), "{line}");
    // Anyone who wants the programs installs them: a second line would have no use as a dependency.
    assert_eq!(shown.matches("ringlog = ").count(), 1, "{shown}");
    assert!(
        read("README.md")
            .contains("`cargo install --locked --path ringlog/ringlog-std/cli` installs the programs")
    );
}
