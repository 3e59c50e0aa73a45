//! What an end of a ring keeps alive.
#![forbid(unsafe_code)]

/// What must live as long as an end of a ring does, and is dropped after it: the mapping and the role of a ring in a file.
#[derive(Debug, Default)]
pub struct Owner {
    #[cfg(feature = "alloc")]
    _kept: Option<alloc::boxed::Box<dyn core::fmt::Debug + Send>>,
}

impl Owner {
    /// Returns an owner of nothing, for a ring over the caller's memory.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the owner of a value.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn of(kept: impl core::fmt::Debug + Send + 'static) -> Self {
        Self { _kept: Some(alloc::boxed::Box::new(kept)) }
    }
}
