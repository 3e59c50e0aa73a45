//! The common interface of the emulated boards: a timer interrupt, a UART, a reset, memory that survives it.
//!
//! [`firmware!`] makes a program: it adds the start-up code and the handlers to two functions. Results are printed by
//! semihosting: a line that begins with `PASS` or `FAIL`, and the exit status.
#![no_std]

#[cfg_attr(all(target_arch = "arm", target_endian = "little"), path = "board/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/riscv.rs")]
#[cfg_attr(all(target_arch = "arm", target_endian = "big"), path = "board/big_endian.rs")]
pub mod board;
mod retained;
mod script;
mod uart;

pub use retained::{Phase, retained_memory};
pub use script::{LONGEST, payload_of};
pub use uart::Uart;

pub use semihosting::{eprintln, println};

/// The target of this build.
pub const TARGET: &str = env!("FIRMWARE_TARGET");

/// Ends the emulation as passed.
pub fn pass(what: core::fmt::Arguments<'_>) -> ! {
    println!("PASS {TARGET} {what}");
    semihosting::process::exit(0)
}

/// Ends the emulation as failed.
pub fn fail(what: core::fmt::Arguments<'_>) -> ! {
    println!("FAIL {TARGET} {what}");
    semihosting::process::exit(2)
}

/// Ends the emulation because of a panic. For panic handlers.
pub fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("FAIL {TARGET} {info}");
    semihosting::process::exit(101)
}

/// Ends the emulation because of a fault of the processor. For fault handlers.
pub fn trapped(address: usize) -> ! {
    println!("FAIL {TARGET} fault at {address:#x}");
    semihosting::process::exit(5)
}
