//! microbit (Cortex-M0), lm3s6965evb (Cortex-M3) and mps2-an386 (Cortex-M4F); the target says which.

use cortex_m::peripheral::SCB;
use cortex_m::peripheral::syst::SystClkSource;

/// Starts SysTick as the timer that calls `on_timer`, about every `instructions` instructions of the emulated core.
pub fn start_timer(instructions: u32) {
    let mut timer = cortex_m::Peripherals::take().expect("started once").SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(instructions / 4 * INSTRUCTION_TICKS_TIMES_4);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// An instruction takes 64 ns under `-icount shift=6`; a tick of the core 62.5, 80 and 40 ns on these boards.
const INSTRUCTION_TICKS_TIMES_4: u32 = match BOARD {
    Board::Microbit => 4,
    Board::Lm3s6965evb => 3,
    Board::Mps2An386 => 6,
};

/// Whether `on_timer` is called by an interrupt.
pub const HAS_INTERRUPTS: bool = true;

/// Resets the whole machine by its system control block.
pub fn reset() -> ! {
    SCB::sys_reset()
}

fn write(address: usize, value: u32) {
    // SAFETY: only called with fixed device registers of the emulated boards, below.
    unsafe { (address as *mut u32).write_volatile(value) };
}

fn read(address: usize) -> u32 {
    // SAFETY: as in `write`.
    unsafe { (address as *const u32).read_volatile() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Board {
    Microbit,
    Lm3s6965evb,
    Mps2An386,
}

const BOARD: Board = match crate::TARGET.as_bytes() {
    b"thumbv6m-none-eabi" => Board::Microbit,
    b"thumbv7m-none-eabi" => Board::Lm3s6965evb,
    _ => Board::Mps2An386,
};

/// Address of the registers of the board's watchdog, if it has one.
const WATCHDOG: Option<usize> = match BOARD {
    Board::Microbit => None,
    Board::Lm3s6965evb => Some(0x4000_0000),
    Board::Mps2An386 => Some(0x4000_8000),
};

/// Waits until the watchdog resets the machine. Returns at once if there is none.
pub fn wait_for_watchdog() {
    let Some(watchdog) = WATCHDOG else { return };
    let (load, control, lock) = (watchdog, watchdog + 8, watchdog + 0xC00);
    write(lock, 0x1ACC_E551);
    write(load, 10_000);
    // Interrupt at the first time-out, reset at the second.
    write(control, 3);
    loop {
        core::hint::spin_loop();
    }
}

/// The board's first UART.
pub(crate) struct Transmitter(());

impl Transmitter {
    pub(crate) fn start() -> Self {
        match BOARD {
            Board::Microbit => {
                write(0x4000_2500, 4); // ENABLE
                write(0x4000_2008, 1); // TASKS_STARTTX
            }
            Board::Lm3s6965evb => {}
            Board::Mps2An386 => {
                write(0x4000_4010, 16); // BAUDDIV
                write(0x4000_4008, 1); // CTRL: transmit
            }
        }
        Self(())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| send_byte(u32::from(*byte)));
    }
}

fn send_byte(byte: u32) {
    match BOARD {
        Board::Microbit => {
            write(0x4000_211C, 0); // EVENTS_TXDRDY
            write(0x4000_251C, byte); // TXD
            while read(0x4000_211C) == 0 {}
        }
        Board::Lm3s6965evb => {
            while read(0x4000_C018) & 0x20 != 0 {} // FR: transmit FIFO full
            write(0x4000_C000, byte);
        }
        Board::Mps2An386 => {
            while read(0x4000_4004) & 1 != 0 {} // STATE: transmit buffer full
            write(0x4000_4000, byte);
        }
    }
}

/// Adds start-up code and handlers to a program: its main function, and the function that the timer calls.
#[macro_export]
macro_rules! firmware {
    (main: $main:path, timer: $timer:path, panic: $panic:path) => {
        #[cortex_m_rt::entry]
        fn start() -> ! {
            $main()
        }

        #[cortex_m_rt::exception]
        fn SysTick() {
            $timer();
        }

        // SAFETY: it only reports and ends. Without it a fault hangs for ever.
        #[cortex_m_rt::exception]
        unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
            $crate::trapped(frame.pc() as usize)
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $panic(info)
        }
    };
}
