//! Benchmarks of ringlog, and of other rings beside it: see `benches/` and `src/bin/`.

pub mod chart;
pub mod latency;
pub mod machine;
