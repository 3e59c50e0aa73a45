//! The programs `ringlog` and `stress`, run as a user runs them.

mod bad_input;
mod damage;
mod import;
mod loss;
mod output;
mod recover_image;
mod replay;
mod serve;
mod serve_ring;
mod stress;
mod support;
mod tail;
