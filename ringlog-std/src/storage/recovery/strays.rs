//! What recovery deletes or moves away, once it has read all that it needs.
#![forbid(unsafe_code)]

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::storage::error::OpenError;
use crate::storage::names::segment_name;
use crate::storage::recovery::recovery::{LogRecovery, Stray};
use crate::storage::recovery::report::RecoveredSegment;
use crate::storage::segment::create::move_to_numbered;

impl LogRecovery<'_> {
    /// Deletes or moves away what is no part of the log.
    pub(crate) fn clear_strays(&mut self) -> Result<(), OpenError> {
        for stray in std::mem::take(&mut self.strays) {
            match stray {
                Stray::Delete(path) => self.delete(&path)?,
                Stray::MoveAside { from, to } => {
                    let aside = move_to_numbered(self.platform, &from, &to)?;
                    self.sync_folder()?;
                    self.report.segments.push(RecoveredSegment::at_other_name(from, aside));
                }
            }
        }
        Ok(())
    }

    /// Sets the cut files aside, from the last one to the first, so that what is left is a log at any time.
    pub(crate) fn set_aside(&mut self) -> Result<(), OpenError> {
        for link in std::mem::take(&mut self.cut).into_iter().rev() {
            let name = self.folder.join(segment_name(link.info.header.base_sequence));
            let aside = move_to_numbered(self.platform, &link.path, &name)?;
            self.sync_folder()?;
            let header = &link.info.header;
            self.report.segments.push(RecoveredSegment {
                cut_bytes: header.write_offset - FILE_HEADER_LEN as u64,
                ..RecoveredSegment::at_other_name(name, aside)
            });
        }
        Ok(())
    }
}
