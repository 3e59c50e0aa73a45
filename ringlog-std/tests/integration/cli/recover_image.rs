//! `ringlog recover-image` on dumps of the memory of this machine. The tests of the library and `.ci/run firmware`
//! cover other machines.

use ringlog_nostd::{AlignedBytes, EventHeader, Ring, RingOptions};

use super::support::{RINGLOG, assert_code, json_of, number, records_of, ringlog, stderr_of, word};

/// Makes a dump with a retained ring of five events at offset 96; two of them were read.
fn dump(changed: impl FnOnce(&mut [u8])) -> (tempfile::TempDir, std::path::PathBuf) {
    let mut memory = AlignedBytes::<1024>::new();
    let options = RingOptions {
        capacity: Some(256),
        max_payload: Some(40),
        identity: 77,
        start: usize::MAX - 63,
        retained: true,
        ..RingOptions::default()
    };
    let (mut producer, mut consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    for time in 0..5 {
        producer.write_event(&EventHeader::new(time, 3, 6), b"dumped").unwrap();
    }
    consumer.drain(2, |_, _| ()).unwrap();
    drop((producer, consumer));
    let mut bytes = vec![0x31; 96];
    bytes.extend_from_slice(memory.as_mut());
    changed(&mut bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ram.bin");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn unread_events_are_printed_and_the_ring_is_described() {
    let (_folder, path) = dump(|_| ());
    let output = ringlog(&["recover-image", word(&path), "--format", "hex"]);
    let printed: Vec<String> = (2..5).map(|time| format!("{} {time} 3 c0 64756d706564", time - 2)).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>(), printed);
    assert_code(&output, 0);
    let said = stderr_of(&output);
    assert!(said.contains("offset 0x60") && said.contains("3 unread events"), "{said}");
    let report = json_of(&ringlog(&["recover-image", word(&path), "--json"]));
    let ring = &report["rings"][0];
    assert_eq!((number(ring, "events"), number(ring, "lost"), number(ring, "offset")), (3, 0, 96));
    assert_eq!((number(ring, "word_bits"), number(ring, "identity")), (u64::from(usize::BITS), 77));
    assert_eq!((&ring["retained"], &ring["damage"]), (&true.into(), &serde_json::Value::Null));
}

#[test]
fn a_log_file_is_made_that_the_other_tools_read() {
    let (folder, path) = dump(|_| ());
    let to = folder.path().join("out");
    assert_code(&ringlog(&["recover-image", word(&path), "--to", word(&to)]), 0);
    let file = to.join("ring-0x00000060.evtl");
    assert_code(&ringlog(&["verify", word(&file)]), 0);
    let times: Vec<u64> = records_of(&file).iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [2, 3, 4]);
    let again = ringlog(&["recover-image", word(&path), "--to", word(&to)]);
    assert_code(&again, 1);
    assert!(stderr_of(&again).contains("ring-0x00000060.evtl"), "{}", stderr_of(&again));
}

#[test]
fn the_files_describe_their_events_if_a_file_does() {
    let (folder, path) = dump(|_| ());
    let (to, schemas) = (folder.path().join("out"), folder.path().join("types.json"));
    // As a ring in a file has it beside it.
    let ring =
        r#"{"lengths":{"3":58},"types":[{"type":3,"name":"note","size":0,"fields":[],"tail":"text"}]}"#;
    std::fs::write(&schemas, ring).unwrap();
    let schema = ["--schema", word(&schemas)];
    assert_code(&ringlog(&[&["recover-image", word(&path), "--to", word(&to)][..], &schema].concat()), 0);
    let file = to.join("ring-0x00000060.evtl");
    assert_code(&ringlog(&["verify", word(&file)]), 0);
    let printed = ringlog(&["cat", word(&file)]);
    let said = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert_eq!(said.matches("note  tail=\"dumped\"").count(), 3, "{said}");
    let none = folder.path().join("none.json");
    let output = ringlog(&["recover-image", word(&path), "--to", word(&to), "--schema", word(&none)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("none.json"), "{}", stderr_of(&output));
}

#[test]
fn damage_is_loss_and_reported() {
    // The payload of the second unread event: each record takes 24 bytes, the first starts at position -64.
    let data = 96 + 384 + 256 - 64;
    let (folder, path) = dump(|bytes| bytes[data + 3 * 24 - 256 + 16] ^= 1);
    let to = folder.path().join("out");
    let output = ringlog(&["recover-image", word(&path), "--to", word(&to)]);
    assert_code(&output, 3);
    assert!(stderr_of(&output).contains("ends at damage"), "{}", stderr_of(&output));
    let file = to.join("ring-0x00000060.evtl");
    let verified = ringlog(&["verify", word(&file), "--json"]);
    assert_code(&verified, 3);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("recovery cut"));
}

