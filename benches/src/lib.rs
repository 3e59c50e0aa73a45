//! Benchmarks of ringlog, and of other rings beside it: see `benches/` and `src/bin/`.

pub mod machine;
