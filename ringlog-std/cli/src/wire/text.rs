//! Text that other code of a device sends between the frames.

/// Returns the lines of what is text: UTF-8 without control characters but those of lines and of colours.
pub(crate) fn as_text(bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_shown = |sign: char| !sign.is_control() || matches!(sign, '\n' | '\r' | '\t' | '\x1b');
    let is_text = text.chars().all(is_shown) && text.chars().any(|sign| !sign.is_control());
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    is_text.then(|| lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_boot_loader_are_text_and_damage_is_not() {
        assert_eq!(
            as_text(b"\r\nU-Boot 2024.01\r\n\r\nDRAM: 64 MiB\r\n").unwrap(),
            ["U-Boot 2024.01", "DRAM: 64 MiB"]
        );
        for damage in [&b"\x01abc"[..], b"\x18\xff\xfe", b"\r\n", b""] {
            assert_eq!(as_text(damage), None, "{damage:?}");
        }
    }
}
