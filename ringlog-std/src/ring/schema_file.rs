//! The file that describes the events of a ring in a file: `RING.schema-<crc>.json`.
//!
//! A word of the ring says which file counts. It has the checksum of the file's bytes, so a file is the right one or none.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::MetaTopic;

use super::shared_error::SharedRingError;
use crate::checksum::crc32c::crc32c_hardware;
use crate::os::files::{folder_of, open_folder, open_to_read};
use crate::os::platform::Linux;
use crate::os::temporary::{create_temporary, remove_abandoned, temporary_start};
use crate::storage::{MAX_PREAMBLE_BYTES, SchemaList};

/// The upper half of the ring's word: there is a list.
const HAS_LIST: usize = 1 << 32;
/// More bytes than the file of any list has that a ring takes.
const MAX_FILE_BYTES: u64 = 2 * MAX_PREAMBLE_BYTES;
/// What the names of temporary files end with.
const TEMPORARY_END: &str = ".new";

/// The content of a ring's file of descriptions.
#[derive(Debug)]
pub(super) struct SchemaFile {
    bytes: Vec<u8>,
}

impl SchemaFile {
    /// Returns the file of this list; `None` if it describes nothing.
    pub(super) fn of(list: &SchemaList) -> Option<Self> {
        (!list.is_empty()).then(|| Self { bytes: encode(list) })
    }

    /// Returns the word with which a ring has this file.
    pub(super) fn word(&self) -> usize {
        HAS_LIST | crc32c_hardware(0, &self.bytes) as usize
    }

    /// Stores the file, durable, unless it is there. Only for the owner of the producer's role.
    pub(super) fn store(&self, ring: &Path) -> Result<(), SharedRingError> {
        let path = path_of(ring, self.word());
        if read_bytes(&path).is_ok_and(|bytes| bytes == self.bytes) {
            return Ok(());
        }
        let failed = |action| move |error| SharedRingError::io(ring, action, error);
        let (folder, start) = (folder_of(ring), temporary_start(&name_start(ring)));
        remove_abandoned(&folder, &start, TEMPORARY_END, |_| true);
        let (file, temporary) = create_temporary(&Linux, &folder, &start, TEMPORARY_END)
            .map_err(failed("make the file that describes the events of"))?;
        let stored = file
            .write_all_at(&self.bytes, 0)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| open_folder(&folder)?.sync_all());
        // The error that led here is the one to report.
        stored
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
            .map_err(failed("store the file that describes the events of"))
    }
}

