//! Faults of a disk besides lost writes. Each kind is planned for an image, and counted where it happened.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use ringlog_nostd::format::{FILE_HEADER_LEN, FILE_MAGIC, FileHeader};

use crate::storage::names::WRITER_FILE;
use crate::storage::recovery::report::{RecoveryAction, RecoveryReport};
use crate::storage::tests::power_loss::disk::{Disk, Remains, SECTOR};
use crate::storage::tests::power_loss::run::Random;

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The first sector of files that were not synced reads as zeros.
    ZeroedHeaders,
    /// A sector is written at another place, in the same file or in another one. Its own place keeps its old
    /// content.
    Misdirected,
    /// Sectors cannot be read.
    Unreadable,
    /// Files have a second name, or only a link in their place.
    Linked,
}

/// What happened to one image, or, as a sum, to many.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Happened {
    /// A file was begun after one whose header did not reach the disk, and neither has a name.
    pub(crate) lost_before_begun: u64,
    zeroed_unnamed: u64,
    zeroed_named: u64,
    misdirected: u64,
    unreadable: u64,
    hard_links: u64,
    symbolic_links: u64,
    /// The log was not opened, with an error that says why.
    pub(crate) refused: u64,
    /// The log was opened.
    pub(crate) opened: u64,
    /// Something that was promised cannot be read, and that was reported.
    pub(crate) reported: u64,
}

impl Happened {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost_before_begun += other.lost_before_begun;
        self.zeroed_unnamed += other.zeroed_unnamed;
        self.zeroed_named += other.zeroed_named;
        self.misdirected += other.misdirected;
        self.unreadable += other.unreadable;
        self.hard_links += other.hard_links;
        self.symbolic_links += other.symbolic_links;
        self.refused += other.refused;
        self.opened += other.opened;
        self.reported += other.reported;
    }

    /// Checks that the planned fault happened: otherwise the test shows nothing.
    pub(crate) fn check(&self, fault: Option<Fault>) {
        let must_be = match fault {
            None => &[][..],
            Some(Fault::ZeroedHeaders) => &[self.zeroed_unnamed, self.zeroed_named, self.opened][..],
            Some(Fault::Misdirected) => &[self.misdirected, self.refused, self.opened, self.reported][..],
            Some(Fault::Unreadable) => &[self.unreadable, self.refused, self.opened, self.reported][..],
            Some(Fault::Linked) => &[self.hard_links, self.symbolic_links, self.opened][..],
        };
        assert!(must_be.iter().all(|&count| count > 0), "{fault:?}: {self:?}");
    }
}

/// What was done to one image.
#[derive(Default, Debug)]
pub(crate) struct Image {
    pub(crate) fault: Option<Fault>,
    /// Files in which the disk may have damaged stored bytes.
    pub(crate) damaged: BTreeSet<String>,
    pub(crate) happened: Happened,
    /// Files outside of the log, with their contents before the test.
    outside: Vec<(PathBuf, Contents)>,
}

/// The bytes of a file. A failed assertion does not print them.
#[derive(PartialEq, Eq)]
struct Contents(Vec<u8>);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Image {
    /// Plans this fault for the files that a crash left.
    pub(crate) fn plan(
        fault: Option<Fault>,
        disk: &Disk,
        remains: &mut [Remains],
        random: &mut Random,
    ) -> Self {
        let mut image = Self { fault, ..Self::default() };
        match fault {
            Some(Fault::ZeroedHeaders) => image.zero_headers(disk, remains, random),
            Some(Fault::Misdirected) => image.misdirect(disk, remains, random),
            _ => {}
        }
        image.happened.lost_before_begun = u64::from(has_lost_before_begun(disk, remains));
        image
    }

    /// Applies the planned fault to the files in a folder.
    pub(crate) fn lay_over(&mut self, folder: &Path, outside: &Path, random: &mut Random) {
        match self.fault {
            Some(Fault::Linked) => self.link(folder, outside, random),
            Some(Fault::Unreadable) => self.make_unreadable(folder, random),
            _ => {}
        }
    }

    /// Returns whether recovery reports that it has set one of the damaged files aside.
    pub(crate) fn is_set_aside(&self, report: &RecoveryReport) -> bool {
        report.segments.iter().any(|segment| {
            let name = segment.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            matches!(segment.action, RecoveryAction::SetAside(_)) && self.damaged.contains(name)
        })
    }

    fn zero_headers(&mut self, disk: &Disk, remains: &mut [Remains], random: &mut Random) {
        for file in remains.iter_mut().filter(|file| is_of_log(&file.name)) {
            let is_synced = !disk.has_versions(file.id, 0);
            if is_synced || random.below(2) == 0 || !file.store_sector(0, &[0; SECTOR]) {
                continue;
            }
            if is_named(&file.name) {
                self.happened.zeroed_named = 1;
                self.damaged.insert(file.name.clone());
            } else {
                self.happened.zeroed_unnamed = 1;
            }
        }
    }

    fn misdirect(&mut self, disk: &Disk, remains: &mut [Remains], random: &mut Random) {
        let pending = |file: &Remains| {
            disk.sectors_with_versions(file.id).map(|sector| (file.id, sector)).collect::<Vec<_>>()
        };
        let pending: Vec<_> = remains.iter().filter(|file| is_of_log(&file.name)).flat_map(pending).collect();
        let Some(&(id, sector)) = pick(&pending, random) else { return };
        let (old, new) = disk.two_versions(id, sector, random);
        let targets: Vec<_> = (0..remains.len()).filter(|&at| is_of_log(&remains[at].name)).collect();
        let Some(&target) = pick(&targets, random) else { return };
        let to = target_sector(&remains[target].bytes, random);
        if (remains[target].id, to) == (id, sector) {
            return;
        }
        for file in remains.iter_mut().filter(|file| file.id == id) {
            file.store_sector(sector, &old);
        }
        let target = &mut remains[target];
        if target.store_sector(to, &new) {
            self.happened.misdirected = 1;
            self.damaged.insert(target.name.clone());
        }
    }

