//! What a log's segments say of its events, while the log is written.
#![forbid(unsafe_code)]

use ringlog_nostd::format::MetaTopic;

use crate::storage::error::{AppendError, CreateError};
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::FullDisk;
use crate::storage::schemas::list::SchemaList;

impl LogWriter {
    /// Adds descriptions of events to what each segment says. Those of a type that is described already replace the older
    /// ones, and begin a new segment if the active one has a record: within a segment a type has one meaning.
    ///
    /// ```
    /// use ringlog::event::{EventHeader, MetaTopic};
    /// use ringlog::storage::{LogWriter, SchemaList};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &br#"{"type":7,"name":"tick","size":0,"fields":[],"tail":"text"}"#[..])?;
    /// writer.register(&schemas)?;
    /// writer.write_event(&EventHeader::new(2, 7, 5), b"again")?;
    /// assert_eq!(writer.close()?.segments, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AppendError::Create`] with [`CreateError::Schemas`] if they leave too little room in a segment: nothing has
    /// changed then. With another reason if there is no next segment: the writer owes a new segment then, and what is
    /// appended meets the same error, or is dropped, as [`FullDisk`] says. [`AppendError::Poisoned`] after a failed sync.
    /// [`AppendError::Close`] if the active segment has no record yet and the former descriptions in it cannot be replaced
    /// on the disk: the writer takes no more events.
    ///
    /// [`CreateError::Schemas`]: crate::storage::CreateError::Schemas
    pub fn register(&mut self, schemas: &SchemaList) -> Result<(), AppendError> {
        let mut all = self.options.schemas.clone();
        all.extend(schemas);
        self.set_schemas(all)
    }

    /// Returns what each segment says of the log's events from now on.
    #[must_use]
    pub const fn schemas(&self) -> &SchemaList {
        &self.options.schemas
    }

    /// Returns the size of a segment's file.
    pub(crate) const fn segment_bytes(&self) -> u64 {
        self.options.rules.segment_bytes
    }

    /// Replaces the description of one topic; an empty one is none. Where a description leaves too little room in a segment,
    /// nothing describes the topic.
    pub(crate) fn set_schema(&mut self, topic: MetaTopic, json: &[u8]) -> Result<(), AppendError> {
        let mut without = self.options.schemas.clone();
        without.remove(topic);
        let mut with = without.clone();
        if !json.is_empty() && with.insert(topic, json).is_ok() {
            match self.set_schemas(with) {
                Err(AppendError::Create(CreateError::Schemas { .. })) => {}
                other => return other,
            }
        }
        self.set_schemas(without)
    }

    /// Does what [`register`](Self::register) does, and forgets what is not in the list.
    pub(crate) fn set_schemas(&mut self, schemas: SchemaList) -> Result<(), AppendError> {
        if schemas == self.options.schemas {
            return Ok(());
        }
        schemas.check_room(&self.folder, self.options.rules.segment_bytes)?;
        self.maintenance.spares.set_preamble_bytes(schemas.record_bytes());
        self.options.schemas = schemas;
        if self.dropped.is_some() {
            // The next segment begins with them.
            return Ok(());
        }
        if self.active.is_empty() {
            let staged = self.active.stage(&self.options.schemas);
            return staged.map_err(|error| self.maintenance.explain_append(error));
        }
        self.active.close_room();
        match self.roll() {
            Err(AppendError::Create(CreateError::DiskFull { .. }))
                if self.options.rules.full_disk == FullDisk::DropWithGap =>
            {
                Ok(())
            }
            other => other,
        }
    }
}
