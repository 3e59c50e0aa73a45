//! Computes what a disk may hold while a trace is played.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::storage::tests::power_loss::run::Random;
use crate::storage::tests::power_loss::trace::{FileId, Op};

pub(crate) const SECTOR: usize = 512;
const PAGE: u64 = 4096;

/// A disk at one moment: what is on stable storage, and what may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<FileId, Content>,
    /// The names that are on stable storage.
    names: BTreeMap<String, FileId>,
    /// Changes of names since.
    pending: Vec<Op>,
    pub(crate) producing: u64,
    pub(crate) written: u64,
    pub(crate) promised: u64,
    /// What the events from these numbers on were written under.
    layouts: BTreeMap<u64, u64>,
    /// Whether old segments may have been retired.
    pub(crate) is_retired: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// The versions of each sector that was stored into since its last sync, oldest first.
    versions: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
    /// Pages that a failed sync has left clean: no sync writes them before they are stored into again.
    forgotten: BTreeSet<u64>,
}

/// A file that a crash left.
pub(crate) struct Remains {
    pub(crate) id: FileId,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Disk {
    /// Returns a disk with these files on stable storage.
    pub(crate) fn holding(files: Vec<(FileId, Remains)>) -> Self {
        let mut disk = Self::default();
        for (id, Remains { name, bytes, .. }) in files {
            disk.names.insert(name, id);
            disk.files.insert(id, Content { lengths: vec![bytes.len()], bytes, ..Content::default() });
        }
        disk
    }

    pub(crate) fn play(&mut self, op: &Op) {
        match op {
            Op::Producing(number) => self.producing = *number,
            Op::Written(number) => self.written = *number,
            Op::Promised(number) => self.promised = *number,
            Op::Described { version, from } => drop(self.layouts.insert(*from, *version)),
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
            | Op::SyncFailed { file, .. }
            | Op::SyncFile { file } => self.files.get_mut(file).expect("a known file").play(op),
        }
    }

    /// Returns the version of the descriptions that an event was written under.
    pub(crate) fn layout_of(&self, number: u64) -> u64 {
        *self.layouts.range(..=number).next_back().expect("each life notes its first").1
    }

    /// Returns the files after a crash at this moment.
    pub(crate) fn crash(&self, random: &mut Random) -> Vec<Remains> {
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
            .map(|(name, id)| Remains { id, name, bytes: self.files[&id].crash(random, luck) })
            .collect()
    }

    /// Returns what was stored into the file, on stable storage or not.
    pub(crate) fn newest(&self, file: FileId) -> &[u8] {
        &self.files[&file].bytes
    }

    /// Returns whether a sector was stored into since it was last synced.
    pub(crate) fn has_versions(&self, file: FileId, sector: usize) -> bool {
        self.files[&file].versions.contains_key(&sector)
    }

    /// Returns the sectors that were stored into since they were last synced.
    pub(crate) fn sectors_with_versions(&self, file: FileId) -> impl Iterator<Item = usize> + '_ {
        self.files[&file].versions.keys().copied()
    }

    /// Returns two versions of such a sector, an older and a newer one.
    pub(crate) fn two_versions(
        &self,
        file: FileId,
        sector: usize,
        random: &mut Random,
    ) -> ([u8; SECTOR], [u8; SECTOR]) {
        let versions = &self.files[&file].versions[&sector];
        let new = 1 + random.below(versions.len() as u64 - 1) as usize;
        (versions[random.below(new as u64) as usize], versions[new])
    }
}

impl Remains {
    /// Stores a sector, up to the file's end. Returns whether that changes anything.
    pub(crate) fn store_sector(&mut self, sector: usize, bytes: &[u8; SECTOR]) -> bool {
        let start = (sector * SECTOR).min(self.bytes.len());
        let end = self.bytes.len().min(start + SECTOR);
        let there = &mut self.bytes[start..end];
        let is_change = there != &bytes[..there.len()];
        there.copy_from_slice(&bytes[..there.len()]);
        is_change
    }
}

/// Queries of the schedules, which check only the worst case.
#[cfg(ringlog_shuttle)]
impl Disk {
    /// Returns the files after the worst crash at this moment: nothing that was not synced is left.
    pub(crate) fn oldest(&self) -> Vec<Remains> {
        let mut random = Random::new(0);
        let file = |(name, id): (&String, &FileId)| Remains {
            id: *id,
            name: name.clone(),
            bytes: self.files[id].crash(&mut random, Luck::Old),
        };
        self.names.iter().map(file).collect()
    }

    /// Returns a word of a file as it was stored last.
    pub(crate) fn word(&self, file: FileId, at: usize) -> u64 {
        let bytes = &self.files[&file].bytes[at..at + 8];
        u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
    }

    /// Returns whether these bytes of a file are on stable storage as they were stored.
    pub(crate) fn is_stable(&self, file: FileId, from: usize, to: usize) -> bool {
        let content = &self.files[&file];
        let oldest = content.crash(&mut Random::new(0), Luck::Old);
        oldest.get(from..to) == content.bytes.get(from..to)
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

    /// Picks one of `count` versions.
    fn pick(self, count: usize, random: &mut Random) -> usize {
        match self {
            Self::Old => 0,
            Self::New => count - 1,
            Self::Mixed => random.below(count as u64) as usize,
        }
    }
}

/// Applies a change of a name. It has no effect if the file is missing because an earlier change did not
/// happen.
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
                let pages = from / PAGE..to.div_ceil(PAGE);
                self.versions.retain(|&sector, _| {
                    let page = page_of(sector);
                    !pages.contains(&page) || self.forgotten.contains(&page)
                });
            }
            Op::SyncFailed { from, to, .. } => {
                let pages = from / PAGE..to.div_ceil(PAGE);
                self.forgotten.extend(
                    self.versions.keys().map(|&sector| page_of(sector)).filter(|page| pages.contains(page)),
                );
            }
            Op::SyncFile { .. } => {
                self.versions.retain(|&sector, _| self.forgotten.contains(&page_of(sector)));
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
            self.forgotten.remove(&page_of(sector));
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

/// The page that a sector is a part of.
const fn page_of(sector: usize) -> u64 {
    (sector * SECTOR) as u64 / PAGE
}

/// Writes the files into an empty folder.
pub(crate) fn lay_out(folder: &Path, files: &[Remains]) {
    for Remains { name, bytes, .. } in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