    fn link(&mut self, folder: &Path, outside: &Path, random: &mut Random) {
        for name in names(folder) {
            let (path, other) = (folder.join(&name), outside.join(&name));
            match random.below(3) {
                0 => continue,
                1 => {
                    fs::hard_link(&path, &other).unwrap();
                    self.happened.hard_links = 1;
                }
                _ => {
                    fs::rename(&path, &other).unwrap();
                    symlink(&other, &path).unwrap();
                    self.happened.symbolic_links = 1;
                }
            }
            let bytes = fs::read(&other).unwrap();
            self.outside.push((other, Contents(bytes)));
        }
    }

    /// Checks files outside: in a file with several names, a log may change only the header, to say where its
    /// records end.
    pub(crate) fn check_outside(&self) {
        for (path, Contents(before)) in &self.outside {
            let after = fs::read(path).unwrap();
            let header = FILE_HEADER_LEN.min(before.len());
            assert!(after[header..] == before[header..], "stored into {} through a link", path.display());
        }
    }

    fn make_unreadable(&mut self, folder: &Path, random: &mut Random) {
        for _ in 0..1 + random.below(2) {
            let all = names(folder);
            let Some(name) = pick(&all, random) else { return };
            let path = folder.join(name);
            let sector = target_sector(&fs::read(&path).unwrap(), random) as u64;
            let inode = fs::metadata(&path).unwrap().ino();
            UNREADABLE.with_borrow_mut(|bad| bad.sectors.push((inode, sector)));
            self.damaged.insert(name.clone());
        }
    }

    /// Makes all sectors readable from now on.
    pub(crate) fn make_readable(&mut self) {
        let met = UNREADABLE.with_borrow_mut(std::mem::take).met;
        self.happened.unreadable |= u64::from(met > 0);
    }
}

/// Sectors of files, by their inodes, that this thread cannot read.
#[derive(Default)]
struct Unreadable {
    sectors: Vec<(u64, u64)>,
    met: u64,
}

thread_local! {
    static UNREADABLE: RefCell<Unreadable> = RefCell::default();
}

/// Returns how many of these bytes of a file one read can return.
pub(crate) fn readable_bytes(file: &File, offset: u64, len: usize) -> io::Result<usize> {
    UNREADABLE.with_borrow_mut(|bad| {
        if bad.sectors.is_empty() {
            return Ok(len);
        }
        let inode = file.metadata()?.ino();
        let end = offset + len as u64;
        let here =
            bad.sectors.iter().filter(|(of, _)| *of == inode).map(|(_, sector)| sector * SECTOR as u64);
        let first = here.filter(|from| from + SECTOR as u64 > offset && *from < end).min();
        match first {
            None => Ok(len),
            Some(from) if from > offset => Ok((from - offset) as usize),
            Some(_) => {
                bad.met += 1;
                Err(io::Error::other("injected: this sector cannot be read"))
            }
        }
    })
}

/// Makes a sector of a file unreadable for this thread until this is dropped.
pub(crate) fn unreadable(path: &Path, offset: u64) -> impl Drop {
    struct Readable;
    impl Drop for Readable {
        fn drop(&mut self) {
            UNREADABLE.take();
        }
    }
    let inode = fs::metadata(path).unwrap().ino();
    UNREADABLE.with_borrow_mut(|bad| bad.sectors.push((inode, offset / SECTOR as u64)));
    Readable
}

fn pick<'a, T>(all: &'a [T], random: &mut Random) -> Option<&'a T> {
    if all.is_empty() { None } else { all.get(random.below(all.len() as u64) as usize) }
}

/// Picks a sector of a file, mostly one that holds records.
fn target_sector(bytes: &[u8], random: &mut Random) -> usize {
    let all = bytes.len().div_ceil(SECTOR).max(1) as u64;
    let header = bytes.first_chunk().and_then(|head| FileHeader::from_bytes(head).ok());
    let used = header.map_or(all, |header| header.write_offset.div_ceil(SECTOR as u64).clamp(1, all));
    let end = if random.below(4) == 0 { all } else { used };
    random.below(end) as usize
}

/// Returns whether a file belongs to the log. Its `writer` file is not damaged here.
fn is_of_log(name: &str) -> bool {
    name != WRITER_FILE
}

fn is_named(name: &str) -> bool {
    name.ends_with(".evtl")
}

fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = all.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| is_of_log(name));
    names.sort();
    names
}

fn has_lost_before_begun(disk: &Disk, remains: &[Remains]) -> bool {
    let unnamed = remains.iter().filter(|file| is_of_log(&file.name) && !is_named(&file.name));
    let (mut lost, mut begun) = (Vec::new(), Vec::new());
    for file in unnamed {
        let stored = disk.newest(file.id).first_chunk().map(FileHeader::from_bytes);
        if let Some(Ok(header)) = stored {
            let is_there = file.bytes.starts_with(&FILE_MAGIC);
            if is_there { &mut begun } else { &mut lost }.push(header.base_sequence);
        }
    }
    lost.iter().min() < begun.iter().max() && !lost.is_empty()
}
