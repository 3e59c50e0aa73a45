//! What a disk may hold while a trace is played.

use std::collections::BTreeMap;
use std::path::Path;

use super::run::Random;
use super::trace::{FileId, Op};

const SECTOR: usize = 512;
const PAGE: u64 = 4096;

/// A disk between two moments: what is on stable storage, and what may or may not be.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<FileId, Content>,
    /// Names that are on stable storage.
    names: BTreeMap<String, FileId>,
    /// Changes of names since.
    pending: Vec<Op>,
    pub(super) producing: u64,
    pub(super) written: u64,
    pub(super) promised: u64,
    /// Whether old segments may have been retired.
    pub(super) is_retired: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// The versions of each sector that was stored into since its last sync, oldest first.
    versions: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
}

/// A file that a crash left.
pub(super) struct Remains {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Disk {
    /// A disk on which these files are safe.
    pub(super) fn holding(files: Vec<(FileId, Remains)>) -> Self {
        let mut disk = Self::default();
        for (id, Remains { name, bytes }) in files {
            disk.names.insert(name, id);
            disk.files.insert(id, Content { lengths: vec![bytes.len()], bytes, ..Content::default() });
        }
        disk
    }

    pub(super) fn play(&mut self, op: &Op) {
        match op {
            Op::Producing(number) => self.producing = *number,
            Op::Written(number) => self.written = *number,
            Op::Promised(number) => self.promised = *number,
            Op::Create { file, .. } => {
                self.files.insert(*file, Content { lengths: vec![0], ..Content::default() });
                self.pending.push(op.clone());
            }
            Op::Rename { .. } | Op::Remove { .. } => self.pending.push(op.clone()),
            Op::SyncFolder => {
                for op in std::mem::take(&mut self.pending) {
                    rename(&mut self.names, &op);
                }
            }
            Op::Grow { file, .. }
            | Op::SetLen { file, .. }
            | Op::Store { file, .. }
            | Op::Punch { file, .. }
            | Op::SyncRange { file, .. }
            | Op::SyncFile { file } => self.files.get_mut(file).expect("a known file").play(op),
        }
    }

    /// The files after a crash at this moment.
    pub(super) fn crash(&self, random: &mut Random) -> Vec<Remains> {
        let mut names = self.names.clone();
        let luck = Luck::draw(random);
        for op in &self.pending {
            if luck.is_new(random) {
                rename(&mut names, op);
            }
        }
        let luck = Luck::draw(random);
        names
            .into_iter()
            .map(|(name, id)| Remains { name, bytes: self.files[&id].crash(random, luck) })
            .collect()
    }
}

/// One crash may find everything old, another everything new, most a mixture.
#[derive(Clone, Copy)]
enum Luck {
    Old,
    New,
    Mixed,
}

impl Luck {
    fn draw(random: &mut Random) -> Self {
        match random.below(8) {
            0 => Self::Old,
            1 => Self::New,
            _ => Self::Mixed,
        }
    }

    fn is_new(self, random: &mut Random) -> bool {
        match self {
            Self::Old => false,
            Self::New => true,
            Self::Mixed => random.below(2) == 1,
        }
    }

    /// Which of so many versions.
    fn pick(self, count: usize, random: &mut Random) -> usize {
        match self {
            Self::Old => 0,
            Self::New => count - 1,
            Self::Mixed => random.below(count as u64) as usize,
        }
    }
}

/// A change of a name whose file is not there, since an earlier change did not happen, does not happen either.
fn rename(names: &mut BTreeMap<String, FileId>, op: &Op) {
    match op {
        Op::Create { file, name } => {
            names.insert(name.clone(), *file);
        }
        Op::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Op::Remove { name } => {
            names.remove(name);
        }
        _ => {}
    }
}

impl Content {
    fn play(&mut self, op: &Op) {
        match op {
            Op::Grow { len, .. } => self.set_len(self.bytes.len().max(*len as usize)),
            Op::SetLen { len, .. } => self.set_len(*len as usize),
            Op::Store { offset, bytes, .. } => self.store(*offset as usize, bytes),
            Op::Punch { from, len, .. } => {
                let end = self.bytes.len().min((from + len) as usize);
                self.store(*from as usize, &vec![0; end.saturating_sub(*from as usize)]);
            }
            Op::SyncRange { from, to, .. } => {
                let sectors =
                    (from / PAGE * PAGE) as usize / SECTOR..to.next_multiple_of(PAGE) as usize / SECTOR;
                self.versions.retain(|sector, _| !sectors.contains(sector));
            }
            Op::SyncFile { .. } => {
                self.versions.clear();
                self.lengths = vec![self.bytes.len()];
            }
            _ => {}
        }
    }

    fn set_len(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.lengths.push(len);
    }

    fn store(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let sectors = offset / SECTOR..(offset + bytes.len()).div_ceil(SECTOR);
        for sector in sectors.clone() {
            let before = self.sector(sector);
            self.versions.entry(sector).or_insert_with(|| vec![before]);
        }
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.set_len(end);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        for sector in sectors {
            let after = self.sector(sector);
            self.versions.get_mut(&sector).expect("entered above").push(after);
        }
    }

    fn sector(&self, sector: usize) -> [u8; SECTOR] {
        let mut copy = [0; SECTOR];
        let start = (sector * SECTOR).min(self.bytes.len());
        let there = &self.bytes[start..self.bytes.len().min(start + SECTOR)];
        copy[..there.len()].copy_from_slice(there);
        copy
    }

    fn crash(&self, random: &mut Random, luck: Luck) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (sector, versions) in &self.versions {
            let start = (sector * SECTOR).min(bytes.len());
            let end = bytes.len().min(start + SECTOR);
            let version = &versions[luck.pick(versions.len(), random)];
            bytes[start..end].copy_from_slice(&version[..end - start]);
        }
        bytes.resize(self.lengths[luck.pick(self.lengths.len(), random)], 0);
        bytes
    }
}

/// Writes the files into an empty folder.
pub(super) fn lay_out(folder: &Path, files: &[Remains]) {
    for Remains { name, bytes } in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
