//! Names of fields and types, made of those in a file.
#![forbid(unsafe_code)]

use std::path::Path;

const NAME_BYTES_MAX: usize = 64;

/// Returns a name of ASCII letters, digits and `_` for any text: the others become one `_`.
pub(super) fn identifier(text: &str, otherwise: &str) -> String {
    let mut name = String::new();
    for letter in text.trim().chars() {
        match letter {
            _ if letter.is_ascii_alphanumeric() => name.push(letter),
            _ if name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_matches('_');
    let start = if name.starts_with(|first: char| first.is_ascii_digit()) { "_" } else { "" };
    let mut name = if name.is_empty() { otherwise.into() } else { format!("{start}{name}") };
    name.truncate(NAME_BYTES_MAX);
    name
}

/// Makes a name that is not taken, by a number at its end.
pub(super) fn free(name: String, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name);
    if is_free(&name) {
        return name;
    }
    let numbered = (2_usize..).map(|number| {
        let number = format!("_{number}");
        let kept = name.len().min(NAME_BYTES_MAX - number.len());
        format!("{}{number}", &name[..kept])
    });
    numbered.into_iter().find(is_free).unwrap_or(name.clone())
}

/// Whether a text is a name as schemas have them.
pub(super) fn is_identifier(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let has_letters = text.bytes().all(is_letter) && !text.starts_with(|first: char| first.is_ascii_digit());
    has_letters && (1..=NAME_BYTES_MAX).contains(&text.len())
}

/// Returns a name for the type of a file's events: that of the file, without the endings.
pub(super) fn of_file(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = &*name;
    for _ in 0..2 {
        stem = match stem.rsplit_once('.') {
            Some((before, ending)) if !before.is_empty() && is_ending(ending) => before,
            _ => stem,
        };
    }
    identifier(stem, "event")
}

fn is_ending(ending: &str) -> bool {
    let known = ["gz", "gzip", "zst", "zstd", "csv", "tsv", "txt", "json", "jsonl", "ndjson", "log"];
    known.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        for (text, name) in [
            ("Price", "Price"),
            (" Gmt time ", "Gmt_time"),
            ("2m_px (1-2)", "_2m_px_1_2"),
            ("größe", "gr_e"),
            ("€", "column_3"),
            ("", "column_3"),
        ] {
            assert_eq!(identifier(text, "column_3"), name);
            assert!(is_identifier(name));
        }
        assert!(is_identifier(&identifier(&"x-y".repeat(99), "x")));
        assert!(!is_identifier("a b") && !is_identifier("") && !is_identifier("1a"));
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let taken = ["a".to_owned(), "a_2".into(), "x".repeat(64)];
        assert_eq!(free("a".into(), &taken), "a_3");
        assert_eq!(free("b".into(), &taken), "b");
        assert_eq!(free("x".repeat(64), &taken), format!("{}_2", "x".repeat(62)));
    }

    #[test]
    fn a_type_is_called_like_its_file() {
        for (path, name) in [
            ("/a/tick_data.csv", "tick_data"),
            ("BTCUSDT-trades-2023-05.csv.gz", "BTCUSDT_trades_2023_05"),
            ("b.v2.txt", "b_v2"),
            (".csv", "csv"),
            ("5.jsonl", "_5"),
        ] {
            assert_eq!(of_file(Path::new(path)), name);
        }
    }
}
