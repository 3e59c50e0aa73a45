//! Changes a log's `writer` file to what a kill or a loss of power leaves.

use std::fs;
use std::path::Path;

use ringlog_nostd::format::crc32c_append;

/// Stores these lines with the right checksum.
pub(crate) fn store(folder: &Path, lines: &str) {
    let checksum = crc32c_append(0, lines.as_bytes());
    fs::write(folder.join("writer"), format!("{lines}checksum: {checksum:08x}\n")).unwrap();
}

/// Changes the lines that the checksum covers.
pub(crate) fn edit(folder: &Path, change: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(folder.join("writer")).unwrap();
    let (lines, _) = text.split_once("checksum: ").unwrap();
    store(folder, &change(lines));
}

/// Makes the file say that its writer did not close the log.
pub(crate) fn set_open(folder: &Path) {
    edit(folder, |lines| {
        let others = lines.lines().filter(|line| !line.starts_with("end: "));
        others.map(|line| line.replace("closed", "open") + "\n").collect()
    });
}

/// Makes the file say that the log begins with this sequence, as after a retention.
pub(crate) fn set_first(folder: &Path, sequence: u64) {
    edit(folder, |lines| lines.replace("first: 0\n", &format!("first: {sequence}\n")));
}

/// Makes the log look as if its last writer had run before the machine's last start.
pub(crate) fn pretend_other_boot(folder: &Path) {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot_id = boot_id.trim();
    edit(folder, |lines| {
        assert!(lines.contains(boot_id), "{lines}");
        lines.replace(boot_id, "00000000-0000-4000-8000-000000000000")
    });
}
