//! The key of a field, encoded once.
#![forbid(unsafe_code)]

use super::items::text_head;

/// Of a short key and its head, in bytes.
pub(super) const KEY_BYTES: usize = 16;

/// The name of a field as a key.
pub(super) struct Key {
    name: &'static str,
    /// Its head and the name; the rest is of no meaning.
    pub(super) bytes: [u8; KEY_BYTES],
    /// Length of both; `None` if that is more.
    pub(super) len: Option<u8>,
}

impl Key {
    pub(super) fn new(name: &'static str) -> Self {
        // Of a keyword that names a field.
        let name = name.strip_prefix("r#").unwrap_or(name);
        let (mut bytes, mut len) = ([0; KEY_BYTES], None);
        if let Some(to) = bytes.get_mut(1..=name.len()) {
            to.copy_from_slice(name.as_bytes());
            len = u8::try_from(1 + name.len()).ok();
            bytes[0] = text_head(name);
        }
        Self { name, bytes, len }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }
}
