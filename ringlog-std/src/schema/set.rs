//! The schemas in force.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use crate::schema::decode::Decoded;
use crate::schema::error::{NotFitting, SchemaError};
use crate::schema::json::{Path, Value, document, fault};
use crate::schema::log_info::LogInfo;
use crate::schema::types::Schema;

/// The schemas that are in force in a segment, by number and by name, and what the log says about itself.
///
/// It is made of META records, of a file that somebody wrote, or of both:
///
/// ```
/// use ringlog::schema::SchemaSet;
///
/// let mut set = SchemaSet::new();
/// set.add_type(1, br#"{"type":1,"name":"tick","size":0,"fields":[],"tail":"text"}"#);
/// set.add_type(2, b"no JSON");
/// set.add_log(br#"{"log":{"user":{"host":"gw7"}}}"#);
/// assert_eq!(set.by_number(1).unwrap().name(), "tick");
/// assert_eq!(set.by_name("tick").unwrap().number(), 1);
/// assert!(set.by_number(2).is_none());
/// assert_eq!(set.unreadable().map(|it| it.number()).collect::<Vec<_>>(), [Some(2)]);
///
/// let file = SchemaSet::from_json(br#"[{"type":2,"name":"note","size":0,"fields":[],"tail":"text"}]"#)?;
/// set.merge(&file)?;
/// assert_eq!(set.types().map(|schema| schema.name()).collect::<Vec<_>>(), ["tick", "note"]);
/// assert_eq!(set.log().unwrap().user("host"), Some("gw7"));
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SchemaSet {
    types: BTreeMap<u8, Schema>,
    log: Option<LogInfo>,
    /// By number; `None` is the log.
    unreadable: BTreeMap<Option<u8>, Unreadable>,
}

/// A META record that describes nothing. The events of its type are shown as bytes.
///
/// ```
/// use ringlog::schema::SchemaSet;
///
/// let mut set = SchemaSet::new();
/// set.add_type(7, b"{");
/// let unreadable = set.unreadable().next().unwrap();
/// assert_eq!((unreadable.number(), unreadable.meta()), (Some(7), b"{".as_slice()));
/// assert!(unreadable.error().to_string().starts_with("line 1, column 1"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    number: Option<u8>,
    meta: Vec<u8>,
    error: SchemaError,
}

impl Unreadable {
    /// Returns the number of the type; `None` if the record is about the log.
    #[must_use]
    pub const fn number(&self) -> Option<u8> {
        self.number
    }

    /// Returns the payload of the record.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        &self.meta
    }

    /// Returns what is wrong with it.
    #[must_use]
    pub const fn error(&self) -> &SchemaError {
        &self.error
    }
}

