//! The machine's memory.
#![forbid(unsafe_code)]

use rustix::system::sysinfo;

/// Returns the bytes of memory of the machine.
pub(crate) fn memory_bytes() -> u64 {
    let info = sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}
