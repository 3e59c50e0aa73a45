//! ringlog
fn main() {}
