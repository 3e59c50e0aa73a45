//! Finds network interfaces by name or address.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::if_nametoindex;

/// Returns the index of the interface with this name or address.
pub(super) fn index_of(text: &str) -> io::Result<u32> {
    let all: Vec<InterfaceAddress> = getifaddrs()?.collect();
    let with_address =
        text.parse::<IpAddr>().ok().and_then(|asked| all.iter().find(|it| address_of(it) == Some(asked)));
    let name = with_address.map_or(text, |found| &found.interface_name);
    if_nametoindex(name).map_err(|_| {
        let mut names: Vec<&str> = all.iter().map(|it| &*it.interface_name).collect();
        names.sort_unstable();
        names.dedup();
        let problem =
            format!("no interface has the name or address {text}; give one of {}", names.join(", "));
        io::Error::new(io::ErrorKind::NotFound, problem)
    })
}

fn address_of(interface: &InterfaceAddress) -> Option<IpAddr> {
    let address = interface.address.as_ref()?;
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_a_name_and_addresses() {
        assert_eq!(index_of("lo").unwrap(), index_of("127.0.0.1").unwrap());
        for unknown in ["nothing0", "203.0.113.1", "", "127.0.0"] {
            let error = index_of(unknown).unwrap_err().to_string();
            assert!(error.contains(unknown) && error.contains("lo"), "{error}");
        }
    }
}