impl SchemaSet {
    /// Makes a set in which nothing is in force.
    ///
    /// ```
    /// assert!(ringlog::schema::SchemaSet::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file: `{"types":[...],"log":{...}}`, or the list of types alone.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let fault = |file: &[u8]| SchemaSet::from_json(file).unwrap_err().to_string();
    /// assert_eq!(fault(br#"{"types":[{"type":1,"name":"a b"}]}"#),
    ///     "types[0].name: \"a b\" is no name; use 1 to 64 ASCII letters, digits and _, with no digit first");
    /// # let list: &[u8] = br#"[{"type":1,"name":"a","size":0,"fields":[]},{"type":1,"name":"b","size":0,"fields":[]}]"#;
    /// assert_eq!(fault(list), "[1].type: type 1 is \"a\" before; give it another number");
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaError`] with the line and column, or the path in the JSON, of the first fault.
    pub fn from_json(file: &[u8]) -> Result<Self, SchemaError> {
        Self::from_value(Value::new(document(file)?, &Path::Root))
    }

    /// As [`from_json`](Self::from_json), but a key that this version does not know is an error: for a file that was
    /// written by hand.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let file = br#"[{"type":1,"name":"a","size":1,"fields":[{"name":"side","offset":0,"kind":"u8","lables":{"0":"buy"}}]}]"#;
    /// assert!(SchemaSet::from_json(file).is_ok());
    /// assert_eq!(
    ///     SchemaSet::from_json_strict(file).unwrap_err().to_string(),
    ///     "[0].fields[0].lables: no such key here; did you mean `labels`?"
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_strict(file: &[u8]) -> Result<Self, SchemaError> {
        Self::from_value(Value::new(document(file)?, &Path::StrictRoot))
    }

    fn from_value(root: Value<'_>) -> Result<Self, SchemaError> {
        if root.is_array() {
            return Self::new().with_list(root);
        }
        let mut object = root.object()?;
        if object.has("fields") && !object.has("types") {
            return Err(fault(root.path(), "a type alone; put it into a list: `[{...}]`"));
        }
        let mut set = object.required("types", |it| Self::new().with_list(it))?;
        set.log = object.optional("log", LogInfo::from_value)?;
        object.into_unknown()?;
        Ok(set)
    }

    fn with_list(mut self, list: Value<'_>) -> Result<Self, SchemaError> {
        for (at, raw) in list.array()?.into_iter().enumerate() {
            let path = Path::Index(list.path(), at);
            let schema = Schema::from_value(Value::new(raw, &path))?;
            if let Some(before) = self.by_number(schema.number()) {
                let problem = format!(
                    "type {} is \"{}\" before; give it another number",
                    schema.number(),
                    before.name()
                );
                return Err(fault(&Path::Key(&path, "type"), problem));
            }
            self.check_name(&schema, &Path::Key(&path, "name"))?;
            self.types.insert(schema.number(), schema);
        }
        Ok(self)
    }

    /// Returns an error if another number has the schema's name.
    fn check_name(&self, schema: &Schema, path: &Path<'_>) -> Result<(), SchemaError> {
        match self.by_name(schema.name()) {
            Some(other) if other.number() != schema.number() => Err(fault(
                path,
                format!("type {} is called \"{}\" too; rename one of them", other.number(), schema.name()),
            )),
            _ => Ok(()),
        }
    }

    /// Puts the content of a META record about one type into force, instead of an earlier one of this number.
    ///
    /// One that cannot be read is kept as [`unreadable`](Self::unreadable); so is one whose number or name does not fit.
    pub fn add_type(&mut self, event_type: u8, meta: &[u8]) {
        self.types.remove(&event_type);
        self.unreadable.remove(&Some(event_type));
        match self.checked(event_type, meta) {
            Ok(schema) => drop(self.types.insert(event_type, schema)),
            Err(error) => self.keep_unreadable(Some(event_type), meta, error),
        }
    }

    fn checked(&self, event_type: u8, meta: &[u8]) -> Result<Schema, SchemaError> {
        let schema = Schema::parse(meta)?;
        if schema.number() != event_type {
            let problem =
                format!("{}, in a record of type {event_type}; write the same number", schema.number());
            return Err(fault(&Path::Key(&Path::Root, "type"), problem));
        }
        self.check_name(&schema, &Path::Key(&Path::Root, "name"))?;
        Ok(schema)
    }

    /// Puts the content of a META record about the log into force, instead of an earlier one.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let mut set = SchemaSet::new();
    /// set.add_log(br#"{"log":{"ticks_per_second":1000}}"#);
    /// assert_eq!(set.log().unwrap().ticks_per_second(), Some(1000));
    /// set.add_log(b"");
    /// assert!(set.log().is_none() && set.unreadable().count() == 1);
    /// ```
    pub fn add_log(&mut self, meta: &[u8]) {
        self.unreadable.remove(&None);
        match LogInfo::parse(meta) {
            Ok(log) => self.log = Some(log),
            Err(error) => {
                self.log = None;
                self.keep_unreadable(None, meta, error);
            }
        }
    }

    fn keep_unreadable(&mut self, number: Option<u8>, meta: &[u8], error: SchemaError) {
        self.unreadable.insert(number, Unreadable { number, meta: meta.to_vec(), error });
    }

    /// Adds a schema, instead of an earlier one of its number.
    ///
    /// ```
    /// use ringlog::schema::{Schema, SchemaSet};
    ///
    /// let schema = |number| Schema::parse(format!(r#"{{"type":{number},"name":"a","size":0,"fields":[]}}"#).as_bytes());
    /// let mut set = SchemaSet::new();
    /// set.insert(schema(1)?)?;
    /// set.insert(schema(1)?)?;
    /// assert_eq!(
    ///     set.insert(schema(2)?).unwrap_err().to_string(),
    ///     "name: type 1 is called \"a\" too; rename one of them"
    /// );
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaError::Content`] if a type of another number has its name.
    pub fn insert(&mut self, schema: Schema) -> Result<(), SchemaError> {
        self.check_name(&schema, &Path::Key(&Path::Root, "name"))?;
        self.unreadable.remove(&Some(schema.number()));
        self.types.insert(schema.number(), schema);
        Ok(())
    }

    /// Sets what the log says about itself.
    ///
    /// ```
    /// use ringlog::schema::{LogInfo, SchemaSet};
    ///
    /// let mut set = SchemaSet::new();
    /// set.set_log(LogInfo::new().with_user("host", "gw7"));
    /// assert!(set.log().is_some());
    /// ```
    pub fn set_log(&mut self, log: LogInfo) {
        self.unreadable.remove(&None);
        self.log = Some(log);
    }

