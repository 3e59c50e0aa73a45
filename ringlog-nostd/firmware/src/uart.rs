//! The board's UART as a sink of bytes.

use crate::board;
use core::convert::Infallible;

/// The transmitter of the board's first UART. The big-endian target has none and uses a file of the host.
pub struct Uart(board::Transmitter);

impl Uart {
    /// Turns the UART on. Call it once.
    #[must_use]
    pub fn start() -> Self {
        Self(board::Transmitter::start())
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.send(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