/// Makes a 32-bit little-endian ring of `capacity` bytes, all of them unread.
fn control_words(capacity: u32) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    // Magic, layout, capacity, overrun; identity, boot; head, closed, lost, gap, first loss; tail, closed.
    words(&[0x524C_4731, 1 | 2 << 8, capacity, 32, 0, 0, 0, 0, capacity, 0, 0, 1, 0, 0, 0, 0])
}

/// Runs `ringlog recover-image --json` with memory for the dump and this many MiB.
fn recover_within(image: &[u8], mebibytes: usize) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ram.bin");
    std::fs::write(&path, image).unwrap();
    let kibibytes = image.len() / 1024 + mebibytes * 1024;
    let limited = format!("ulimit -v {kibibytes}; exec \"$0\" recover-image --json \"$1\"");
    std::process::Command::new("sh").args(["-c", &limited, RINGLOG, word(&path)]).output().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_events_of_a_ring() {
    let capacity = 16 << 20;
    let mut image = control_words(capacity);
    let event = EventHeader::new(5, 1, 0).with_flags(0x80).to_bytes();
    image.extend(event.repeat(capacity as usize / event.len()));
    image.extend([0; 32]);
    let output = recover_within(&image, 32);
    let ring = &json_of(&output)["rings"][0];
    assert_eq!(number(ring, "events"), u64::from(capacity) / 16);
}

#[test]
fn memory_does_not_grow_with_the_places_that_are_no_ring() {
    let places = 1_000_000;
    let mut image = control_words(0)[..8].repeat(places);
    image.extend(control_words(32));
    image.extend([0; 64]);
    let output = recover_within(&image, 32);
    // The one ring has no events in the place that it names.
    assert_code(&output, 3);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap().len() as u64;
    assert_eq!((problems, number(&report, "problem_count")), (100, places as u64));
}

#[test]
fn rings_that_overlap_are_read_a_few_times_only_and_reported() {
    let capacity = 1 << 20;
    let mut image = control_words(capacity).repeat(3000);
    let event = EventHeader::new(5, 1, 0).with_flags(0x80).to_bytes();
    image.extend(event.repeat((2 << 20) / event.len()));
    let output = recover_within(&image, 32);
    assert_code(&output, 3);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rings = report["rings"].as_array().unwrap().len();
    let read: u64 = report["rings"].as_array().unwrap().iter().map(|ring| number(ring, "bytes")).sum();
    assert!(rings <= 1000 && read <= 8 * image.len() as u64 && number(&report, "problem_count") >= 2000);
    assert!(stderr_of(&output).contains("too many rings overlap; cut the dump off before this offset"));
}

#[test]
fn what_holds_no_ring_is_named() {
    let (_folder, path) = dump(|bytes| bytes[96] ^= 1);
    for (image, named) in [(word(&path), "no ring"), ("/nonexistent/image", "/nonexistent/image")] {
        let output = ringlog(&["recover-image", image]);
        assert_code(&output, 1);
        assert!(stderr_of(&output).contains(named), "{}", stderr_of(&output));
    }
    let (_folder, path) = dump(|bytes| bytes[96 + 16] = 7);
    let output = ringlog(&["recover-image", word(&path)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("offset 0x60"), "{}", stderr_of(&output));
}
