//! What was chosen for each type, such as a table, as long as its segment describes it in the same way.
#![forbid(unsafe_code)]

use ringlog::event::Event;
use ringlog::programs::InForce;

/// The number of a table or channel for each type and for GAP records.
pub(crate) struct Slots {
    of_type: [Option<usize>; 257],
    in_force: InForce,
}

impl Default for Slots {
    fn default() -> Self {
        Self { of_type: [None; 257], in_force: InForce::default() }
    }
}

impl Slots {
    fn key(event: &Event<'_>) -> usize {
        if event.header.is_gap() { 256 } else { usize::from(event.header.event_type) }
    }

    /// Returns what was chosen for such an event. All is forgotten where other descriptions are in force, or none.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> Option<usize> {
        if !self.in_force.is_at(event) {
            *self = Self { in_force: InForce::at(event), ..Self::default() };
        }
        self.of_type[Self::key(event)]
    }

    pub(crate) fn set(&mut self, event: &Event<'_>, chosen: usize) {
        self.of_type[Self::key(event)] = Some(chosen);
    }
}

/// Returns the name of a table or channel after this many others of the name. No type has such a name.
pub(crate) fn numbered(name: &str, earlier: usize) -> String {
    if earlier == 0 { name.into() } else { format!("{name}-{}", earlier + 1) }
}
