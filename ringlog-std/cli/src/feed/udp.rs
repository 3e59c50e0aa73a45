//! Opens UDP sockets, with multicast groups and receive buffers.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};

use super::receive_options::ask_for_times_and_drops;
use super::spec::UdpSpec;
use super::{FeedError, interface};
use crate::terminal::words::size;

/// A socket at which datagrams arrive.
pub(super) struct Bound {
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
    /// Messages for the user.
    pub(super) introduction: Vec<String>,
}

/// Binds to the first address of the name that works.
pub(super) fn bind(spec: &UdpSpec) -> Result<Bound, FeedError> {
    let bound = addresses_of(&spec.address).and_then(|addresses| {
        let none = Err(io::ErrorKind::NotFound.into());
        addresses.into_iter().fold(none, |bound, address| bound.or_else(|_| bind_to(address, spec)))
    });
    let what = format!("udp://{}", spec.address);
    bound.map_err(|source| FeedError::Io { action: "listen", what, source })
}

/// Returns the addresses of a name, at least one.
pub(super) fn addresses_of(name: &str) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = name.to_socket_addrs().into_iter().flatten().collect();
    if found.is_empty() {
        let problem = "no address is known for this name; check it, or give an address such as 127.0.0.1";
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    Ok(found)
}

fn bind_to(mut address: SocketAddr, spec: &UdpSpec) -> io::Result<Bound> {
    let index = spec.interface.as_deref().map(interface::index_of).transpose()?;
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    // Set all options before `bind`: the first datagram may arrive at once.
    let mut introduction: Vec<String> =
        spec.buffer.map(|asked| set_buffer(&socket, asked)).transpose()?.into_iter().collect();
    ask_for_times_and_drops(&socket);
    if address.ip().is_multicast() {
        // Other programs on this machine may listen to the same group.
        socket.set_reuse_address(true)?;
        introduction.push(join(&socket, &mut address, index, spec)?);
    } else if index.is_some() {
        let problem = "interface= is for multicast groups; listen at the interface's address instead";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    socket.bind(&address.into())?;
    let unknown = || io::Error::other("the socket has no address; try again");
    let address = socket.local_addr()?.as_socket().ok_or_else(unknown)?;
    Ok(Bound { socket, address, introduction })
}

/// Joins the group; returns a message that says where.
///
/// The socket is bound to the address of the group, so it gets no datagrams to other addresses. Without
/// `MULTICAST_ALL`, it gets no datagrams to this group from an interface on which only another program joined it.
fn join(socket: &Socket, address: &mut SocketAddr, index: Option<u32>, spec: &UdpSpec) -> io::Result<String> {
    if index.is_none() && is_ambiguous(*address) {
        let problem = format!("each link has a group {}; give ?interface=NAME", address.ip());
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, problem));
    }
    let joined = match address {
        SocketAddr::V4(address) => {
            let at = InterfaceIndexOrAddress::Index(index.unwrap_or(0));
            socket.set_multicast_all_v4(false)?;
            socket.join_multicast_v4_n(address.ip(), &at)
        }
        SocketAddr::V6(address) => {
            if let Some(index) = index {
                address.set_scope_id(index);
            }
            socket.set_multicast_all_v6(false)?;
            socket.join_multicast_v6(address.ip(), address.scope_id())
        }
    };
    let (group, at) = (address.ip(), spec.interface.as_deref());
    let advice =
        if at.is_none() { "give ?interface=NAME" } else { "check that it is up and takes multicast" };
    joined.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot join the multicast group {group}: {error}; {advice}"))
    })?;
    let at = at.map_or_else(|| "the interface of the route to it".into(), |name| format!("interface {name}"));
    Ok(format!("joined the multicast group {group} at {at}"))
}

/// Whether every link has this group, and the address does not name the link.
fn is_ambiguous(group: SocketAddr) -> bool {
    let SocketAddr::V6(group) = group else { return false };
    let is_of_a_link = matches!(group.ip().octets()[1] & 0xF, 1 | 2);
    is_of_a_link && group.scope_id() == 0
}

/// Sets the receive buffer, past the limit of the system if the program may do that. Returns a message with its size.
fn set_buffer(socket: &Socket, asked: usize) -> io::Result<String> {
    if setsockopt(socket, sockopt::RcvBufForce, &asked).is_err() {
        socket.set_recv_buffer_size(asked)?;
    }
    // The kernel doubles the size, for its overhead.
    let got = socket.recv_buffer_size()? / 2;
    let (got_words, asked_words) = (size(got as u64), size(asked as u64));
    Ok(if got < asked {
        format!(
            "receive buffer: {got_words} instead of {asked_words}; raise it with `sysctl -w net.core.rmem_max={asked}`, or \
             give the program CAP_NET_ADMIN"
        )
    } else {
        format!("receive buffer: {got_words}")
    })
}
