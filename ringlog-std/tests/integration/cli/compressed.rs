//! Compressed files are imported by their content; archives are refused.

use std::path::Path;

use ringlog::event::{Gap, GapReason};

use super::compress::{gzip, zstd};
use super::support::{assert_code, records_of, ringlog, stderr_of, test_data, word};

/// Imports a file with these bytes; returns the time and payload of each event.
fn import(folder: &Path, name: &str, bytes: &[u8], more: &[&str]) -> Vec<(u64, Vec<u8>)> {
    let (file, log) = (folder.join(name), folder.join(format!("log of {name}")));
    std::fs::write(&file, bytes).unwrap();
    assert_code(&ringlog(&[&["import", word(&file), "--log", word(&log)], more].concat()), 0);
    records_of(&log).into_iter().map(|record| (record.timestamp, record.payload)).collect()
}

#[test]
fn every_format_comes_out_of_gzip_and_zstd_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let capture = std::fs::read(test_data("capture.pcapng")).unwrap();
    let table: String = (0..3000).map(|row| format!("{},row {row}\n", 1_378_054_800 + row)).collect();
    let lines: String = (0..3000).map(|line| format!("line {line}\n")).collect();
    for (name, bytes, format, has_times) in [
        ("a.pcapng", &capture[..], "pcap", true),
        ("b.csv", table.as_bytes(), "csv", true),
        ("c.txt", lines.as_bytes(), "lines", false),
    ] {
        let plain = import(folder, name, bytes, &[]);
        let halves = bytes.split_at(bytes.len() / 2);
        let files = [
            ("one", "gz", gzip(bytes)),
            ("one", "zst", zstd(bytes)),
            ("two", "gz", [gzip(halves.0), gzip(halves.1)].concat()),
            ("two", "zst", [zstd(halves.0), zstd(halves.1)].concat()),
        ];
        for (parts, compression, file) in files {
            let by_name = import(folder, &format!("{parts}.{name}.{compression}"), &file, &[]);
            let by_option =
                import(folder, &format!("{parts} {name} {compression}"), &file, &["--format", format]);
            for found in [by_name, by_option] {
                assert_eq!(found.len(), plain.len());
                let pairs = || found.iter().zip(&plain);
                assert!(pairs().all(|(one, other)| one.1 == other.1), "{parts} {name} {compression}");
                assert!(
                    !has_times || pairs().all(|(one, other)| one.0 == other.0),
                    "{parts} {name} {compression}"
                );
            }
        }
    }
}

#[test]
fn a_compressed_file_that_is_cut_gives_what_was_read_an_error_and_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> =
        (0..60_000_u32).map(|line| format!("line {}", line.wrapping_mul(2_654_435_761))).collect();
    let text = lines.join("\n");
    for (name, whole) in [("a.gz", gzip(text.as_bytes())), ("a.zst", zstd(text.as_bytes()))] {
        for quarter in 1..4 {
            let (file, log) = (folder.path().join(name), folder.path().join(format!("{name}.{quarter}")));
            std::fs::write(&file, &whole[..whole.len() * quarter / 4]).unwrap();
            let output = ringlog(&["import", word(&file), "--log", word(&log)]);
            assert_code(&output, 1);
            let said = stderr_of(&output);
            assert!(said.contains(name) && said.contains("cut short"), "{said}");
            let records = records_of(&log);
            let (gap, records) = records.split_last().unwrap();
            let gap = Gap::from_payload(&gap.payload).unwrap();
            assert_eq!((gap.reason, gap.count), (GapReason::NotReadable, 0));
            assert!(records.len() > 5_000 * quarter && records.len() < lines.len(), "{}", records.len());
            assert!(records.iter().zip(&lines).all(|(record, line)| record.payload == line.as_bytes()));
        }
    }
}

#[test]
fn early_damage_is_named_and_what_is_before_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("a.csv.gz"), folder.path().join("log"));
    let mut table = String::from("ts,a,b\n");
    for row in 0..20_000_u32 {
        let (minute, second) = (row / 60 % 60, row % 60);
        let hour = row / 3600;
        table += &format!(
            "2026-01-01T{hour:02}:{minute:02}:{second:02}Z,{},\"two\nlines\"\n",
            row.wrapping_mul(2_654_435_761)
        );
    }
    let whole = gzip(table.as_bytes());
    let mut imported = 0;
    for at in (400..12_000).step_by(773) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&file, damaged).unwrap();
        let output = ringlog(&["import", word(&file), "--typed", "--log", word(&log)]);
        assert_code(&output, 1);
        let said = stderr_of(&output);
        assert!(said.contains("its gzip data is damaged before byte"), "{at}: {said}");
        if log.exists() {
            imported += usize::from(records_of(&log).len() > at / 20);
            std::fs::remove_dir_all(&log).unwrap();
        }
    }
    assert!(imported > 10, "{imported}");
}

#[test]
fn archives_and_empty_files_are_refused_by_name_and_leave_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("input"), folder.path().join("log"));
    let mut tar = vec![b'n'; 257];
    tar.extend(b"ustar\x0000\0\0\0");
    let inputs: [(&[u8], &str); 13] = [
        (&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0, 0, 0], "--long=31"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "unzip"),
        (b"\x04\x22\x4D\x18\x64\x40", "lz4 -d"),
        (b"\x02\x21\x4C\x18\x64\x40", "lz4 -d"),
        (b"\xFD7zXZ\0\0\x04", "xz -d"),
        (b"BZh91AY&SY\xDE\xAD\0", "bzip2 -d"),
        (b"7z\xBC\xAF\x27\x1C\0\x04", "7z x"),
        (b"Rar!\x1A\x07\x01\0", "unrar x"),
        (b"PAR1\x15\0\x15", "CSV"),
        (&tar, "tar -x"),
        (&gzip(&tar), "inside gzip"),
        (b"", "empty"),
        (&gzip(b""), "empty"),
    ];
    for (bytes, named) in inputs {
        std::fs::write(&file, bytes).unwrap();
        for format in [&[][..], &["--format", "lines"], &["--format", "csv"], &["--format", "pcap"]] {
            let output = ringlog(&[&["import", word(&file), "--log", word(&log)], format].concat());
            let said = stderr_of(&output);
            assert_code(&output, 1);
            assert!(said.contains(named) && said.contains(word(&file)), "{named}: {said}");
        }
        if named != "empty" {
            let output = ringlog(&["serve", "--feed", word(&file), "--log", word(&log)]);
            assert_code(&output, 1);
            assert!(stderr_of(&output).contains(named), "{named}: {}", stderr_of(&output));
        }
        assert!(!log.exists(), "{named}");
    }
}
