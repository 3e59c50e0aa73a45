//! Parses feeds as they are typed.

use std::path::PathBuf;

use super::framing::Framing;
use crate::values;

/// The kernel doubles the size that is asked for, and stores it in 31 bits.
const MAX_BUFFER: u64 = i32::MAX as u64 / 2;

const EXPECTED: &str = "demo, -, udp://ADDR:PORT, tcp://ADDR:PORT, unix:PATH or a file";

/// Where events come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FeedSpec {
    /// Generated events.
    Demo,
    /// Lines of standard input.
    Stdin,
    /// Lines of a file.
    File(PathBuf),
    /// Datagrams that arrive at an address.
    Udp(UdpSpec),
    /// Datagrams that arrive at a socket in the file system.
    UnixDatagrams(PathBuf),
    /// Records that arrive over connections.
    Stream(Listen, Framing),
}

/// Where datagrams arrive, and how to receive them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UdpSpec {
    /// `ADDR:PORT`; may be a multicast group.
    pub(crate) address: String,
    /// The interface on which to join the group: its name or one of its addresses.
    pub(crate) interface: Option<String>,
    /// Size of the receive buffer in bytes.
    pub(crate) buffer: Option<usize>,
}

/// Where connections are accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Listen {
    /// `ADDR:PORT`.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FeedSpec {
    /// Returns in words what is recorded. `place` is the address at which a socket listens.
    pub(crate) fn words(&self, place: &str) -> String {
        match self {
            Self::Demo => "the synthetic demo stream".into(),
            Self::Stdin => "lines of standard input".into(),
            Self::File(path) => format!("lines of {}", path.display()),
            Self::Udp(_) | Self::UnixDatagrams(_) => format!("datagrams at {place}"),
            Self::Stream(_, framing) => format!("{framing} of connections to {place}"),
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Parses `demo`, `-`, `udp://ADDR:PORT`, `tcp://ADDR:PORT`, `unix:PATH` or a path.
pub(crate) fn feed(text: &str) -> Result<FeedSpec, String> {
    match text {
        "demo" => Ok(FeedSpec::Demo),
        "-" => Ok(FeedSpec::Stdin),
        "" => Err(format!("expected {EXPECTED}")),
        _ => match text.split_once(':') {
            Some(("udp", rest)) => udp(rest),
            Some(("tcp", rest)) => tcp(rest),
            Some(("unix", rest)) => unix(rest),
            Some((scheme, rest)) if rest.starts_with("//") => {
                Err(format!("no feed of kind {scheme}:// (expected {EXPECTED})"))
            }
            _ => Ok(FeedSpec::File(text.into())),
        },
    }
}

fn udp(rest: &str) -> Result<FeedSpec, String> {
    let (place, options) = Options::of("udp", rest, &["interface", "buffer"])?;
    let buffer = options.get("buffer").map(buffer_bytes).transpose()?;
    let interface = options.get("interface").map(str::to_owned);
    Ok(FeedSpec::Udp(UdpSpec { address: address(place, "udp")?, interface, buffer }))
}

fn tcp(rest: &str) -> Result<FeedSpec, String> {
    let (place, options) = Options::of("tcp", rest, &["framing"])?;
    Ok(FeedSpec::Stream(Listen::Tcp(address(place, "tcp")?), options.framing()?))
}

fn unix(rest: &str) -> Result<FeedSpec, String> {
    let (place, options) = Options::of("unix", rest, &["type", "framing"])?;
    if place.is_empty() {
        return Err("expected a path, as in unix:/run/events.sock".into());
    }
    match options.get("type").unwrap_or("stream") {
        "stream" => Ok(FeedSpec::Stream(Listen::Unix(place.into()), options.framing()?)),
        "datagram" if options.get("framing").is_some() => {
            Err("framing is for type=stream: a datagram is a record".into())
        }
        "datagram" => Ok(FeedSpec::UnixDatagrams(place.into())),
        other => Err(format!("type={other}: expected stream or datagram")),
    }
}

fn address(place: &str, scheme: &str) -> Result<String, String> {
    match place.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(place.into()),
        _ => Err(format!("expected an address and a port, as in {scheme}://127.0.0.1:9000")),
    }
}

fn buffer_bytes(text: &str) -> Result<usize, String> {
    match values::size(text).map_err(|error| format!("buffer={text}: {error}"))? {
        bytes @ 1..=MAX_BUFFER => usize::try_from(bytes).map_err(|error| error.to_string()),
        _ => Err(format!("buffer={text}: the kernel gives {MAX_BUFFER} bytes at most")),
    }
}

/// The options after a `?`: `KEY=VALUE`, separated by `&`.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    /// Returns the place before the `?`, and the options. Refuses unknown options.
    fn of(scheme: &str, rest: &'a str, known: &[&str]) -> Result<(&'a str, Self), String> {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let Some((place, query)) = rest.split_once('?') else { return Ok((rest, Self(Vec::new()))) };
        let mut found = Self(Vec::new());
        for word in query.split('&') {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            if !known.contains(&key) {
                let known = known.join(" and ");
                return Err(format!("{scheme} feeds have no option {key:?}, only {known}"));
            }
            if value.is_empty() || found.get(key).is_some() {
                return Err(format!("expected {key}=VALUE, and that once"));
            }
            found.0.push((key, value));
        }
        Ok((place, found))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(it, _)| *it == key).map(|(_, value)| *value)
    }

    fn framing(&self) -> Result<Framing, String> {
        self.get("framing").map_or(Ok(Framing::Lines), Framing::named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp_feed(address: &str, interface: Option<&str>, buffer: Option<usize>) -> Result<FeedSpec, String> {
        let interface = interface.map(str::to_owned);
        Ok(FeedSpec::Udp(UdpSpec { address: address.into(), interface, buffer }))
    }

    #[test]
    fn feeds_by_shape() {
        assert_eq!(feed("demo"), Ok(FeedSpec::Demo));
        assert_eq!(feed("-"), Ok(FeedSpec::Stdin));
        assert_eq!(feed("./demo"), Ok(FeedSpec::File("./demo".into())));
        assert_eq!(feed("at 12:30?.txt"), Ok(FeedSpec::File("at 12:30?.txt".into())));
        assert_eq!(feed("udp://[::1]:9000"), udp_feed("[::1]:9000", None, None));
        assert_eq!(
            feed("udp://239.1.2.3:9000?interface=eth0&buffer=64MiB"),
            udp_feed("239.1.2.3:9000", Some("eth0"), Some(64 << 20))
        );
        let tcp = |framing| Ok(FeedSpec::Stream(Listen::Tcp("localhost:7".into()), framing));
        assert_eq!(feed("tcp://localhost:7"), tcp(Framing::Lines));
        assert_eq!(feed("tcp:localhost:7?framing=lines"), tcp(Framing::Lines));
        assert_eq!(feed("tcp://localhost:7?framing=length32be"), tcp(Framing::named("length32be").unwrap()));
        let unix = |path: &str| Ok(FeedSpec::Stream(Listen::Unix(path.into()), Framing::Lines));
        assert_eq!(feed("unix:a/b"), unix("a/b"));
        assert_eq!(feed("unix:///a/b?type=stream"), unix("/a/b"));
        assert_eq!(feed("unix:/a?type=datagram"), Ok(FeedSpec::UnixDatagrams("/a".into())));
    }

    #[test]
    fn what_is_no_feed_is_refused_with_what_there_is() {
        for (bad, said) in [
            ("", "udp://ADDR:PORT"),
            ("sctp://host:1", "tcp://ADDR:PORT"),
            ("udp://host", "udp://127.0.0.1:9000"),
            ("udp://[::1]", "udp://127.0.0.1:9000"),
            ("tcp://:9", "tcp://127.0.0.1:9000"),
            ("tcp://host:66000", "tcp://127.0.0.1:9000"),
            ("unix:", "unix:/run/events.sock"),
            ("unix:?type=stream", "unix:/run/events.sock"),
            ("udp://h:1?iface=lo", "only interface and buffer"),
            ("udp://h:1?", "only interface and buffer"),
            ("tcp://h:1?buffer=1MiB", "only framing"),
            ("unix:a?kind=stream", "only type and framing"),
            ("unix:a?type=seqpacket", "stream or datagram"),
            ("unix:a?type=datagram&framing=lines", "a datagram is a record"),
            ("udp://h:1?interface", "interface=VALUE"),
            ("udp://h:1?interface=", "interface=VALUE"),
            ("udp://h:1?interface=a&interface=b", "interface=VALUE"),
            ("udp://h:1?buffer=big", "buffer=big: expected a size"),
            ("udp://h:1?buffer=2GiB", "1073741823 bytes at most"),
            ("tcp://h:1?framing=xml", "lines, length16be, length16le, length32be or length32le"),
        ] {
            let error = feed(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
