//! Records from a feed through a ring into a log, with its pace, progress and end.
//!
//! `session` runs a recording in this process, `ring_service` records a shared ring, `pump` moves events from a feed to
//! the ring. The commands that record or replay call this folder.

pub(crate) mod loss_reports;
pub(crate) mod pace;
pub(crate) mod pump;
pub(crate) mod recording;
pub(crate) mod replay_target;
pub(crate) mod retention_watch;
pub(crate) mod ring_service;
pub(crate) mod session;
pub(crate) mod status;
