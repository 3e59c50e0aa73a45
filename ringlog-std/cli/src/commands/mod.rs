//! The commands of the programs, one file each.

pub(crate) mod backup;
pub(crate) mod cat;
#[cfg(feature = "zstd")]
mod compress;
pub(crate) mod cursors;
mod displaced;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod install;
#[cfg(feature = "nats")]
mod login;
pub(crate) mod plot;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod receive;
pub(crate) mod recover_image;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod ring;
pub(crate) mod salvage;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod ship;
pub(crate) mod ship_beside;
#[cfg(feature = "nats")]
mod ship_line;
pub(crate) mod split;
pub(crate) mod stress;
pub(crate) mod tail;
pub(crate) mod top;
pub(crate) mod verify;
