//! Tests what a log promises about a loss of power, on simulated disks.
//!
//! A run of the real writer goes through a [`Platform`](crate::os::platform::Platform) that records every store
//! and every call (`trace.rs`). From any prefix of that record, `disk.rs` generates what a disk may hold after
//! a power loss at that moment. Each 512-byte sector that was stored into since its last sync has any of its
//! versions since then, in any combination. Each creation, renaming or deletion since the folder's last sync
//! has or has not happened. The real recovery opens that folder, and `check.rs` compares what it finds with
//! what was written and what was promised.
//!
//! The number of images is some 6,000 in all, 2.45 times 2,000 or what `RINGLOG_IMAGES` says, and more of what is seldom met.
#![forbid(unsafe_code)]

mod check;
mod damage;
pub(crate) mod disk;
pub(crate) mod faults;
mod layouts;
mod refusals;
mod restart;
pub(crate) mod run;
pub(crate) mod trace;

use faults::Fault;
use layouts::Layout;
use run::{Setting, an_undeletable_segment, power_losses};

/// Returns this share of the number of images.
fn images(share: u64) -> u64 {
    let all = std::env::var("RINGLOG_IMAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    all * share / 100
}

/// As [`images`], and as many as it takes to meet a write that fails, in each way in which it can.
fn images_of_failures(share: u64) -> u64 {
    images(share).max(400)
}

#[test]
fn nothing_below_the_watermark_is_lost_and_nothing_is_invented() {
    power_losses(images(15), Setting::plain());
}

#[test]
fn the_same_where_old_segments_are_recycled() {
    power_losses(images(10), Setting { retention: true, ..Setting::plain() });
}

#[test]
fn the_same_where_the_power_goes_again_during_recovery() {
    power_losses(images(10), Setting { again: true, ..Setting::plain() });
}

#[test]
fn the_same_where_the_disk_is_full_at_times() {
    power_losses(images(10), Setting { full_disk: true, ..Setting::plain() });
}

#[test]
fn the_same_without_checksums() {
    power_losses(images(5), Setting { checksums: false, ..Setting::plain() });
}

#[test]
fn the_same_where_a_sync_has_failed_before() {
    power_losses(images(5), Setting { failing_sync: true, ..Setting::plain() });
}

#[test]
fn the_same_where_processes_were_killed_before() {
    power_losses(images(10), Setting { killed: true, ..Setting::plain() });
}

#[test]
fn the_same_where_processes_were_killed_before_without_checksums() {
    power_losses(images(5), Setting { killed: true, checksums: false, ..Setting::plain() });
}

#[test]
fn the_same_where_processes_were_killed_before_and_old_segments_are_recycled() {
    power_losses(images(5), Setting { killed: true, retention: true, ..Setting::plain() });
}

#[test]
fn the_same_where_a_process_continued_after_a_failed_sync() {
    power_losses(images(5), Setting { killed: true, failing_sync: true, ..Setting::plain() });
}

#[test]
fn the_same_where_several_segments_have_no_name_yet() {
    power_losses(images(5), Setting { late: true, ..Setting::plain() });
}

#[test]
fn the_same_where_headers_that_were_not_synced_read_as_zeros() {
    power_losses(images(5), Setting { late: true, fault: Some(Fault::ZeroedHeaders), ..Setting::plain() });
}

#[test]
fn the_same_where_runs_are_written_by_calls() {
    power_losses(images(10), Setting { by_calls: true, ..Setting::plain() });
}

#[test]
fn the_same_where_runs_are_written_by_calls_into_recycled_segments() {
    power_losses(images(5), Setting { by_calls: true, retention: true, ..Setting::plain() });
}

#[test]
fn the_same_where_runs_are_written_by_calls_without_checksums() {
    power_losses(images(5), Setting { by_calls: true, checksums: false, ..Setting::plain() });
}

#[test]
fn the_same_where_runs_are_written_by_calls_to_a_full_disk() {
    power_losses(images(5), Setting { by_calls: true, full_disk: true, ..Setting::plain() });
}

#[test]
fn the_same_where_a_sync_fails_between_written_runs() {
    power_losses(images_of_failures(5), Setting { by_calls: true, failing_sync: true, ..Setting::plain() });
}

#[test]
fn the_same_where_a_write_fails_half_way() {
    power_losses(images_of_failures(5), Setting { by_calls: true, failing_write: true, ..Setting::plain() });
}

#[test]
fn the_same_where_processes_were_killed_in_a_write() {
    let killed = Setting { by_calls: true, failing_write: true, killed: true, ..Setting::plain() };
    power_losses(images_of_failures(10), killed);
}

#[test]
fn the_same_where_processes_were_killed_in_a_write_into_a_recycled_segment() {
    let killed = Setting { by_calls: true, failing_write: true, killed: true, ..Setting::plain() };
    power_losses(images(5), Setting { retention: true, ..killed });
}

/// A run whose segments say what their events mean.
fn typed(layout: Layout) -> Setting {
    Setting { layout: Some(layout), ..Setting::plain() }
}

#[test]
fn typed_logs_keep_each_event_under_its_own_layout() {
    power_losses(images(10), typed(Layout::Small));
}

#[test]
fn typed_logs_with_several_pages_of_descriptions_keep_each_event_under_its_own_layout() {
    power_losses(images(5), typed(Layout::Pages));
}

#[test]
fn typed_logs_where_old_segments_are_recycled() {
    power_losses(images(5), Setting { retention: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_where_the_power_goes_again_during_recovery() {
    power_losses(images(5), Setting { again: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_that_are_described_anew_while_a_full_disk_takes_events() {
    power_losses(images(10), Setting { full_disk: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_without_checksums() {
    power_losses(images(5), Setting { checksums: false, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_where_a_sync_has_failed_before() {
    power_losses(images(5), Setting { failing_sync: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_whose_writers_were_killed() {
    power_losses(images(5), Setting { killed: true, ..typed(Layout::Small) });
    power_losses(images(5), Setting { killed: true, retention: true, ..typed(Layout::Pages) });
}

#[test]
fn typed_logs_where_several_segments_have_no_name_yet() {
    power_losses(images(5), Setting { late: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_where_runs_are_written_by_calls() {
    power_losses(images(5), Setting { by_calls: true, ..typed(Layout::Small) });
    power_losses(images(5), Setting { by_calls: true, retention: true, ..typed(Layout::Pages) });
    power_losses(images(5), Setting { by_calls: true, full_disk: true, ..typed(Layout::Small) });
}

#[test]
fn typed_logs_where_a_write_fails_half_way() {
    power_losses(
        images_of_failures(5),
        Setting { by_calls: true, failing_write: true, ..typed(Layout::Small) },
    );
    let killed = Setting { by_calls: true, failing_write: true, killed: true, ..typed(Layout::Small) };
    power_losses(images_of_failures(5), killed);
}

#[test]
fn damage_to_typed_logs_is_reported() {
    for fault in [Fault::Misdirected, Fault::Unreadable] {
        power_losses(images(5), Setting { fault: Some(fault), ..typed(Layout::Small) });
    }
}

#[test]
fn what_a_sector_that_lands_elsewhere_has_damaged_is_reported() {
    power_losses(images(5), Setting { fault: Some(Fault::Misdirected), ..Setting::plain() });
}

#[test]
fn what_cannot_be_read_is_an_error_that_leaves_the_folder_as_it_was() {
    power_losses(images(5), Setting { fault: Some(Fault::Unreadable), ..Setting::plain() });
}

#[test]
fn nothing_is_stored_through_links() {
    power_losses(images(5), Setting { retention: true, fault: Some(Fault::Linked), ..Setting::plain() });
}

#[test]
fn after_a_segment_that_cannot_be_deleted_nothing_is_retired() {
    an_undeletable_segment();
}
