//! Writes whose pages leave the kernel's cache once they are on the disk, so that a log pushes nothing else out of it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;

use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};

/// `RWF_DONTCACHE` of linux/fs.h, since Linux 6.14. The kernel also begins to write the pages to the disk at once.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

/// Returns whether the kernel and the file's file system can do it.
pub(crate) fn can_write_uncached(file: &File) -> bool {
    // Reading takes the flag as writing does, and changes nothing.
    preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, DONTCACHE).is_ok()
}

/// Writes all of `bytes`.
pub(crate) fn write_all_uncached(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match pwritev2(file, &[IoSlice::new(bytes)], offset, DONTCACHE) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP) => return file.write_all_at(bytes, offset),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_whether_the_kernel_can_do_it_or_not() {
        let file = tempfile::tempfile().unwrap();
        write_all_uncached(&file, &[7; 10_000], 100).unwrap();
        let mut found = vec![0; 10_000];
        file.read_exact_at(&mut found, 100).unwrap();
        assert_eq!(found, [7; 10_000]);
        println!("this kernel and file system can: {}", can_write_uncached(&file));
    }
}
