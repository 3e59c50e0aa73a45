//! What the programs of ringlog use of this library besides its public interface.
//!
//! It is public for the package `ringlog-cli` alone, which has the same version, and may change in any version.

pub use crate::image::ring_image::RingImageErrorKind;
pub use crate::os::files::{OPENED_FILES, folder_of};
pub use crate::os::lock_holder::{has_open, live_writer};
#[cfg(feature = "compressed")]
pub use crate::os::temporary::create_unnamed;
pub use crate::os::temporary::{is_temporary, temporary_name, temporary_start};
pub use crate::os::threads::{missing_of, run_on, set_nice};
pub use crate::os::time::unix_nanos;
pub use crate::parallel::default_jobs;
#[cfg(feature = "prometheus")]
pub use crate::recorder::prometheus::{Labelled, MetricWriter};
pub use crate::ring::ring_file::{
    LIKELY_CAUSE, NoRing, Positions, RingFile, Unread, begins_like_a_ring, offsets,
};
pub use crate::ring::role::{RoleOwner, look_at_owner};
pub use crate::ring::shared::{current_boot, schemas_of};
#[cfg(feature = "schema")]
pub use crate::schema::near::nearest;
pub use crate::storage::copies::backup::{BackupOptions, BackupReport, backup_log};
pub use crate::storage::copies::content::Compressor;
pub use crate::storage::copies::error::CopyError;
pub use crate::storage::copies::restore::{RestoreReport, restore_log};
pub use crate::storage::copies::split::{SplitPart, split_log};
pub use crate::storage::cursor::list::cursors_of_other_logs;
pub use crate::storage::error::RecordedEnd;
pub use crate::storage::folder::ending::WriterFileState;
pub use crate::storage::folder::listing::{Folder, LogFiles};
pub use crate::storage::folder::writer_lock::peek;
pub use crate::storage::log::dropped::unreported_loss;
pub use crate::storage::names::WRITER_FILE;
pub use crate::storage::read::merge::HeadOrder;
pub use crate::storage::read::seek::log_index::LogIndex;
pub use crate::storage::repair::verify::{verify_log_each, verify_log_with};
#[cfg(feature = "schema")]
pub use crate::storage::schemas::in_force::InForce;
pub use crate::storage::segment::copy::RunPlacement;
pub use crate::storage::segment::file::SegmentFile;
pub use crate::storage::segment::run_buffer::{RunBuffer, RunForm};
pub use crate::wait::Waiter;
#[cfg(feature = "schema")]
pub use crate::words::is_risky;
pub use crate::words::{cause, io_words};
