//! Rings whose control words and cells belong to the model checker.

use crate::control::{Birth, Control};
use crate::ends::Parts;
use crate::geometry::Geometry;
use crate::ring::{Ring, RingOptions};
use crate::sync::{Shadow, ShadowCell};
use core::ptr::NonNull;

/// Control words of a ring under the model checker.
#[derive(Debug)]
pub struct ModelControl(Control);

impl ModelControl {
    /// Words of zero.
    #[must_use]
    pub fn new() -> Self {
        Self(Control::zero())
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
    /// As for `Ring::format_raw`; `data` is 8-aligned and `cells` is one for each 8 bytes of it.
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
        let parts = unsafe { Parts::new(&control.0, data, Shadow::new(cells), geometry) };
        let birth: Birth = options.birth();
        control.0.format(&geometry, &birth);
        Self::from_parts(parts, &birth)
    }
}
