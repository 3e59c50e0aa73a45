//! The options of typed imports.

use std::path::{Path, PathBuf};

use clap::Args;

use super::names;
use crate::descriptions::{number_for, report_unknown_key};
use crate::error::CliError;
use ringlog::schema::{Schema, SchemaSet};

/// Whether the events of a table get fields, and from where their schema is.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TypedOptions {
    /// CSV, JSON: record typed events, with a field for each column; kinds are inferred over the first 1,000 rows
    #[arg(long)]
    pub(crate) typed: bool,
    /// CSV, JSON: record typed events by the schema in this file, whose fields are called like the columns; of an export,
    /// what describes its events
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Name of the type [default: that of the file, or of the only type in --schema]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,
}

/// The type of the events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EventType {
    /// Inferred from the rows.
    Inferred { number: u8, name: String },
    /// As a file describes it.
    Given { schema: Box<Schema>, file: PathBuf },
}

impl TypedOptions {
    /// Returns the option that asks for typed events, if one does.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let schema = self.schema.as_ref().map(|_| "--schema");
        if self.typed { Some("--typed") } else { schema.or(self.name.as_ref().map(|_| "--name")) }
    }

    /// Returns the type for the events of a file in this log; `None` for events without a type.
    pub(crate) fn resolve(
        &self,
        file: &Path,
        number: Option<u8>,
        log: &Path,
    ) -> Result<Option<EventType>, CliError> {
        Ok(match (&self.schema, self.option()) {
            (_, None) => None,
            (Some(path), _) => {
                let schema = Box::new(self.read(path, number)?);
                number_for(log, schema.name(), Some(schema.number()))?;
                Some(EventType::Given { schema, file: path.clone() })
            }
            (None, Some("--name")) => {
                return Err(CliError::Usage(
                    "--name names a type; give --typed or --schema FILE with it".into(),
                ));
            }
            (None, Some(_)) => {
                let name = self.name.clone().unwrap_or_else(|| names::of_file(file));
                Some(EventType::Inferred { number: number_for(log, &name, number)?, name })
            }
        })
    }

    /// Reads the file of a schema, and chooses the type by name or number.
    fn read(&self, path: &Path, number: Option<u8>) -> Result<Schema, CliError> {
        let json = std::fs::read(path).map_err(CliError::io("read", path))?;
        let usage = |problem: String| CliError::Usage(format!("{}: {problem}", path.display()));
        let set = SchemaSet::from_json(&json).map_err(|error| usage(error.to_string()))?;
        report_unknown_key(path, &json);
        let fits = |schema: &&Schema| {
            number.is_none_or(|number| schema.number() == number)
                && self.name.as_ref().is_none_or(|name| schema.name() == name)
        };
        let mut types = set.types().filter(fits);
        match (types.next(), types.next()) {
            (Some(schema), None) => Ok(schema.clone()),
            (Some(_), Some(_)) => Err(usage("it has several types; give --name or --event-type".into())),
            (None, _) => Err(usage("it has no such type; give another --name or --event-type".into())),
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    match names::is_identifier(text) {
        true => Ok(text.into()),
        false => Err("expected 1 to 64 ASCII letters, digits and _, with no digit first".into()),
    }
}
