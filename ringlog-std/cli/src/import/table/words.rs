//! Parts of messages about tables.
#![forbid(unsafe_code)]

const CELL_SHOWN: usize = 60;

/// Returns the start of a text, for a message.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into(),
    }
}
