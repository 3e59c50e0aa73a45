//! `ringlog schema`: shows, checks and writes descriptions of events.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::descriptions::{at_end, check_file, report_unreadable};
use crate::error::{CliError, Outcome};
use crate::image::schemas_of_image;
use crate::options::schema_args::{EmitForm, SchemaArgs, SchemaCommand};
use crate::terminal::print::print;
use crate::terminal::words::counted;
use ringlog::schema::{Format, HeaderLanguage, Kind, Schema, SchemaSet, Tail};

pub(crate) fn run(args: &SchemaArgs) -> Result<Outcome, CliError> {
    match &args.command {
        SchemaCommand::Show { log } => {
            let (set, _) = described(log)?;
            print(&set.types().map(words).collect::<String>())?;
            report_unreadable(log, &set);
        }
        SchemaCommand::Check { file } => {
            let types = check_file(file)?.types().count() as u64;
            print(&format!("{}: {} described\n", file.display(), counted(types, "type")))?;
        }
        SchemaCommand::Extract { image } => {
            let set = schemas_of_image(image)?.to_set();
            print(&set.to_json())?;
            report_unreadable(image, &set);
        }
        SchemaCommand::Emit { log, form } => {
            let (set, segment) = described(log)?;
            let origin = || origin(log, &segment);
            print(&match form {
                EmitForm { rust: true, .. } => set.emit_rust(),
                EmitForm { c: true, .. } => set.emit_header(HeaderLanguage::C, &origin()),
                EmitForm { cpp: true, .. } => set.emit_header(HeaderLanguage::Cpp, &origin()),
                _ => set.to_json(),
            })?;
            report_unreadable(log, &set);
        }
    }
    Ok(Outcome::Clean)
}

/// Returns which log and which of its files the descriptions are from.
fn origin(log: &Path, segment: &Path) -> String {
    let name = segment.file_name().unwrap_or_default().to_string_lossy();
    format!("the log {}, segment {name}", log.display())
}

fn described(log: &Path) -> Result<(SchemaSet, PathBuf), CliError> {
    let (set, segment) = at_end(log)?;
    if set.is_empty() {
        return Err(CliError::Usage(format!(
            "{}: the log does not describe its events; describe them in a file for --schema, or in a schema.json in the \
             log's folder",
            log.display()
        )));
    }
    Ok((set, segment))
}

fn words(schema: &Schema) -> String {
    let mut words = format!("type {} {}, {}\n", schema.number(), schema.name(), size_words(schema));
    for field in schema.fields() {
        // To a text.
        let _ =
            writeln!(words, "  {:>5}  {:<24} {}", field.offset(), field.name(), format_words(field.format()));
    }
    words
}

fn size_words(schema: &Schema) -> String {
    let size = counted(schema.size() as u64, "byte");
    match schema.tail() {
        Tail::None => size,
        Tail::Bytes => format!("{size}, then any bytes"),
        Tail::Text => format!("{size}, then text"),
        Tail::Cbor => format!("{size}, then CBOR"),
        other => format!("{size}, then {}", other.name()),
    }
}

fn format_words(format: &Format) -> String {
    let mut words = match format.kind() {
        Kind::Text { length } | Kind::Bytes { length } => {
            format!("{} of {}", format.kind().name(), counted(*length as u64, "byte"))
        }
        Kind::Array { length, item } => format!("{length} times {}", format_words(item)),
        Kind::Struct { fields, .. } => {
            let fields: Vec<_> =
                fields.iter().map(|it| format!("{} {}", it.name(), format_words(it.format()))).collect();
            format!("{{ {} }}", fields.join("; "))
        }
        kind => kind.name().into(),
    };
    if format.scale() != 0 {
        let _ = write!(words, ", scale {}", format.scale());
    }
    if let Some(unit) = format.unit() {
        let _ = write!(words, ", in {unit}");
    }
    let labels: Vec<_> = format.labels().map(|(value, name)| format!("{value} {name}")).collect();
    if !labels.is_empty() {
        let _ = write!(words, ": {}", labels.join(", "));
    }
    words
}
