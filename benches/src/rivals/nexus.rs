//! [nexus-logbuf](https://crates.io/crates/nexus-logbuf): records of any length, a commit mark in each.

use super::{Channel, End, Kind, Read, Write};
use crate::work::{get, put};
use nexus_logbuf::queue::spsc::{Consumer, Producer, new};
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::HEADER_LEN;

/// `nexus_logbuf::queue::spsc`. It cannot publish many records at once.
#[derive(Debug)]
pub struct Nexus(End<Producer>, End<Consumer>);

impl Channel for Nexus {
    const NAME: &'static str = "nexus-logbuf";
    const KIND: Kind = Kind::Variable;

    fn make(bytes: usize, _: usize) -> Self {
        let (producer, consumer) = new(bytes);
        Self(End(producer), End(consumer))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl Write for &mut Producer {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let Ok(mut claim) = self.try_claim(HEADER_LEN + payload.len()) else { return false };
        put(&mut claim, header, payload);
        claim.commit();
        true
    }
}

impl Read for &mut Consumer {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        let Some(claim) = self.try_claim() else { return false };
        let (header, payload) = get(&claim).expect("longer than a header");
        take(&header, payload);
        true
    }
}