    /// Adds what is in force in another set: it replaces types of the same number, and the log's object.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Content`] if two numbers would have one name. Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), SchemaError> {
        let mut merged = self.clone();
        // Those that are replaced give their names free.
        merged.types.retain(|number, _| !other.types.contains_key(number));
        for schema in other.types() {
            merged.insert(schema.clone())?;
        }
        if let Some(log) = &other.log {
            merged.set_log(log.clone());
        }
        *self = merged;
        Ok(())
    }

    /// Adds what another set says of types that this one does not know: neither the number nor the name. A description that
    /// could not be read keeps its number.
    #[doc(hidden)]
    pub fn add_missing(&mut self, other: &Self) {
        for schema in other.types() {
            let number = schema.number();
            let is_free = !self.has(number) && self.by_name(schema.name()).is_none();
            if is_free {
                self.types.insert(number, schema.clone());
            }
        }
        if self.log.is_none() && !self.unreadable.contains_key(&None) {
            self.log.clone_from(&other.log);
        }
    }

    /// Removes the type of this number.
    #[doc(hidden)]
    pub fn remove(&mut self, number: u8) {
        self.types.remove(&number);
    }

    /// Returns whether there is a description of this number, even one that could not be read.
    #[doc(hidden)]
    pub fn has(&self, number: u8) -> bool {
        self.types.contains_key(&number) || self.unreadable.contains_key(&Some(number))
    }

    /// Iterates over the types in the order of their numbers.
    pub fn types(&self) -> impl Iterator<Item = &Schema> {
        self.types.values()
    }

    /// Returns the schema of a type.
    #[must_use]
    pub fn by_number(&self, number: u8) -> Option<&Schema> {
        self.types.get(&number)
    }

    /// Returns the schema of the type with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Schema> {
        self.types().find(|schema| schema.name() == name)
    }

    /// Reads a payload by the schema of its type; `None` if the type has no schema.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let set = SchemaSet::from_json(br#"[{"type":1,"name":"log","size":0,"fields":[],"tail":"text"}]"#)?;
    /// assert_eq!(set.decode(1, b"abc").unwrap()?.to_string(), "tail=\"abc\"");
    /// assert!(set.decode(2, b"abc").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFitting`] if the payload does not fit the schema.
    pub fn decode<'a>(
        &'a self,
        event_type: u8,
        payload: &'a [u8],
    ) -> Option<Result<Decoded<'a>, NotFitting>> {
        Some(self.by_number(event_type)?.decode(payload))
    }

    /// Returns what the log says about itself.
    #[must_use]
    pub const fn log(&self) -> Option<&LogInfo> {
        self.log.as_ref()
    }

    /// Iterates over the META records that describe nothing.
    pub fn unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.values()
    }

    /// Returns whether nothing is in force and nothing was unreadable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the payloads of the META records that put the set into force: of the log first (`None`), then of each
    /// type. Records that could not be read are among them as they were.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let mut set = SchemaSet::new();
    /// set.add_type(1, b"?");
    /// assert_eq!(set.meta_records().collect::<Vec<_>>(), [(Some(1), b"?".to_vec())]);
    /// ```
    pub fn meta_records(&self) -> impl Iterator<Item = (Option<u8>, Vec<u8>)> {
        let log = self.log.iter().map(|log| (None, log.to_json().into_bytes()));
        let types = self.types().map(|schema| (Some(schema.number()), schema.to_json().into_bytes()));
        let unreadable = self.unreadable().map(|it| (it.number, it.meta.clone()));
        let mut all: Vec<_> = log.chain(types).chain(unreadable).collect();
        all.sort_unstable_by_key(|&(number, _)| number);
        all.into_iter()
    }

    /// Returns a file for [`from_json`](Self::from_json), with a line for each type.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let set = SchemaSet::from_json(br#"[{"type":1,"name":"a","size":0,"fields":[],"tail":"none"}]"#)?;
    /// assert_eq!(set.to_json(), "{\"types\":[\n{\"type\":1,\"name\":\"a\",\"size\":0,\"fields\":[],\"tail\":\"none\"}\n]}\n");
    /// assert_eq!(SchemaSet::from_json(set.to_json().as_bytes())?, set);
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"types\":[");
        for (at, schema) in self.types().enumerate() {
            json.push_str(if at > 0 { ",\n" } else { "\n" });
            schema.write_json(&mut json);
        }
        json.push_str("\n]");
        if let Some(log) = &self.log {
            json.push_str(",\"log\":");
            log.write_json(&mut json);
        }
        json.push_str("}\n");
        json
    }
}
