//! The time of day.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the nanoseconds since 1970, negative before.
#[inline]
pub fn unix_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
