//! The sources of the crates, and which of them are tests.

use std::fs;
use std::path::{Path, PathBuf};

/// All sources of the crates.
pub(super) fn source_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    ["src", "cli/src", "../ringlog-nostd/src"].iter().flat_map(|it| files_below(&root.join(it))).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| files_below(folder)));
    files.sort();
    files
}

/// The sources below a folder without those of modules for tests alone.
#[cfg(feature = "cli")]
pub(super) fn program_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    let tests: Vec<PathBuf> = files.iter().flat_map(|path| test_modules(path)).collect();
    files.retain(|path| !tests.iter().any(|module| path.with_extension("").starts_with(module)));
    files
}

/// The modules in other files that a source has for tests alone, as paths without an ending.
#[cfg(feature = "cli")]
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let source = fs::read_to_string(path).unwrap();
    let is_root = ["mod.rs", "lib.rs", "main.rs"].iter().any(|root| path.ends_with(root));
    let folder = if is_root { path.parent().unwrap().into() } else { path.with_extension("") };
    let marked =
        source.split("#[cfg(").skip(1).filter(|it| it.starts_with("test)") || it.starts_with("all(test,"));
    marked.filter_map(declared_module).map(|name| folder.join(name)).collect()
}

/// The module that the first line after some attributes has in another file.
#[cfg(feature = "cli")]
fn declared_module(attributes: &str) -> Option<&str> {
    let line = attributes.lines().skip(1).map(str::trim).find(|line| !line.starts_with("#["))?;
    line.rsplit_once("mod ")?.1.strip_suffix(';')
}

#[cfg(feature = "cli")]
#[test]
fn modules_for_tests_alone_are_no_program_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    store("mod.rs", "#[cfg(test)]\nmod trials;\nmod read;\n#[cfg(feature = \"x\")]\nmod more;\n");
    store("read.rs", "mod tests_of;\n#[cfg(test)]\n#[allow(dead_code)]\npub(crate) mod tests;\n");
    store("more/mod.rs", "#[cfg(all(test, unix))]\nmod tests;\n#[cfg(test)]\nmod inner {\n}\nmod inner;\n");
    for name in ["trials.rs", "trials/deep/holes.rs", "read/tests.rs", "more/tests/mod.rs"] {
        store(name, "");
    }
    let kept = ["more/inner.rs", "read/tests_of.rs"];
    kept.iter().for_each(|name| store(name, ""));
    let mut expected: Vec<_> =
        ["mod.rs", "more/mod.rs", "read.rs"].into_iter().chain(kept).map(Path::new).collect();
    expected.sort();
    let mut found = program_files(folder.path());
    found.sort();
    let found: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
    assert_eq!(found, expected);
}
