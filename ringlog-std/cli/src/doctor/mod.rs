//! What of this machine costs speed, or a promise.
//!
//! `machine` reads what the kernel says of itself, the processors, the clock and the limits of this process, `place` what it
//! says of one folder and its file system, and how long the disk takes to sync. Each looks at one thing and returns a
//! [`Finding`]. What cannot be read is no finding: a container may hide it. Nothing is changed, but for a small file
//! in the folder, which is removed again.
#![forbid(unsafe_code)]

pub(crate) mod machine;
pub(crate) mod place;

use serde::Serialize;

/// What a finding means for a log here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Fine,
    /// It may cost speed.
    Slow,
    /// It may cost a promise.
    Risk,
}

/// What was found of one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) about: &'static str,
    pub(crate) grade: Grade,
    /// What was found, and what to do where it is not fine.
    pub(crate) words: String,
}

impl Finding {
    fn new(about: &'static str, grade: Grade, words: impl Into<String>) -> Self {
        Self { about, grade, words: words.into() }
    }

    fn fine(about: &'static str, words: impl Into<String>) -> Self {
        Self::new(about, Grade::Fine, words)
    }
}
