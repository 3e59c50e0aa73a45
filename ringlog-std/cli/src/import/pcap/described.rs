//! Packets as typed events: from which interface a packet is, of which link type, and how long it was.
#![forbid(unsafe_code)]

use super::packet::{HEAD_BYTES, Named, Source};
use super::{Kind, PcapFeed};
use crate::feed::FeedError;
use ringlog::event::{MAX_PAYLOAD, MetaTopic};
use ringlog::schema::LogInfo;
use ringlog::storage::SchemaList;

/// Interfaces that are described later in a file have no entry in the log. Their packets have number and link type.
const LOOKED_AT_BYTES: u64 = 64 << 20;
/// Name of the type of packets.
pub(crate) const PACKET: &str = "packet";
/// Most bytes of JSON about interfaces. A META record holds 65,535.
const INTERFACES_BYTES: usize = 60_000;

impl PcapFeed {
    /// Makes each packet an event of type `packet`. Reads ahead for the interfaces that the file describes.
    pub(crate) fn describing_packets(mut self) -> Result<Self, FeedError> {
        self.schemas = schemas(self.event_type, &self.find_interfaces()?);
        self.has_heads = true;
        Ok(self)
    }

    /// Returns the interfaces that the file describes, in their order.
    fn find_interfaces(&self) -> Result<Vec<Named>, FeedError> {
        let Kind::PcapNg { .. } = &self.kind else {
            return Ok(vec![Named { link_type: self.source().link_type, name: None }]);
        };
        let (mut ahead, mut payload) = (Self::open(&self.path, 0)?, Vec::new());
        while ahead.offset < LOOKED_AT_BYTES && ahead.find_whole() {
            ahead.take_apart(&mut payload);
            ahead.pass_bytes(ahead.block.len() as u64);
        }
        let Kind::PcapNg { section } = ahead.kind else { return Ok(Vec::new()) };
        Ok(section.into_named())
    }

    /// Returns from where the packet is that was taken last.
    pub(super) fn source(&self) -> Source {
        match &self.kind {
            Kind::Pcap { header } => Source { interface: 0, link_type: header.link_type() },
            Kind::PcapNg { section } => section.source(),
        }
    }

    /// Returns the longest packet that can be an event.
    pub(super) const fn most_packet_bytes(&self) -> usize {
        MAX_PAYLOAD - if self.has_heads { HEAD_BYTES } else { 0 }
    }
}

