//! The virt machine of qemu-system-riscv32, its processor without the A extension.

use portable_atomic::{AtomicU32, Ordering};
use riscv::register::{mie, mstatus};

/// The timer compare and count registers of the CLINT, two words each.
const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_BFF8 as *const u32;
/// The device that stops or resets the machine.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const FINISHER_RESET: u32 = 0x7777;
/// A 16550: the data register, and the register that shows whether it can take a byte.
const UART_DATA: *mut u8 = 0x1000_0000 as *mut u8;
const UART_LINE_STATUS: *const u8 = 0x1000_0005 as *const u8;
const UART_READY: u8 = 0x20;

static STEP: AtomicU32 = AtomicU32::new(0);

/// Starts the machine timer, which calls `on_timer` about every `instructions` instructions of the emulated core. One
/// takes 64 ns under `-icount shift=6`; a tick of the timer is 100 ns.
pub fn start_timer(instructions: u32) {
    // ORDERING: Relaxed. One hart; the interrupt that reads it is turned on below.
    STEP.store(instructions / 3 * 2, Ordering::Relaxed);
    rearm();
    // SAFETY: the program has a handler for it, by `firmware!`.
    unsafe { mie::set_mtimer() };
    // SAFETY: as above.
    unsafe { mstatus::set_mie() };
}

/// Sets the time of the timer's next interrupt.
pub fn rearm() {
    // SAFETY: fixed registers of this machine, here and below.
    let low = unsafe { MTIME.read_volatile() };
    // ORDERING: Relaxed. As in `start_timer`.
    let next = low.wrapping_add(STEP.load(Ordering::Relaxed));
    // The machine runs for far less than the 429 s after which the lower word wraps.
    // SAFETY: as above.
    unsafe { MTIMECMP.wrapping_add(1).write_volatile(0) };
    // SAFETY: as above.
    unsafe { MTIMECMP.write_volatile(next) };
}

/// Whether `on_timer` is called by an interrupt.
pub const HAS_INTERRUPTS: bool = true;

/// Resets the whole machine.
pub fn reset() -> ! {
    // SAFETY: a fixed register of this machine.
    unsafe { FINISHER.write_volatile(FINISHER_RESET) };
    loop {
        core::hint::spin_loop();
    }
}

/// Does nothing: this machine has no watchdog.
pub fn wait_for_watchdog() {}

/// The machine's UART.
pub(crate) struct Transmitter(());

impl Transmitter {
    pub(crate) fn start() -> Self {
        Self(())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| send_byte(*byte));
    }
}

fn is_ready() -> bool {
    // SAFETY: a fixed register of this machine.
    unsafe { UART_LINE_STATUS.read_volatile() & UART_READY != 0 }
}

fn send_byte(byte: u8) {
    while !is_ready() {}
    // SAFETY: a fixed register of this machine.
    unsafe { UART_DATA.write_volatile(byte) };
}

/// Adds start-up code and handlers to a program: its main function, and the function that the timer calls.
#[macro_export]
macro_rules! firmware {
    (main: $main:path, timer: $timer:path, panic: $panic:path) => {
        #[riscv_rt::entry]
        fn start() -> ! {
            $main()
        }

        #[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
        fn machine_timer() {
            $crate::board::rearm();
            $timer();
        }

        // Without it a trap, such as of an atomic instruction, hangs for ever.
        // SAFETY: the name that riscv-rt calls, with its signature.
        #[unsafe(no_mangle)]
        extern "C" fn ExceptionHandler(_: &riscv_rt::TrapFrame) -> ! {
            $crate::trapped(riscv::register::mepc::read())
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $panic(info)
        }
    };
}
