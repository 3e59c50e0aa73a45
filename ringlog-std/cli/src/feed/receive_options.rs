//! Options of a datagram socket: arrival times and counts of drops.
#![forbid(unsafe_code)]

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Asks the kernel to report with each datagram when it arrived, and how many were dropped before it.
///
/// If the kernel cannot, an event has the time at which it was read, and only the table of sockets shows drops.
pub(super) fn ask_for_times_and_drops(socket: &Socket) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
}
