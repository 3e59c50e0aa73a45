//! Descriptions of events in the ELF file of a firmware: what `schema_section!` of the core puts there.

use std::path::Path;

use object::{Object, ObjectSection};

use crate::error::CliError;
use ringlog::event::{EventHeader, MetaTopic, flags};
use ringlog::storage::SchemaList;

const SECTION: &str = ".ringlog.schema";
const MAGIC: &[u8] = b"RLS1";

/// Reads the descriptions in a firmware's ELF file.
pub(crate) fn schemas_of_image(path: &Path) -> Result<SchemaList, CliError> {
    let bytes = std::fs::read(path).map_err(CliError::io("read", path))?;
    let list = entries_of(&bytes);
    list.map_err(|problem| CliError::Unreadable(format!("{}: {problem}", path.display())))
}

fn entries_of(image: &[u8]) -> Result<SchemaList, String> {
    let file = object::File::parse(image).map_err(
        |_| "this is no ELF file; give the one that the linker wrote, not a .bin or .hex made of it",
    )?;
    let section = file.section_by_name(SECTION).ok_or(
        "has no section .ringlog.schema; list the events in schema_section!, and link the firmware with -Tringlog.x",
    )?;
    let data =
        section.data().map_err(|_| "its section .ringlog.schema is cut short; build the firmware again")?;
    let (mut list, mut rest) = (SchemaList::new(), data);
    while !rest.is_empty() {
        let Some((topic, json, after)) = entry(rest) else {
            let at = data.len() - rest.len();
            return Err(format!(
                "byte {at} of its section .ringlog.schema begins no description; build the firmware again, with the \
                 ringlog-nostd of this version"
            ));
        };
        // Its length is stored in 16 bits.
        let _ = list.insert(topic, json);
        rest = after;
    }
    Ok(list)
}

/// Splits the first entry off.
fn entry(bytes: &[u8]) -> Option<(MetaTopic, &[u8], &[u8])> {
    let (head, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let [low, high, event_type, user_flags] = *head;
    let (json, rest) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
    let header = EventHeader::new(0, event_type, 0).with_flags(flags::META | user_flags & flags::USER);
    Some((MetaTopic::of(&header)?, json, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::typed::{section_len, section_of};
    use ringlog_nostd::{EventTypes, event, events};

    #[event(type = 1)]
    struct Sample {
        millivolts: u32,
    }

    #[event(type = 200)]
    struct Reset {}

    events!(Events: Sample, Reset);

    const LEN: usize = section_len(Events::SCHEMAS);
    static ENTRIES: [u8; LEN] = section_of(Events::SCHEMAS);

    /// The smallest ELF file of 32 bits with this section.
    fn image(section: &str, data: &[u8]) -> Vec<u8> {
        let names = [b"\0", section.as_bytes(), b"\0"].concat();
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        let (data_at, names_at) = (52, 52 + data.len() as u32);
        let headers_at = (names_at + names.len() as u32).next_multiple_of(4);
        let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
        file.extend(words(&[1, 0, 0, headers_at, 0]));
        file.extend([52, 0, 32, 0, 0, 0, 40, 0, 3, 0, 2, 0]);
        file.extend(data);
        file.extend(&names);
        file.resize(headers_at as usize, 0);
        file.extend([0; 40]);
        file.extend(words(&[1, 1, 0, 0, data_at, data.len() as u32, 0, 0, 1, 0]));
        file.extend(words(&[0, 3, 0, 0, names_at, names.len() as u32, 0, 0, 1, 0]));
        file
    }

    #[test]
    fn what_the_core_puts_into_an_image_is_read_and_damage_is_refused() {
        let list = entries_of(&image(SECTION, &ENTRIES)).unwrap();
        assert_eq!(list.of_type(1), Some(Events::SCHEMAS[0].meta));
        assert_eq!(list.of_type(200), Some(Events::SCHEMAS[1].meta));
        assert_eq!(list.iter().count(), 2);
        for cut in [1, 7, 8, ENTRIES.len() - 1] {
            let problem = entries_of(&image(SECTION, &ENTRIES[..cut])).unwrap_err();
            assert!(problem.contains("begins no description"), "{cut}: {problem}");
        }
        assert!(entries_of(&image(".text", &ENTRIES)).unwrap_err().contains("-Tringlog.x"));
        assert!(entries_of(&ENTRIES).unwrap_err().contains("no ELF file"));
    }
}
