//! How a command prints events, as typed.

use std::sync::Arc;

use clap::Args;

use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::options::filter_args::FilterArgs;
use crate::output::payload::PayloadForm;
use crate::output::{CatFormat, PrintStyle};
use crate::terminal::screen::Screen;
use crate::terminal::zone::Zone;
use crate::values::{self, Bytes};

/// How events are printed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PrintArgs {
    /// How to print an event
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// How to write payloads in text, JSON and CSV [default: auto]
    #[arg(long, value_enum)]
    pub(crate) payload: Option<PayloadForm>,
    /// With --format raw: write this after each payload, such as '\n', '\0' or 0x0d0a [default: nothing]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(crate) separator: Option<Bytes>,
    /// CSV: put an apostrophe before payloads that a spreadsheet would take for formulas
    #[arg(long)]
    pub(crate) csv_safe: bool,
}

impl PrintArgs {
    /// Returns the style that they describe, for the events that the filter chooses.
    pub(crate) fn style(
        &self,
        json: bool,
        filter: &FilterArgs,
        descriptions: &Arc<Descriptions>,
    ) -> Result<PrintStyle, CliError> {
        let style = self.style_of_tables(json, filter, descriptions)?;
        let table = match style.format {
            CatFormat::Csv => descriptions.table(&filter.event_types(descriptions)?)?,
            _ => None,
        };
        Ok(PrintStyle { table: table.map(Arc::new), ..style })
    }

    /// Returns the same where each type has a table.
    pub(crate) fn style_of_tables(
        &self,
        json: bool,
        filter: &FilterArgs,
        descriptions: &Arc<Descriptions>,
    ) -> Result<PrintStyle, CliError> {
        let style = self.plain_style(filter.zone())?;
        let format = if json { CatFormat::Json } else { self.format };
        Ok(PrintStyle { format, descriptions: Arc::clone(descriptions), ..style })
    }

    /// Returns the same for events that nothing describes.
    pub(crate) fn plain_style(&self, zone: Zone) -> Result<PrintStyle, CliError> {
        let style = PrintStyle {
            format: self.format,
            payload: self.payload.unwrap_or_default(),
            separator: self.separator.clone().map_or_else(Vec::new, |separator| separator.0),
            is_safe: self.csv_safe,
            zone,
            screen: Screen::of_stdout(),
            ..PrintStyle::default()
        };
        style.check(self.payload.is_some())?;
        Ok(style)
    }
}
