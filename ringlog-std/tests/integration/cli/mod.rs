//! The programs `ringlog` and `stress`, run as a user runs them.

pub(crate) mod bad_input;
mod compress;
mod compressed;
mod damage;
mod ending;
mod export;
pub(crate) mod feeds;
mod import;
mod limits;
mod loss;
mod output;
mod receive;
mod recover_image;
mod replay;
mod report;
mod ring;
pub(crate) mod serve;
mod serve_messages;
mod serve_ring;
mod serve_threads;
mod service;
mod stops;
mod stress;
pub(crate) mod support;
mod tables;
mod tail;
mod typed_import;
