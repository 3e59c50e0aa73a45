//! Files of formats that are not read, and compressed ones that are damaged.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::Row;
use super::imports::{import, said};
use crate::cli::support::{ringlog, word};

/// What each of them starts with.
const FOREIGN: &[(&str, &[u8])] = &[
    ("zip", b"PK\x03\x04"),
    ("empty zip", b"PK\x05\x06"),
    ("part of a zip", b"PK\x07\x08"),
    ("7z", b"7z\xBC\xAF\x27\x1C"),
    ("RAR", b"Rar!\x1A\x07"),
    ("cabinet", b"MSCF\0\0\0\0"),
    ("ar", b"!<arch>\n"),
    ("xz", b"\xFD7zXZ\0"),
    ("bzip2", b"BZh"),
    ("LZMA", b"\x5D\0\0"),
    ("lzip", b"LZIP\x01"),
    ("LZ4", b"\x04\x22\x4D\x18"),
    ("old LZ4", b"\x02\x21\x4C\x18"),
    ("lzop", b"\x89LZO\0\r\n\x1A\n"),
    ("snappy", b"\xFF\x06\0\0sNaPpY"),
    ("compress", b"\x1F\x9D"),
    ("pack", b"\x1F\x1E"),
    ("LZH", b"\x1F\xA0"),
    ("Parquet", b"PAR1"),
    ("Arrow", b"ARROW1"),
    ("Avro", b"Obj\x01"),
    ("HDF5", b"\x89HDF\r\n\x1A\n"),
    ("SQLite", b"SQLite format 3\0"),
    ("old Excel", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
    ("PDF", b"%PDF-"),
    ("snoop", b"snoop\0\0\0"),
    ("NetMon", b"GMBU"),
    ("old NetMon", b"RTSS"),
    ("Sniffer", b"TRSNIFF data"),
    ("NetXRay", b"XCP\0"),
    ("a pcap of a private magic", b"\xA1\xB2\x34\xCD"),
    ("a file of a log", b"EVTL"),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn foreign(folder: &Path) -> Vec<Row> {
    let binary = |magic: &[u8]| [magic, &[0xFE; 100]].concat();
    let row = |&(name, magic): &(&str, &[u8])| import(folder, name, "a.csv", &binary(magic), "");
    let mut rows: Vec<_> = FOREIGN.iter().map(row).collect();
    let tar = [&[b'n'; 257][..], b"ustar\x0000"].concat();
    rows.push(import(folder, "tar", "a.csv", &tar, ""));
    rows.push(import(folder, "tar in gzip", "a.csv.gz", &gzip(&tar), ""));
    rows.push(import(folder, "gzip in zstd", "a.csv.zst", &zstd(&gzip(b"text")), ""));
    rows
}

fn compressed(folder: &Path) -> Vec<Row> {
    let table: String = (0..2000).map(|row| format!("{},{}\n", 1_700_000_000 + row, row * row)).collect();
    let (gz, zst) = (gzip(table.as_bytes()), zstd(table.as_bytes()));
    let mut damaged = gz.clone();
    let middle = damaged.len() - 6;
    damaged[middle] ^= 0xFF;
    let import = |name, file, bytes: &[u8], options| import(folder, name, file, bytes, options);
    vec![
        import("gzip that is cut", "a.csv.gz", &gz[..gz.len() - 4], ""),
        import("gzip of lines that is cut", "a.txt.gz", &gz[..gz.len() - 4], ""),
        import("gzip that is damaged", "a.csv.gz", &damaged, ""),
        import("zstd that is cut", "a.csv.zst", &zst[..zst.len() - 4], ""),
        import("zstd that is damaged from its start on", "a.csv.zst", &[&zst[..4], &[0xFF; 64]].concat(), ""),
        import(
            "zstd with a window of 2 GiB",
            "a.csv.zst",
            &[0x28, 0xB5, 0x2F, 0xFD, 0, 21 << 3, 0, 0, 0],
            "",
        ),
        import(
            "zstd with a dictionary",
            "a.csv.zst",
            &[0x28, 0xB5, 0x2F, 0xFD, 0x23, 9, 0, 0, 0, 5, 1, 0, 0],
            "",
        ),
        import(
            "zeros after gzip",
            "a.csv.gz",
            &[&gz[..], &[0; 512]].concat(),
            "--time-column 1 --delimiter ,",
        ),
        import(
            "gzip and something else",
            "a.csv.gz",
            &[&gz[..], b"no gzip"].concat(),
            "--time-column 1 --delimiter ,",
        ),
        import("gzip of nothing", "a.csv.gz", &gzip(b""), ""),
        import("an empty file", "a.csv", b"", ""),
        import("a capture in gzip that is cut", "a.pcap.gz", &gz[..gz.len() - 4], "--format pcap"),
    ]
}

/// What is no file.
fn places(folder: &Path) -> Vec<Row> {
    fs::create_dir(folder.join("folder")).unwrap();
    let log = folder.join("log");
    let run = |name, path: &Path| said(name, folder, &ringlog(&["import", word(path), "--log", word(&log)]));
    vec![
        run("a folder", &folder.join("folder")),
        run("a device", Path::new("/dev/null")),
        run("a file that is not there", &folder.join("missing")),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [foreign(folder), compressed(folder), places(folder)].into_iter().flatten().collect()
}