fn schemas(event_type: u8, interfaces: &[Named]) -> SchemaList {
    let json = format!(
        r#"{{"type":{event_type},"name":"{PACKET}","size":{HEAD_BYTES},"fields":[{{"name":"interface","offset":0,"kind":"u16"}},{{"name":"link_type","offset":2,"kind":"u16"}},{{"name":"original_length","offset":4,"kind":"u32","unit":"B"}}],"tail":"bytes"}}"#
    );
    let (mut log, mut bytes) = (LogInfo::new(), 0);
    for Named { link_type, name } in interfaces {
        // Each character may be escaped.
        bytes += 40 + name.as_ref().map_or(0, |name| name.len() * 6);
        if bytes > INTERFACES_BYTES {
            break;
        }
        log = log.with_interface(*link_type, name.as_deref());
    }
    let mut list = SchemaList::new();
    // Both are shorter than a record.
    let _ = list.insert(MetaTopic::EventType(event_type), json.into_bytes());
    if !log.is_empty() {
        let _ = list.insert(MetaTopic::Log, log.to_json().into_bytes());
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::schema::{Schema, SchemaSet, Value};

    fn interface(link_type: u16, name: &str) -> Named {
        Named { link_type, name: Some(name.into()) }
    }

    #[test]
    fn the_description_reads_what_the_head_holds() {
        let list = schemas(9, &[interface(1, "eth0"), Named { link_type: 113, name: None }]);
        let schema = Schema::parse(list.of_type(9).unwrap()).unwrap();
        let mut payload = b"packet".to_vec();
        Source { interface: 1, link_type: 113 }.put_before(1500, &mut payload);
        let decoded = schema.decode(&payload).unwrap();
        assert_eq!(schema.to_json().as_bytes(), list.of_type(9).unwrap());
        assert_eq!(decoded.to_string(), "interface=1 link_type=113 original_length=1500 tail=0x7061636b6574");
        assert_eq!(decoded.tail(), Some(Value::Bytes(b"packet")));
        let log = LogInfo::parse(list.of_log().unwrap()).unwrap();
        assert_eq!((log.interfaces()[0].name(), log.interfaces()[1].link_type()), (Some("eth0"), 113));
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn block(block_type: u32, body: &[u8]) -> Vec<u8> {
        let length = words(&[body.len() as u32 + 12]);
        [&words(&[block_type])[..], &length, body, &length].concat()
    }

    /// A section with an interface of this link type and name, and two packets of it.
    fn section(link_type: u32, name: &[u8; 4]) -> Vec<u8> {
        let named = [words(&[link_type, 0, 0x0004_0002]), name.to_vec()].concat();
        let packet = |time: u32| block(6, &words(&[0, 0, time, 4, 60, 0x0403_0201]));
        let simple = block(3, &words(&[4, 0x0807_0605]));
        [
            block(0x0A0D_0D0A, &words(&[0x1A2B_3C4D, 1, u32::MAX, u32::MAX])),
            block(1, &named),
            packet(1),
            simple,
        ]
        .concat()
    }

    #[test]
    fn interfaces_count_through_all_sections_of_a_file() {
        use crate::feed::{Feed, Next};
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &[section(1, b"eth0"), section(113, b"any0")].concat()).unwrap();
        let mut feed = PcapFeed::open(file.path(), 2).unwrap().describing_packets().unwrap();
        let list = feed.schemas();
        let log = LogInfo::parse(list.of_log().unwrap()).unwrap();
        let names: Vec<_> = log.interfaces().iter().map(|it| (it.link_type(), it.name())).collect();
        assert_eq!(names, [(1, Some("eth0")), (113, Some("any0"))]);
        let schema = Schema::parse(list.of_type(2).unwrap()).unwrap();
        let (mut found, mut payload) = (Vec::new(), Vec::new());
        while let Next::Event { event_type: 2, .. } = feed.next_event(&mut payload).unwrap() {
            found.push(schema.decode(&payload).unwrap().to_string());
        }
        let packets = |of: &str| {
            [
                format!("{of} original_length=60 tail=0x01020304"),
                format!("{of} original_length=4 tail=0x05060708"),
            ]
        };
        assert_eq!(
            found,
            [packets("interface=0 link_type=1"), packets("interface=1 link_type=113")].concat()
        );
    }

    #[test]
    fn a_packet_that_does_not_fit_beside_its_fields_does_alone() {
        use crate::feed::{Feed, Next};
        let header = words(&[0xA1B2_C3D4, 0x0004_0002, 0, 0, 1 << 18, 1]);
        let packet = [words(&[1, 0, 65_528, 65_528]), vec![7; 65_528]].concat();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &[header, packet].concat()).unwrap();
        let open = || PcapFeed::open(file.path(), 0).unwrap();
        let next = |mut feed: PcapFeed| feed.next_event(&mut Vec::new()).unwrap();
        let Next::Lost(loss) = next(open().describing_packets().unwrap()) else { panic!("it is too long") };
        assert_eq!(
            loss.skip.unwrap().what,
            "packet of 65528 bytes, an event holds 65527; --payload-only has room for it"
        );
        assert!(matches!(next(open()), Next::Event { .. }));
    }

    #[test]
    fn any_number_of_interfaces_fits_a_record() {
        let many: Vec<_> = (0..5000).map(|_| interface(1, "\u{1}\u{1}\u{1}\u{1}\u{1}")).collect();
        let list = schemas(0, &many);
        let mut set = SchemaSet::new();
        set.add_log(list.of_log().unwrap());
        assert!(set.log().unwrap().interfaces().len() > 800);
    }
}
