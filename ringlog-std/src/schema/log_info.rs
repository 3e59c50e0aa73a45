//! What a log says about itself as a whole.
#![forbid(unsafe_code)]

use crate::schema::error::{MAX_SCHEMA_BYTES, SchemaError};
use crate::schema::json::{ObjectWriter, Path, Unknown, Value, document};

/// The object `log` of a META record: facts about the whole log.
///
/// ```
/// use ringlog::schema::LogInfo;
///
/// let meta = br#"{"log":{"ticks_per_second":32768,"interfaces":[{"link_type":1,"name":"eth0"}],"user":{"host":"gw7"}}}"#;
/// let log = LogInfo::parse(meta)?;
/// assert_eq!((log.ticks_per_second(), log.user("host")), (Some(32768), Some("gw7")));
/// assert_eq!(log.interfaces()[0].name(), Some("eth0"));
/// assert_eq!(log.to_json().as_bytes(), meta);
///
/// let built = LogInfo::new()
///     .with_ticks_per_second(32768)
///     .with_interface(1, Some("eth0"))
///     .with_user("host", "gw7");
/// assert_eq!(built, log);
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogInfo {
    ticks_per_second: Option<u64>,
    interfaces: Vec<Interface>,
    user: Vec<(String, String)>,
    unknown: Unknown,
}

/// A network interface of which a log has packets. Its index in the list is the number in the packets.
///
/// ```
/// use ringlog::schema::LogInfo;
///
/// let log = LogInfo::new().with_interface(113, None);
/// assert_eq!((log.interfaces()[0].link_type(), log.interfaces()[0].name()), (113, None));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    link_type: u16,
    name: Option<String>,
    unknown: Unknown,
}

impl Interface {
    /// Returns the number of the link type, as capture files have it.
    #[must_use]
    pub const fn link_type(&self) -> u16 {
        self.link_type
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl LogInfo {
    /// Makes an object without content.
    ///
    /// ```
    /// assert!(ringlog::schema::LogInfo::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the JSON of a META record about the log.
    ///
    /// ```
    /// let fault = ringlog::schema::LogInfo::parse(br#"{"log":{"user":{"host":7}}}"#).unwrap_err();
    /// assert_eq!(fault.to_string(), "log.user.host: no text; put it in quotes");
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaError`] with the line and column, or the path in the JSON, of the first fault.
    pub fn parse(meta: &[u8]) -> Result<Self, SchemaError> {
        if meta.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLong { path: String::new(), len: meta.len() });
        }
        let mut object = Value::new(document(meta)?, &Path::Root).object()?;
        object.required("log", Self::from_value)
    }

    pub(super) fn from_value(value: Value<'_>) -> Result<Self, SchemaError> {
        let mut object = value.object()?;
        let log = Self {
            ticks_per_second: object.optional("ticks_per_second", |it| it.positive())?,
            interfaces: object.optional("interfaces", interfaces)?.unwrap_or_default(),
            user: object.optional("user", user)?.unwrap_or_default(),
            unknown: object.into_unknown()?,
        };
        match log.to_json().len() {
            len if len > MAX_SCHEMA_BYTES => {
                Err(SchemaError::TooLong { path: value.path().to_string(), len })
            }
            _ => Ok(log),
        }
    }

    /// Sets how many ticks the log's clock counts in a second.
    #[must_use]
    pub const fn with_ticks_per_second(mut self, ticks: u64) -> Self {
        self.ticks_per_second = Some(ticks);
        self
    }

    /// Adds an interface.
    #[must_use]
    pub fn with_interface(mut self, link_type: u16, name: Option<&str>) -> Self {
        let name = name.map(str::to_owned);
        self.interfaces.push(Interface { link_type, name, unknown: Unknown::new() });
        self
    }

    /// Sets a value of the user.
    ///
    /// ```
    /// use ringlog::schema::LogInfo;
    ///
    /// let log = LogInfo::new().with_user("host", "a").with_user("host", "b");
    /// assert_eq!(log.user("host"), Some("b"));
    /// ```
    #[must_use]
    pub fn with_user(mut self, key: &str, value: &str) -> Self {
        match self.user.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.user.push((key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Returns how many ticks the log's clock counts in a second.
    #[must_use]
    pub const fn ticks_per_second(&self) -> Option<u64> {
        self.ticks_per_second
    }

    /// Returns the interfaces of which the log has packets.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Returns a value of the user.
    #[must_use]
    pub fn user(&self, key: &str) -> Option<&str> {
        self.users().find(|&(name, _)| name == key).map(|(_, value)| value)
    }

    /// Iterates over the keys and values of the user.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        self.user.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the JSON of a META record.
    ///
    /// ```
    /// assert_eq!(ringlog::schema::LogInfo::new().to_json(), r#"{"log":{}}"#);
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        let mut object = ObjectWriter::begin(&mut json);
        self.write_json(object.key("log"));
        object.end(&Unknown::new());
        json
    }

    pub(super) fn write_json(&self, out: &mut String) {
        let mut object = ObjectWriter::begin(out);
        if let Some(ticks) = self.ticks_per_second {
            object.number("ticks_per_second", ticks);
        }
        if !self.interfaces.is_empty() {
            let out = object.key("interfaces");
            out.push('[');
            for (at, interface) in self.interfaces.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                let mut member = ObjectWriter::begin(out);
                member.number("link_type", interface.link_type);
                if let Some(name) = &interface.name {
                    member.text("name", name);
                }
                member.end(&interface.unknown);
            }
            out.push(']');
        }
        if !self.user.is_empty() {
            let mut user = ObjectWriter::begin(object.key("user"));
            self.users().for_each(|(key, value)| user.text(key, value));
            user.end(&Unknown::new());
        }
        object.end(&self.unknown);
    }
}

fn interfaces(value: Value<'_>) -> Result<Vec<Interface>, SchemaError> {
    let list = value.array()?.into_iter().enumerate();
    list.map(|(at, raw)| {
        let path = Path::Index(value.path(), at);
        let mut object = Value::new(raw, &path).object()?;
        let link_type = object.required("link_type", |it| it.number(0, 65_535))?;
        let name = object.optional("name", |it| it.text())?;
        let link_type = u16::try_from(link_type).expect("at most 65,535");
        Ok(Interface { link_type, name, unknown: object.into_unknown()? })
    })
    .collect()
}

fn user(value: Value<'_>) -> Result<Vec<(String, String)>, SchemaError> {
    let members = value.object()?.into_members().into_iter();
    members
        .map(|(key, raw)| {
            let text = Value::new(raw, &Path::Key(value.path(), &key)).text()?;
            Ok((key, text))
        })
        .collect()
}
