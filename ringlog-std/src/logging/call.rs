//! What the messages of one call of a macro of `tracing` have in common, encoded once for each thread.
#![forbid(unsafe_code)]

use std::rc::Rc;

use tracing_core::{Level, Metadata};

use super::bridged::is_bridge;
use super::key::Key;
use super::message_types::RECORD_LEN;
use super::record::Record;
use super::tail::{SLACK, Tail};

/// The name of the field that is the message.
pub(super) const MESSAGE: &str = "message";

/// What is known of a call before it has values.
pub(super) struct Call {
    metadata: &'static Metadata<'static>,
    /// The payload of a message up to its first value, without span and thread.
    head: Box<[u8]>,
    /// The keys of the fields.
    keys: Box<[Key]>,
    /// Which field is the message.
    message: Option<usize>,
    /// Whether a message has its values as they come.
    is_plain: bool,
    /// The file, unless the target leads to it.
    pub(super) file: Option<&'static str>,
}

impl Call {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        let target = metadata.target();
        let mut head = vec![0; RECORD_LEN + target.len() + 64];
        let max_payload = head.len() - SLACK;
        Record { level: level_of(metadata), span: 0, line: metadata.line().unwrap_or(0) }.put(&mut head, 0);
        let mut tail = Tail::begin(&mut head, RECORD_LEN, max_payload);
        tail.text("target", target);
        let len = tail.len();
        head.truncate(len);
        let keys = metadata.fields().iter().map(|field| Key::new(field.name())).collect();
        let message = metadata.fields().iter().position(|field| field.name() == MESSAGE);
        let is_plain = message.is_none_or(|at| at == 0) && !is_bridge(metadata);
        let file = metadata.file().filter(|_| metadata.module_path() != Some(target));
        Self { metadata, head: head.into_boxed_slice(), keys, message, is_plain, file }
    }

    /// Returns whether the message is the first field or absent, as the macros have it, and the target is that of the call.
    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns whether this field is the message.
    #[inline]
    pub(super) fn is_message(&self, field: usize) -> bool {
        self.message == Some(field)
    }

    /// Returns the key of this field.
    #[inline]
    pub(super) fn key(&self, field: usize) -> Option<&Key> {
        self.keys.get(field)
    }

    /// Begins the payload of a message in the buffer. Returns `None` if it may be too long for that.
    #[inline]
    pub(super) fn begin<'b>(
        &self,
        buffer: &'b mut [u8],
        max_payload: usize,
        span: u64,
        thread: u32,
    ) -> Option<Tail<'b>> {
        let len = self.head.len();
        if len + SLACK > max_payload {
            return None;
        }
        buffer.get_mut(..len)?.copy_from_slice(&self.head);
        let (spans, rest) = buffer.split_first_chunk_mut()?;
        *spans = span.to_le_bytes();
        *rest.first_chunk_mut()? = thread.to_le_bytes();
        Some(Tail::resume(buffer, len, max_payload))
    }
}

/// Returns the number of the level.
pub(super) fn level_of(metadata: &Metadata<'_>) -> u8 {
    match *metadata.level() {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// At most this many calls are known to a thread, in case that a program makes new ones without end.
const MAX_CALLS: usize = 1 << 14;

/// The calls that a thread has seen: a table with a free place for each that is taken, in which a search ends.
pub(super) struct Calls {
    /// Its length is a power of two, or 0 at first.
    places: Vec<Option<Rc<Call>>>,
    count: usize,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), count: 0 }
    }

    /// Returns the call with this metadata, which is kept from now on. `None` if too many are.
    #[inline]
    pub(super) fn find(&mut self, metadata: &'static Metadata<'static>) -> Option<Rc<Call>> {
        match self.places.get(self.place(metadata)) {
            Some(Some(call)) if std::ptr::eq(call.metadata, metadata) => Some(Rc::clone(call)),
            _ => self.find_further(metadata),
        }
    }

    /// Returns where the search for it begins.
    #[inline]
    fn place(&self, metadata: &'static Metadata<'static>) -> usize {
        // The low bits are those of its alignment.
        let address = std::ptr::from_ref(metadata).addr() >> 3;
        (address ^ address >> 7) & self.places.len().wrapping_sub(1)
    }

    #[cold]
    fn find_further(&mut self, metadata: &'static Metadata<'static>) -> Option<Rc<Call>> {
        if let Some(call) = self.search(metadata) {
            return Some(call);
        }
        if self.count == MAX_CALLS {
            return None;
        }
        if self.places.len() < 2 * (self.count + 1) {
            let places = vec![None; (2 * self.places.len()).max(64)];
            for call in std::mem::replace(&mut self.places, places).into_iter().flatten() {
                self.insert(call);
            }
        }
        let call = Rc::new(Call::new(metadata));
        self.insert(Rc::clone(&call));
        self.count += 1;
        Some(call)
    }

    fn search(&self, metadata: &'static Metadata<'static>) -> Option<Rc<Call>> {
        let from = self.place(metadata);
        let places = self.places.iter().skip(from).chain(self.places.iter().take(from));
        let calls = places.map_while(Option::as_ref);
        calls.into_iter().find(|call| std::ptr::eq(call.metadata, metadata)).map(Rc::clone)
    }

    fn insert(&mut self, call: Rc<Call>) {
        let from = self.place(call.metadata);
        let (before, after) = self.places.split_at_mut(from);
        if let Some(place) = after.iter_mut().chain(before).find(|place| place.is_none()) {
            *place = Some(call);
        }
    }
}
