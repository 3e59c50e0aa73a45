//! A big-endian Arm under user-mode emulation: no interrupts, no devices, no reset; semihosting works.

use semihosting::fs::File;
use semihosting::io::Write;

/// Does nothing: there is no timer, and the program's main loop calls `on_timer` itself.
pub fn start_timer(_instructions: u32) {}

/// Whether `on_timer` is called by an interrupt.
pub const HAS_INTERRUPTS: bool = false;

/// Does nothing: this target cannot be reset.
pub fn reset() -> ! {
    crate::fail(format_args!("no reset under user-mode emulation"))
}

/// Does nothing: there is no watchdog.
pub fn wait_for_watchdog() {}

/// A file of the host in place of a UART.
pub(crate) struct Transmitter(File);

impl Transmitter {
    pub(crate) fn start() -> Self {
        Self(File::create(c"serial.out").expect("the host lets a file be made"))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the host takes the bytes");
    }
}

core::arch::global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    ".arm",
    "_start:",
    "    bic sp, sp, #7",
    "    bl firmware_start",
    "1:  b 1b",
);

struct NoInterrupts;
critical_section::set_impl!(NoInterrupts);

// SAFETY: there is a single context of execution.
unsafe impl critical_section::Impl for NoInterrupts {
    unsafe fn acquire() -> bool {
        false
    }

    unsafe fn release(_: bool) {}
}

/// Adds start-up code to a program: its main function, and the function that a timer would call.
#[macro_export]
macro_rules! firmware {
    (main: $main:path, timer: $timer:path, panic: $panic:path) => {
        // SAFETY: the name that the start-up code in this crate calls.
        #[unsafe(no_mangle)]
        extern "C" fn firmware_start() -> ! {
            const _: fn() = $timer;
            $main()
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $panic(info)
        }
    };
}
