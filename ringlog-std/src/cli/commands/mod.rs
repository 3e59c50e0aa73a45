//! What the programs do, a file for each command.

pub(crate) mod cat;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod recover_image;
pub(crate) mod serve;
pub(crate) mod stress;
pub(crate) mod verify;
