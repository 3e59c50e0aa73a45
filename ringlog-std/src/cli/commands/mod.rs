//! The commands of the programs, one file each.

pub(crate) mod cat;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod recover_image;
pub(crate) mod replay;
pub(crate) mod ring;
pub(crate) mod salvage;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod stress;
pub(crate) mod tail;
pub(crate) mod verify;
