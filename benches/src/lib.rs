//! Benchmarks of ringlog, and of other rings beside it: see `benches/` and `src/bin/`.

pub mod chart;
pub mod compare;
pub mod duel;
pub mod external;
pub mod latency;
pub mod machine;
pub mod prepared_file;
pub mod rivals;
pub mod rounds;
pub mod sample_log;
pub mod solo;
pub mod structs;
pub mod work;
