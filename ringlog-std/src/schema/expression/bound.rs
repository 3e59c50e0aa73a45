//! An expression as users hold it: read, then bound to schemas.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use crate::event::Event;
use crate::schema::error::ExpressionError;
use crate::schema::expression::compile::{Builtin, Programs, builtin, check};
use crate::schema::expression::syntax::{LiteralValue, Tree, read};
use crate::schema::set::SchemaSet;

/// An expression that chooses events: comparisons of fields with literals, joined by `&&`, `||`, `!` and parentheses.
///
/// ```
/// use ringlog::schema::{Expression, SchemaSet};
/// # use ringlog::event::{Event, EventHeader};
///
/// let set = SchemaSet::from_json(
///     br#"[{"type":1,"name":"trade","size":5,"fields":[
///         {"name":"price","offset":0,"kind":"u32","scale":-2},
///         {"name":"side","offset":4,"kind":"u8","labels":{"0":"buy","1":"sell"}}]}]"#,
/// )?;
/// let wanted = Expression::parse(r#"trade.price >= 100.5 && side in ("buy", "both") || sequence == 7"#)?;
/// assert!(wanted.bind(&set).is_err(), "there is no label \"both\"");
///
/// let wanted = Expression::parse(r#"trade.price >= 100.5 && side == "buy""#)?.bind(&set)?;
/// # let event = |payload| Event::new(EventHeader::new(0, 1, 5), payload, 0, 64);
/// assert!(wanted.matches(&event(&[0x42, 0x27, 0, 0, 0]))); // 100.50, buy
/// assert!(!wanted.matches(&event(&[0x41, 0x27, 0, 0, 0]))); // 100.49, buy
/// assert!(!wanted.matches(&event(&[0x42, 0x27, 0, 0, 1]))); // 100.50, sell
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Names:
/// - a field, `price` or `legs[0].id`, in every type that has it; `tail` for what follows the fixed part;
/// - a field of one type, `trade.price`;
/// - `timestamp`, `sequence`, `type` (a name or a number), `len` (of the payload); a field of such a name is
///   `payload.len`.
///
/// Operators: `== != < <= > >=`, `in (1, 2)`, and for text and bytes `contains` and `starts_with`. A bool may be
/// alone. Numbers compare exactly, in units of the field's scale. A literal for an `f32` is first rounded to one.
///
/// An event that lacks a field, or whose payload has a wrong length, is chosen by no comparison with that field, and by
/// none after a `!`. A GAP record is always chosen: what it counts may be events of any kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression {
    text: String,
    tree: Tree,
}

impl Expression {
    /// Reads an expression.
    ///
    /// ```
    /// use ringlog::schema::Expression;
    ///
    /// assert!(Expression::parse("!(len < 8) && tail contains 'error'").is_ok());
    /// assert_eq!(
    ///     Expression::parse("price = 5").unwrap_err().to_string(),
    ///     "a single =; compare with ==\n  price = 5\n        ^"
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] with the place of the first fault.
    pub fn parse(expression: &str) -> Result<Self, ExpressionError> {
        Ok(Self { text: expression.to_owned(), tree: read(expression)? })
    }

    /// Looks up its names in the schemas that are in force.
    ///
    /// ```
    /// use ringlog::schema::{Expression, SchemaSet};
    ///
    /// let set = SchemaSet::from_json(
    ///     br#"[{"type":1,"name":"trade","size":4,"fields":[{"name":"price","offset":0,"kind":"u32"}]}]"#,
    /// )?;
    /// assert_eq!(
    ///     Expression::parse("prise > 5")?.bind(&set).unwrap_err().to_string(),
    ///     "no type has a field `prise`; did you mean `price`?\n  prise > 5\n  ^^^^^"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] if no type has a field of the name, or none can compare it so.
    pub fn bind(&self, set: &SchemaSet) -> Result<BoundExpression, ExpressionError> {
        check(&self.text, &self.tree, set)?;
        Ok(self.bind_known(set))
    }

    /// Returns comparisons that hold for no event, or for each one that has the field.
    #[doc(hidden)]
    pub fn doubts(&self, set: &SchemaSet) -> Vec<ExpressionError> {
        crate::schema::expression::doubt::doubts(&self.text, &self.tree, set)
    }

    /// Returns whether it needs the description of an event: it has the name of a field or of a type.
    #[doc(hidden)]
    pub fn needs_description(&self) -> bool {
        self.tree.comparisons().any(|comparison| match builtin(&comparison.name) {
            None => true,
            Some(Builtin::Number(_)) => false,
            Some(Builtin::Type) => {
                comparison.literals.iter().any(|it| matches!(it.value, LiteralValue::Text(_)))
            }
        })
    }

    /// As [`bind`](Self::bind), for a further segment of a log: a name that the set lacks chooses nothing.
    ///
    /// ```
    /// use ringlog::schema::{Expression, SchemaSet};
    /// # use ringlog::event::{Event, EventHeader};
    ///
    /// let wanted = Expression::parse("price > 5 || sequence == 3")?.bind_known(&SchemaSet::new());
    /// # let event = |sequence| Event::new(EventHeader::new(0, 1, 0), &[], sequence, 64);
    /// assert!(wanted.matches(&event(3)) && !wanted.matches(&event(4)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bind_known(&self, set: &SchemaSet) -> BoundExpression {
        BoundExpression { expression: self.clone(), programs: Programs::new(&self.tree, set) }
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(expression: &str) -> Result<Self, ExpressionError> {
        Self::parse(expression)
    }
}

/// Displays the text that was read.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An expression whose names are known: a few loads and comparisons for each type of events.
///
/// ```
/// use ringlog::schema::{Expression, SchemaSet};
///
/// let bound = Expression::parse("len > 100")?.bind(&SchemaSet::new())?;
/// assert_eq!(bound.expression().to_string(), "len > 100");
/// # Ok::<(), ringlog::schema::ExpressionError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundExpression {
    expression: Expression,
    programs: Programs,
}

impl BoundExpression {
    /// Returns whether the expression chooses the event. Nothing is allocated.
    #[must_use]
    #[inline]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        event.header.is_gap() || self.programs.of(event.header.event_type).selects(event)
    }

    /// Returns the expression, to bind it to the schemas of a further segment.
    #[must_use]
    pub const fn expression(&self) -> &Expression {
        &self.expression
    }
}
