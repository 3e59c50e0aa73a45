//! Tests who gets a role in a ring and who does not, and making and opening the files.

use super::support::scratch;
use ringlog::event::EventHeader;
use ringlog::ring::{RingError, RingOptions, Role, SharedRing, SharedRingError};

pub(crate) fn options(capacity: usize) -> RingOptions {
    RingOptions { capacity: Some(capacity), ..RingOptions::default() }
}

#[test]
fn a_role_is_free_again_when_its_handle_is_dropped() {
    let folder = scratch();
    let ring = SharedRing::create(folder.path().join("ring"), &options(1 << 12)).unwrap();
    for _ in 0..3 {
        let producer = ring.claim_producer().unwrap();
        let consumer = ring.claim_consumer().unwrap();
        assert!(matches!(ring.claim_producer(), Err(SharedRingError::Claimed { role: Role::Producer, .. })));
        assert!(matches!(ring.claim_consumer(), Err(SharedRingError::Claimed { role: Role::Consumer, .. })));
        drop(producer);
        assert!(consumer.is_closed());
    }
    // A lossy producer keeps the role, too.
    let lossy = ring.claim_producer().unwrap().lossy();
    assert!(ring.claim_producer().is_err());
    drop(lossy);
    assert!(ring.claim_producer().is_ok());
}

#[test]
fn links_lead_to_the_same_roles_and_second_names_are_refused() {
    let folder = scratch();
    let (path, link) = (folder.path().join("ring"), folder.path().join("link"));
    let ring = SharedRing::create(&path, &options(1 << 12)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let _held = ring.claim_producer().unwrap();
    let linked = SharedRing::open(&link).unwrap();
    assert!(matches!(linked.claim_producer(), Err(SharedRingError::Claimed { .. })));
    std::fs::hard_link(&path, folder.path().join("second")).unwrap();
    assert!(matches!(SharedRing::open(&path), Err(SharedRingError::Names { names: 2, .. })));
}

#[test]
fn a_ring_that_was_replaced_takes_no_owners() {
    let folder = scratch();
    let path = folder.path().join("ring");
    let old = SharedRing::create(&path, &options(1 << 12)).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(old.claim_producer(), Err(SharedRingError::Replaced { .. })));
    let new = SharedRing::create(&path, &options(1 << 12)).unwrap();
    assert_ne!(new.identity(), old.identity());
    assert!(matches!(old.claim_consumer(), Err(SharedRingError::Replaced { .. })));
    assert!(new.claim_consumer().is_ok());
}

#[test]
fn what_cannot_be_created_leaves_no_file() {
    let folder = scratch();
    let path = folder.path().join("ring");
    for (capacity, max_payload) in [(100, None), (4096, Some(5000)), (4096, Some(70_000)), (0, None)] {
        let asked = RingOptions { capacity: Some(capacity), max_payload, ..RingOptions::default() };
        assert!(matches!(SharedRing::create(&path, &asked), Err(SharedRingError::Sizes { .. })));
    }
    // No file system has an EiB.
    let refused = SharedRing::create(&path, &options(1 << 60)).unwrap_err();
    assert!(
        matches!(refused, SharedRingError::DiskFull { bytes: 1_152_921_504_606_851_072.., .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let ring = SharedRing::create(&path, &options(1 << 12)).unwrap();
    assert!(matches!(SharedRing::create(&path, &options(1 << 12)), Err(SharedRingError::Exists { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(SharedRing::open(&path).unwrap().identity(), ring.identity());
    let missing = SharedRing::open(folder.path().join("none")).unwrap_err();
    assert!(missing.is_missing() && missing.is_transient());
    assert!(matches!(SharedRing::open(folder.path()), Err(SharedRingError::NotAFile { .. })));
}

#[test]
fn a_maker_that_was_killed_is_in_nobodys_way() {
    let folder = scratch();
    let path = folder.path().join("ring");
    let draft = folder.path().join(".ring.ringlog-new");
    std::fs::write(&draft, vec![0xEE; 100_000]).unwrap();
    let ring = SharedRing::create(&path, &options(1 << 12)).unwrap();
    assert!(!draft.exists());
    let mut producer = ring.claim_producer().unwrap();
    while producer.write_event(&EventHeader::new(1, 0, 0), b"").is_ok() {}
    assert_eq!(ring.claim_consumer().unwrap().drain(usize::MAX, |_, _| ()), Ok(256));

    // One that is in use is left alone, and stops nobody.
    let held = std::fs::File::create(&draft).unwrap();
    held.lock().unwrap();
    SharedRing::create(folder.path().join("another"), &options(1 << 12)).unwrap();
    assert!(matches!(SharedRing::create(&path, &options(1 << 12)), Err(SharedRingError::Exists { .. })));
    assert!(draft.exists());
}

#[test]
fn an_empty_file_is_no_ring() {
    let folder = scratch();
    let path = folder.path().join("ring");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(SharedRing::open(&path), Err(SharedRingError::Io { .. })));
    std::fs::write(&path, vec![0; 8192]).unwrap();
    let none = SharedRing::open(&path).unwrap_err();
    assert!(matches!(none, SharedRingError::Contents { source: RingError::NotARing, .. }));
}