/// Deletes the files of lists that the ring does not have. Only for the owner of the producer's role.
pub(super) fn remove_others(ring: &Path, word: usize) {
    let kept = path_of(ring, word);
    let start = name_start(ring);
    let is_list = |name: &OsStr| {
        let rest = name.as_encoded_bytes().strip_prefix(start.as_encoded_bytes());
        let crc = rest.and_then(|rest| rest.strip_suffix(b".json"));
        crc.is_some_and(|crc| crc.len() == 8 && crc.iter().all(u8::is_ascii_hexdigit))
    };
    for entry in folder_of(ring).read_dir().into_iter().flatten().flatten() {
        if is_list(&entry.file_name()) && Some(&*entry.file_name()) != kept.file_name() {
            // It means nothing; the next owner tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Reads the list that a ring has by this word. 0 is an empty one.
pub(super) fn read(ring: &Path, word: usize) -> Result<SchemaList, SharedRingError> {
    if word == 0 {
        return Ok(SchemaList::new());
    }
    let path = path_of(ring, word);
    let bytes = read_bytes(&path)
        .map_err(|error| SharedRingError::io(&path, "read what describes the ring's events", error))?;
    let is_it = HAS_LIST | crc32c_hardware(0, &bytes) as usize == word;
    decode(&bytes).filter(|_| is_it).ok_or(SharedRingError::SchemaFile { path })
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than any list has: such a file has another checksum.
    open_to_read(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns what the names of the ring's lists begin with.
fn name_start(ring: &Path) -> OsString {
    let mut name = ring.file_name().unwrap_or_default().to_owned();
    name.push(".schema-");
    name
}

fn path_of(ring: &Path, word: usize) -> PathBuf {
    let mut name = name_start(ring);
    name.push(format!("{:08x}.json", word & 0xFFFF_FFFF));
    folder_of(ring).join(name)
}

/// Returns the file of a list: the payloads of its META records in one JSON object, with their lengths before them.
fn encode(list: &SchemaList) -> Vec<u8> {
    let described = || list.iter().filter(|(_, json)| !json.is_empty());
    let lengths: Vec<_> =
        described().map(|(topic, json)| format!("\"{}\":{}", key(topic), json.len())).collect();
    let mut bytes = format!("{{\"lengths\":{{{}}},\"types\":[", lengths.join(",")).into_bytes();
    let types: Vec<_> =
        described().filter(|(topic, _)| *topic != MetaTopic::Log).map(|(_, json)| json).collect();
    bytes.extend(types.join(&b","[..]));
    bytes.push(b']');
    match list.of_log() {
        // `{"log":...}` without its first byte.
        Some([_, rest @ ..]) => {
            bytes.push(b',');
            bytes.extend(rest);
        }
        _ => bytes.push(b'}'),
    }
    bytes
}

fn key(topic: MetaTopic) -> String {
    match topic {
        MetaTopic::Log => "log".to_owned(),
        MetaTopic::EventType(event_type) => event_type.to_string(),
    }
}

/// Reads what `encode` made, byte for byte. The descriptions themselves are not looked into.
fn decode(bytes: &[u8]) -> Option<SchemaList> {
    let rest = bytes.strip_prefix(b"{\"lengths\":{")?;
    let end = rest.iter().position(|byte| *byte == b'}')?;
    let (lengths, rest) = rest.split_at_checked(end)?;
    let mut rest = rest.strip_prefix(b"},\"types\":[")?;
    let (mut list, mut log_len) = (SchemaList::new(), None);
    for entry in std::str::from_utf8(lengths).ok()?.split(',') {
        let (key, len) = entry.strip_prefix('"')?.split_once("\":")?;
        let len: usize = len.parse().ok()?;
        if key == "log" {
            log_len = Some(len);
            continue;
        }
        let (json, after) = rest.split_at_checked(len)?;
        list.insert(MetaTopic::EventType(key.parse().ok()?), json).ok()?;
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
    if let Some(len) = log_len {
        let json = [b"{", rest.strip_prefix(b"],")?].concat();
        list.insert(MetaTopic::Log, json).ok().filter(|()| list.of_log().map(<[u8]>::len) == Some(len))?;
    }
    (encode(&list) == bytes).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(MetaTopic, &str)]) -> SchemaList {
        let mut list = SchemaList::new();
        for (topic, json) in entries {
            list.insert(*topic, json.as_bytes()).unwrap();
        }
        list
    }

    fn all() -> SchemaList {
        list(&[
            (MetaTopic::EventType(7), r#"{"type":7,"name":"a","size":0,"fields":[]}"#),
            (MetaTopic::Log, r#"{"log":{"user":{"host":"gw7"}}}"#),
            (MetaTopic::EventType(200), r#"{"type":200,"name":"b, ]}","size":0,"fields":[]}"#),
        ])
    }

    #[test]
    fn the_file_is_json_and_gives_the_same_list_again() {
        let text = String::from_utf8(encode(&all())).unwrap();
        assert_eq!(
            text,
            r#"{"lengths":{"log":31,"7":42,"200":48},"types":[{"type":7,"name":"a","size":0,"fields":[]},"#
                .to_owned()
                + r#"{"type":200,"name":"b, ]}","size":0,"fields":[]}],"log":{"user":{"host":"gw7"}}}"#
        );
        let types = list(&[(MetaTopic::EventType(0), "{}"), (MetaTopic::EventType(255), "no JSON")]);
        let log = list(&[(MetaTopic::Log, r#"{"log":{}}"#)]);
        for list in [all(), types, log] {
            assert_eq!(decode(&encode(&list)), Some(list));
        }
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_file_is_one_that_schema_commands_read() {
        let mut list = all();
        list.insert(MetaTopic::EventType(200), &br#"{"type":200,"name":"b","size":0,"fields":[]}"#[..])
            .unwrap();
        let set = crate::schema::SchemaSet::from_json(&encode(&list)).unwrap();
        assert!(set.by_name("a").is_some() && set.by_name("b").is_some());
    }

    #[test]
    fn a_changed_file_is_no_list() {
        let whole = encode(&all());
        for at in 0..whole.len() {
            assert_eq!(decode(&whole[..at]), None);
            let mut longer = whole.clone();
            longer.insert(at, b'1');
            // A type with another digit is another list, with another checksum.
            assert_ne!(decode(&longer), Some(all()), "a byte more at {at}");
        }
        for other in
            ["", "{}", r#"{"lengths":{},"types":[]}"#, r#"{"lengths":{"7":99999999999},"types":[{}]}"#]
        {
            assert_eq!(decode(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_file_is_stored_once_and_read_by_its_word_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("a.ring");
        let file = SchemaFile::of(&all()).unwrap();
        assert!(read(&ring, file.word()).is_err());
        file.store(&ring).unwrap();
        file.store(&ring).unwrap();
        assert_eq!(read(&ring, file.word()).unwrap(), all());
        assert_eq!(read(&ring, 0).unwrap(), SchemaList::new());
        let other = SchemaFile::of(&list(&[(MetaTopic::EventType(1), "{}")])).unwrap();
        other.store(&ring).unwrap();
        fs::write(folder.path().join("a.ring.schema-123.json"), "mine").unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 3);
        remove_others(&ring, other.word());
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
        assert!(read(&ring, other.word()).is_ok());
        fs::copy(path_of(&ring, other.word()), path_of(&ring, file.word())).unwrap();
        assert!(matches!(read(&ring, file.word()), Err(SharedRingError::SchemaFile { .. })));
        assert!(read(&ring, file.word() & 0xFFFF_FFFF).is_err(), "no word of a list");
        file.store(&ring).unwrap();
        assert_eq!(read(&ring, file.word()).unwrap(), all(), "a damaged file is replaced");
    }
}
