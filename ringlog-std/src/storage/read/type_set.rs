//! A set of types of events.
#![forbid(unsafe_code)]

/// See the module. A bit for each type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TypeSet([u64; 4]);

impl TypeSet {
    pub(crate) fn insert(&mut self, event_type: u8) {
        self.0[usize::from(event_type >> 6)] |= 1 << (event_type & 63);
    }

    #[inline]
    pub(crate) const fn has(&self, event_type: u8) -> bool {
        self.0[(event_type >> 6) as usize] & (1 << (event_type & 63)) != 0
    }
}

impl FromIterator<u8> for TypeSet {
    fn from_iter<T: IntoIterator<Item = u8>>(types: T) -> Self {
        let mut set = Self::default();
        types.into_iter().for_each(|event_type| set.insert(event_type));
        set
    }
}
