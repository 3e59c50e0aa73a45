//! Which run of the machine this is.
#![forbid(unsafe_code)]

use std::{fs, io};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Returns the identity of the machine's current run, which every restart changes.
///
/// As long as it is unchanged, everything that a killed process left in memory-mapped files is still there.
///
/// An error if `/proc` is not mounted or not readable.
pub(crate) fn boot_id() -> io::Result<String> {
    fs::read_to_string(BOOT_ID).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_is_one_line_and_stays_the_same() {
        let first = boot_id().unwrap();
        assert_eq!(first.len(), 36);
        assert_eq!(first, boot_id().unwrap());
    }
}
