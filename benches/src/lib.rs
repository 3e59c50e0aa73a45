//! Benchmarks of ringlog: see `benches/`.
