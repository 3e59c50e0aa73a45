//! Rings whose control words and cells belong to the model checker.

use crate::control::{Birth, Control};
use crate::ends::Parts;
use crate::gap::{Gap, GapReason};
use crate::geometry::Geometry;
use crate::producer::Producer;
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

    /// Finds the ring that [`model`](Self::model) made, as `attach` does in memory, for the next owner of a
    /// role.
    ///
    /// # Safety
    ///
    /// As for `Ring::attach`; `data` and `cells` are those that the ring was made of.
    ///
    /// # Panics
    ///
    /// If there is no ring of this number of cells.
    pub unsafe fn model_attach(
        control: &'r ModelControl,
        data: NonNull<u8>,
        cells: &'r [ShadowCell],
    ) -> Self {
        let (geometry, birth) = control.0.read_birth().expect("a ring");
        assert_eq!(geometry.data_len(), cells.len() * 8, "cells for another data length");
        // SAFETY: the caller's promise.
        let parts = unsafe { Parts::new(&control.0, data, Shadow::new(cells), geometry) };
        Self::from_parts(parts, &birth)
    }
}

impl<K> Producer<'_, K> {
    /// Tells of all pending losses as a lossy producer does, but is killed behind `stores` of the four stores
    /// that it takes. `false` if there was no room, and the producer is killed before the first.
    ///
    /// # Panics
    ///
    /// If there is no loss.
    pub fn model_die_in_gap(mut self, stores: usize) -> bool {
        let loss = self.pending_loss().expect("a loss");
        let payload = Gap::new(GapReason::RingFull, loss.count).to_payload();
        let at = self.inner.end.head();
        let written = self.inner.write(at, &Gap::header(loss.first_timestamp), &payload);
        if let Ok(stride) = written {
            let control = self.inner.end.parts().control();
            if stores > 0 {
                control.gap_pending(at);
            }
            if stores > 1 {
                self.inner.end.publish(at.wrapping_add(stride));
            }
            if stores > 2 {
                control.forget_loss();
            }
            if stores > 3 {
                control.forget_gap();
            }
        }
        // Dropped, it would close its side, which the dead do not.
        core::mem::forget(self);
        written.is_ok()
    }
}
