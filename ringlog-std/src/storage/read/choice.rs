//! An expression that chooses events by their fields, over the segments of a log.
//!
//! Names of fields mean what the segment of an event says, so the expression is bound anew where a segment says
//! something else.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::event::Event;
use crate::schema::{BoundExpression, Expression, SchemaSet};
use crate::storage::read::type_set::TypeSet;
use crate::storage::schemas::in_force::InForce;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    bound: Arc<BoundExpression>,
    /// Describes the types that a segment does not.
    others: Arc<SchemaSet>,
    /// For which the expression is bound.
    in_force: InForce,
    /// The types that it cannot choose here, as nothing describes them; none if it needs no description.
    blind: TypeSet,
    /// Types that are described elsewhere, so that one that is not described here is worth a report.
    expected: TypeSet,
    /// Events of such types.
    undescribed: u64,
}

fn blind_types(expression: &Expression, set: &SchemaSet) -> TypeSet {
    if !expression.needs_description() {
        return TypeSet::default();
    }
    (0..=u8::MAX).filter(|&event_type| set.by_number(event_type).is_none()).collect()
}

impl Choice {
    pub(crate) fn new(expression: &Expression, others: SchemaSet) -> Self {
        let bound = Arc::new(expression.bind_known(&others));
        let blind = blind_types(expression, &others);
        let (in_force, expected) = (InForce::default(), TypeSet::default());
        Self { bound, others: Arc::new(others), in_force, blind, expected, undescribed: 0 }
    }

    /// Counts events of these types that it cannot choose, because nothing describes them where they are.
    pub(crate) fn expect(&mut self, set: &SchemaSet) {
        self.expected = (0..=u8::MAX).filter(|&event_type| set.has(event_type)).collect();
    }

    pub(crate) const fn undescribed(&self) -> u64 {
        self.undescribed
    }

    /// Returns whether it cannot choose the event, as nothing describes its type here: after [`enter`](Self::enter).
    #[inline]
    pub(crate) const fn is_blind_to(&self, event: &Event<'_>) -> bool {
        self.blind.has(event.header.event_type) && !event.header.is_gap()
    }

    /// Notes an event that it has not chosen.
    #[inline]
    pub(crate) const fn note_left_out(&mut self, event: &Event<'_>) {
        if self.expected.has(event.header.event_type) && self.is_blind_to(event) {
            self.undescribed += 1;
        }
    }

    pub(crate) fn expression(&self) -> &Expression {
        self.bound.expression()
    }

    /// Binds the expression for the event's segment, if it is another one.
    #[inline]
    pub(crate) fn enter(&mut self, event: &Event<'_>) {
        if !self.in_force.is_at(event) {
            *self = self.in_segment_of(event);
        }
    }

    /// Returns whether the expression chooses the event. It is fast after [`enter`](Self::enter).
    #[inline]
    pub(crate) fn selects(&self, event: &Event<'_>) -> bool {
        if self.in_force.is_at(event) {
            self.bound.matches(event)
        } else {
            self.in_segment_of(event).bound.matches(event)
        }
    }

    #[cold]
    fn in_segment_of(&self, event: &Event<'_>) -> Self {
        let in_force = InForce::at(event);
        let mut set = in_force.schemas().map_or_else(SchemaSet::new, |schemas| schemas.set().clone());
        set.add_missing(&self.others);
        let bound = Arc::new(self.expression().bind_known(&set));
        let blind = blind_types(self.expression(), &set);
        Self { bound, others: Arc::clone(&self.others), in_force, blind, ..*self }
    }
}

/// Equal if they choose the same events.
impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.expression() == other.expression() && self.others == other.others
    }
}

impl Eq for Choice {}
