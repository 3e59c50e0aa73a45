//! What a socket of datagrams is asked to report.
#![forbid(unsafe_code)]

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Has the kernel say with each datagram when it arrived, and how many were dropped before it.
///
/// Where a kernel cannot, an event has the time at which it was read, and drops are known from the table of sockets only.
pub(super) fn ask_for_times_and_drops(socket: &Socket) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
}
