//! Packets as a capture of the format pcapng.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::draft::Draft;
use super::{Done, Target};
use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::import::PACKET;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::{Decoded, SchemaSet, Value};

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET_BLOCK: u32 = 6;
const OPTION_NAME: u16 = 2;
/// Packets that were dropped between this one and the one before.
const OPTION_DROPS: u16 = 4;
const OPTION_TSRESOL: u16 = 9;
const NANOSECONDS: u8 = 9;

/// A section with the interfaces of the log, and its packets.
pub(super) struct Capture {
    out: BufWriter<File>,
    path: PathBuf,
    descriptions: Arc<Descriptions>,
    /// The number in the file of an interface of the log with this link type.
    interfaces: HashMap<(u16, u16), u32>,
    described: u32,
    packets: u64,
    /// Lost packets that the next packet has to report.
    drops: u64,
    reported: u64,
    unknown_gaps: u64,
    others: u64,
    unfit: u64,
    undated: u64,
    flags: u64,
    renumbered: u64,
}

impl Capture {
    /// Begins the file with the interfaces that the log describes.
    pub(super) fn begin(
        draft: &Draft,
        descriptions: Arc<Descriptions>,
        described: &SchemaSet,
    ) -> Result<Self, CliError> {
        let (out, path) = draft.create("")?;
        let mut capture = Self {
            out,
            path,
            descriptions,
            interfaces: HashMap::new(),
            described: 0,
            packets: 0,
            drops: 0,
            reported: 0,
            unknown_gaps: 0,
            others: 0,
            unfit: 0,
            undated: 0,
            flags: 0,
            renumbered: 0,
        };
        let start = [0x1A2B_3C4D_u32.to_le_bytes(), 1_u32.to_le_bytes(), [0xFF; 4], [0xFF; 4]].concat();
        let mut written = capture.block(SECTION, &start);
        let interfaces = described.log().map(|log| log.interfaces()).unwrap_or_default();
        for (number, interface) in (0..).zip(interfaces) {
            capture.interfaces.insert((number, interface.link_type()), capture.described);
            written = written.and_then(|()| capture.interface(interface.link_type(), interface.name()));
        }
        written.map_err(CliError::io("write", &capture.path))?;
        Ok(capture)
    }

    fn block(&mut self, block_type: u32, body: &[u8]) -> io::Result<()> {
        let padding = body.len().next_multiple_of(4) - body.len();
        // A packet has at most 64 KiB.
        let bytes = u32::try_from(body.len() + padding + 12).unwrap_or(u32::MAX).to_le_bytes();
        self.out.write_all(&block_type.to_le_bytes())?;
        self.out.write_all(&bytes)?;
        self.out.write_all(body)?;
        self.out.write_all(&[0; 3][..padding])?;
        self.out.write_all(&bytes)
    }

    fn interface(&mut self, link_type: u16, name: Option<&str>) -> io::Result<()> {
        let mut body = [link_type.to_le_bytes(), [0; 2], [0; 2], [0; 2]].concat();
        if let Some(name) = name {
            put_option(&mut body, OPTION_NAME, name.as_bytes());
        }
        put_option(&mut body, OPTION_TSRESOL, &[NANOSECONDS]);
        body.extend([0; 4]);
        self.described += 1;
        self.block(INTERFACE, &body)
    }

    fn packet(&mut self, timestamp: u64, packet: Packet<'_>) -> io::Result<()> {
        let Packet { interface, link_type, original_bytes, bytes } = packet;
        let known = self.interfaces.get(&(interface, link_type)).copied();
        let number = match known {
            Some(number) => number,
            None => {
                let number = self.described;
                self.interfaces.insert((interface, link_type), number);
                self.interface(link_type, None)?;
                number
            }
        };
        self.renumbered += u64::from(number != u32::from(interface));
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let [high, low] = [(timestamp >> 32) as u32, timestamp as u32];
        let mut body: Vec<u8> =
            [number, high, low, captured, original_bytes].into_iter().flat_map(u32::to_le_bytes).collect();
        body.extend_from_slice(bytes);
        if self.drops > 0 {
            body.resize(body.len().next_multiple_of(4), 0);
            put_option(&mut body, OPTION_DROPS, &self.drops.to_le_bytes());
            body.extend([0; 4]);
            self.reported += std::mem::take(&mut self.drops);
        }
        self.packets += 1;
        self.block(PACKET_BLOCK, &body)
    }
}

/// A packet, and what its event says of it.
struct Packet<'a> {
    interface: u16,
    link_type: u16,
    original_bytes: u32,
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes an event of the type `packet` apart; `None` if it has other fields.
    fn of(decoded: &Decoded<'a>) -> Option<Self> {
        let number = |name| match decoded.get(name) {
            Some(Value::Unsigned(number)) => Some(number),
            _ => None,
        };
        let Some(Value::Bytes(bytes)) = decoded.tail() else { return None };
        Some(Self {
            interface: u16::try_from(number("interface")?).ok()?,
            link_type: u16::try_from(number("link_type")?).ok()?,
            original_bytes: u32::try_from(number("original_length")?).ok()?,
            bytes,
        })
    }
}

fn put_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    // Names are shorter than a record.
    let bytes = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(bytes.to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

impl Target for Capture {
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError> {
        if let Some(gap) = event.gap() {
            self.drops = self.drops.saturating_add(gap.count);
            self.unknown_gaps += u64::from(gap.count == 0);
            return Ok(());
        }
        let descriptions = Arc::clone(&self.descriptions);
        match descriptions.decode(event) {
            Some(Err(_)) if descriptions.schema_of(event).is_some_and(|it| it.name() == PACKET) => {
                self.unfit += 1
            }
            Some(Ok(decoded)) if decoded.schema().name() == PACKET => match Packet::of(&decoded) {
                Some(_) if clock != ClockKind::UnixNanos => self.undated += 1,
                Some(packet) => {
                    self.flags += u64::from(event.header.user_flags() != 0);
                    let written = self.packet(event.header.timestamp, packet);
                    return written.map_err(CliError::io("write", &self.path));
                }
                None => self.unfit += 1,
            },
            _ => self.others += 1,
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Done, CliError> {
        self.out.flush().map_err(CliError::io("write", &self.path))?;
        let mut done = Done { has: ("packet", self.packets), ..Done::default() };
        done.leave_out(self.others, "event", "a capture holds events of the type `packet` alone");
        done.leave_out(
            self.unfit,
            "packet",
            "the payload does not fit, or the type has other fields than those of `import`",
        );
        done.leave_out(self.undated, "packet", "a capture has dates, and the log's clock has none");
        done.leave_out(
            self.unknown_gaps,
            "gap",
            "of an unknown number of events, which a capture has no word for",
        );
        done.leave_out(self.drops, "lost event", "after the last packet, so no packet reports them");
        if self.reported > 0 {
            done.notes.push(format!(
                "lost events that the packet after them reports as dropped: {}",
                self.reported
            ));
        }
        if self.flags > 0 {
            done.notes.push(format!(
                "packets whose flags are left out, which a capture has no place for: {}",
                self.flags
            ));
        }
        if self.renumbered > 0 {
            done.notes.push(format!(
                "packets whose interface has another number, as the log does not describe it: {}",
                self.renumbered
            ));
        }
        Ok(done)
    }
}
