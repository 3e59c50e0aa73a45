//! TODO

pub(crate) mod pace;
pub(crate) mod pump;
pub(crate) mod recording;
pub(crate) mod replay_target;
pub(crate) mod retention_watch;
pub(crate) mod ring_service;
pub(crate) mod session;
pub(crate) mod status;
