//! Copies of whole logs: backups, what is restored from them, and the parts of a log that is split.
//!
//! `backup` brings a folder up to date with a log, `restore` makes a log of a backup, `split` cuts one log into several by
//! time. They share `content`, the bytes of one segment, read and compared, and `draft`, which gives a file or a folder its
//! name once it is whole and on the disk. The programs call this folder. Nothing here changes the log that is read.

pub(crate) mod backup;
pub(crate) mod content;
pub(crate) mod draft;
pub(crate) mod error;
pub(crate) mod held;
pub(crate) mod parts;
pub(crate) mod restore;
pub(crate) mod source;
pub(crate) mod split;
#[cfg(test)]
mod tests;
