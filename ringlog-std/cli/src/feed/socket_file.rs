//! Creates and removes sockets in the file system.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use socket2::{Domain, SockAddr, Socket, Type};

use super::receive_options::ask_for_times_and_drops;

/// `sun_path` has one more byte, for the zero at its end.
const PATH_BYTES_MAX: usize = 107;
/// Attempts to lock the folder, and the pause between two.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The file of a socket. Deleted on drop if the path still is that file.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// Creates a socket at `path`. Deletes a socket there only if its program is dead.
pub(super) fn bind(path: &Path, kind: Type) -> io::Result<(Socket, SocketFile)> {
    check_length(path)?;
    // Of two programs that find the same dead socket, the second one would delete the new socket of the first one.
    let _lock = lock_folder(path)?;
    remove_dead(path)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    ask_for_times_and_drops(&socket);
    socket.bind(&SockAddr::unix(path)?)?;
    let identity = identity_of(path)?;
    Ok((socket, SocketFile { path: path.into(), identity }))
}

fn check_length(path: &Path) -> io::Result<()> {
    let bytes = path.as_os_str().len();
    if bytes <= PATH_BYTES_MAX {
        return Ok(());
    }
    let problem =
        format!("the path has {bytes} bytes, and a socket's may have {PATH_BYTES_MAX}; give a shorter one");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let problem = format!("there is no folder {}; make it, or give another path", folder.display());
            return Err(io::Error::new(error.kind(), problem));
        }
        other => other?,
    };
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    let problem = format!(
        "another program holds a lock on the folder {}; end it, or give another path",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::WouldBlock, problem))
}

fn remove_dead(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        let problem = "this file is there and is no socket; delete it, or give another path";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
    }
    if is_alive(path)? {
        let problem = "another program listens there; stop it, or give another path";
        return Err(io::Error::new(io::ErrorKind::AddrInUse, problem));
    }
    fs::remove_file(path)
}

/// Whether a program has the socket open. Probes with a datagram socket, which a stream listener does not notice.
fn is_alive(path: &Path) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    let answer = probe.connect(&SockAddr::unix(path)?);
    Ok(!answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity_of(&self.path).is_ok_and(|found| found == self.identity) {
            // If that fails, the next start deletes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    const KINDS: [Type; 2] = [Type::STREAM, Type::DGRAM];

    #[test]
    fn a_path_that_cannot_be_had_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let name = |bytes: usize| "x".repeat(bytes - folder.path().as_os_str().len() - 1);
        assert!(bind(&folder.path().join(name(PATH_BYTES_MAX)), Type::DGRAM).is_ok());
        for (path, said) in [
            (folder.path().join(name(108)), "has 108 bytes, and a socket's may have 107"),
            (folder.path().join("none/socket"), "none; make it, or give another path"),
        ] {
            let error = bind(&path, Type::DGRAM).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_dead_socket_is_replaced_and_ones_own_deleted_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        for kind in KINDS {
            drop(UnixListener::bind(&path).unwrap());
            let (socket, file) = bind(&path, kind).unwrap();
            if kind == Type::STREAM {
                socket.listen(1).unwrap();
                UnixStream::connect(&path).unwrap();
            } else {
                UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
            }
            drop((socket, file));
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_socket_that_is_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (stream, datagram) = (folder.path().join("stream"), folder.path().join("datagram"));
        let listener = UnixListener::bind(&stream).unwrap();
        let receiver = UnixDatagram::bind(&datagram).unwrap();
        for (path, kind) in [&stream, &datagram].into_iter().flat_map(|path| KINDS.map(|kind| (path, kind))) {
            let error = bind(path, kind).unwrap_err();
            assert!(error.to_string().contains("another program listens there"), "{error}");
        }
        // Neither of them noticed the probe.
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        UnixDatagram::unbound().unwrap().send_to(b"x", &datagram).unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
    }

    #[test]
    fn what_is_no_socket_and_what_replaced_ones_own_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("socket"), folder.path().join("target"));
        let (socket, file) = bind(&path, Type::DGRAM).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "letter").unwrap();
        drop((socket, file));
        let error = bind(&path, Type::DGRAM).unwrap_err();
        assert!(error.to_string().contains("is no socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"letter");
        // A link to a dead socket.
        fs::remove_file(&path).unwrap();
        drop(UnixListener::bind(&target).unwrap());
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(bind(&path, Type::DGRAM).is_err() && target.exists());
    }

    #[test]
    fn of_many_that_find_a_dead_socket_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        for _ in 0..20 {
            drop(UnixListener::bind(&path).unwrap());
            let tries: Vec<_> = (0..4)
                .map(|_| {
                    let path = path.clone();
                    thread::spawn(move || bind(&path, Type::DGRAM))
                })
                .collect();
            let bound: Vec<_> = tries.into_iter().filter_map(|it| it.join().unwrap().ok()).collect();
            assert_eq!(bound.len(), 1);
        }
    }
}
