//! Rings whose control words and cells belong to the model checker.

use crate::error::RingError;
use crate::protocol::control::{Birth, Control};
use crate::protocol::geometry::Geometry;
use crate::protocol::parts::Parts;
use crate::ring::once::SplitGuard;
use crate::ring::ring::{Ring, RingOptions};
use crate::sync::{Shadow, ShadowCell};
use core::ptr::NonNull;

/// Control words of a ring under the model checker.
#[derive(Debug)]
pub struct ModelControl {
    control: Control,
    split: SplitGuard,
}

impl ModelControl {
    /// Returns words of zero.
    #[must_use]
    pub fn new() -> Self {
        Self { control: Control::zero(), split: SplitGuard::new() }
    }

    /// Returns whether the caller is the one who may make the ring, as `StaticRing::split` does.
    #[must_use]
    pub fn is_first_split(&self) -> bool {
        self.split.is_first()
    }
}

impl Default for ModelControl {
    fn default() -> Self {
        Self::new()
    }
}

impl<'r> Ring<'r> {
    /// Makes a ring of separate control words, bytes and shadow cells.
    ///
    /// # Safety
    ///
    /// As for `Ring::format_raw`. Besides, `data` is 8-aligned, and `cells` has one cell for each 8 bytes of it.
    ///
    /// # Panics
    ///
    /// If the options do not fit the number of cells.
    pub unsafe fn model(
        control: &'r ModelControl,
        data: NonNull<u8>,
        cells: &'r [ShadowCell],
        options: &RingOptions,
    ) -> Self {
        let capacity = options.capacity.expect("a model says its capacity");
        let geometry = Geometry::new(capacity, options.max_payload).expect("valid sizes");
        assert_eq!(geometry.data_len(), cells.len() * 8, "cells for another data length");
        // SAFETY: the caller's promise.
        let parts = unsafe { Parts::new(&control.control, data, Shadow::new(cells), geometry) };
        let birth: Birth = options.birth();
        control.control.format(&geometry, &birth, options.first_position());
        Self::from_parts(parts, &birth)
    }

    /// Finds the ring that [`model`](Self::model) made, for the next owner of a role. Does what `attach` does in
    /// memory.
    ///
    /// # Safety
    ///
    /// As for `Ring::attach`. Besides, `data` and `cells` are those that the ring was made of.
    ///
    /// # Errors
    ///
    /// As `Ring::attach`.
    ///
    /// # Panics
    ///
    /// If the sizes that were read are not those of `cells`.
    pub unsafe fn model_attach(
        control: &'r ModelControl,
        data: NonNull<u8>,
        cells: &'r [ShadowCell],
    ) -> Result<Self, RingError> {
        let (geometry, _) = control.control.read_birth()?;
        assert_eq!(geometry.data_len(), cells.len() * 8, "cells for another data length");
        // SAFETY: the caller's promise.
        let parts = unsafe { Parts::new(&control.control, data, Shadow::new(cells), geometry) };
        Self::attached(parts)
    }
}
