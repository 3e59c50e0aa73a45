//! From tokens to a tree.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::schema::error::ExpressionError;
use crate::schema::expression::number::Number;
use crate::schema::expression::token::{Token, TokenKind, tokens};
use crate::schema::path::Step;

/// The most parentheses in each other: nothing that walks over a tree may run out of stack.
const MAX_DEPTH: usize = 64;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Tree {
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Comparison(Comparison),
}

impl Tree {
    /// Returns all comparisons in it.
    pub(super) fn comparisons(&self) -> Box<dyn Iterator<Item = &Comparison> + '_> {
        match self {
            Self::Not(inner) => inner.comparisons(),
            Self::All(parts) | Self::Any(parts) => Box::new(parts.iter().flat_map(Self::comparisons)),
            Self::Comparison(comparison) => Box::new(std::iter::once(comparison)),
        }
    }
}

/// A name, and the literals with which its value is compared: one, or those of `in`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Comparison {
    pub(super) name: Name,
    pub(super) operator: Operator,
    pub(super) operator_place: Range<usize>,
    pub(super) literals: Vec<Literal>,
}

impl Comparison {
    /// Returns whether the name is alone, which means that it is true.
    pub(super) fn is_alone(&self) -> bool {
        self.operator_place == self.name.place
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    pub(super) steps: Vec<Step>,
    pub(super) place: Range<usize>,
}

impl Name {
    /// Returns whether it is this word alone.
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self.steps.as_slice(), [Step::Name(word)] if word == wanted)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Literal {
    pub(super) value: LiteralValue,
    pub(super) place: Range<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LiteralValue {
    Number(Number),
    Text(Vec<u8>),
    Bool(bool),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Contains,
    StartsWith,
}

impl Operator {
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("in", Self::In),
        ("contains", Self::Contains),
        ("starts_with", Self::StartsWith),
    ];

    pub(super) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|&(_, operator)| operator == self).map_or("", |(word, _)| word)
    }

    /// Returns the operator with its sides exchanged.
    const fn mirrored(self) -> Option<Self> {
        Some(match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::In | Self::Contains | Self::StartsWith => return None,
        })
    }
}

/// Reads an expression.
pub(super) fn read(expression: &str) -> Result<Tree, ExpressionError> {
    let tokens = tokens(expression)?;
    let mut reader = Reader { expression, tokens: &tokens, at: 0 };
    let tree = reader.any(0)?;
    match reader.peek() {
        None => Ok(tree),
        Some(token) => Err(reader.after_end(token)),
    }
}

struct Reader<'a> {
    expression: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
}

/// One side of a comparison.
enum Operand {
    Name(Name),
    Literal(Literal),
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.peek();
        self.at += usize::from(token.is_some());
        token
    }

    fn takes_sign(&mut self, wanted: &str) -> bool {
        let is_there =
            matches!(self.peek(), Some(Token { kind: TokenKind::Sign(sign), .. }) if *sign == wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, wanted: &str, problem: &str) -> Result<(), ExpressionError> {
        if self.takes_sign(wanted) { Ok(()) } else { Err(self.fault(self.place(), problem)) }
    }

    /// Returns the place of the next token, or the end.
    fn place(&self) -> Range<usize> {
        let end = self.expression.trim_end().len();
        self.peek().map_or(end..end, |token| token.place.clone())
    }

    fn fault(&self, place: Range<usize>, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.expression, place, problem.into())
    }

    /// Returns the token before the next one.
    fn before(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at.checked_sub(1)?)
    }

    /// Says why a token may not follow a whole expression.
    fn after_end(&self, token: &Token<'_>) -> ExpressionError {
        let before = self.before().map(|token| &token.kind);
        if let Some(TokenKind::Word(word)) = before
            && word.eq_ignore_ascii_case("not")
        {
            return self.fault(self.before_place(), "no operator; negate with !");
        }
        let of_others = if let TokenKind::Word(word) = &token.kind { instead_of(word) } else { None };
        let problem = of_others.unwrap_or_else(|| match (before, &token.kind) {
            (Some(TokenKind::Number(_)), TokenKind::Word(_)) if !self.is_before_sign() => {
                "a word after a number; write numbers without a unit, and join comparisons with && or ||"
            }
            (Some(TokenKind::Number(_)), TokenKind::Number(_)) => {
                "a second number; write one alone, as nothing is computed here"
            }
            (Some(TokenKind::Number(_)), TokenKind::Sign(",")) => {
                "a comma; write decimals with a point, and several values as in (1, 2)"
            }
            (Some(TokenKind::Number(_)), TokenKind::Sign(".")) => {
                "a point without a digit after it; write one"
            }
            (_, TokenKind::Sign(")")) => "a ) without its (; remove it, or add the other",
            (_, TokenKind::Sign("==" | "!=" | "<" | "<=" | ">" | ">=")) => {
                "a second comparison; join two of them with && or ||"
            }
            _ => "not expected after a comparison; join comparisons with && or ||",
        });
        self.fault(token.place.clone(), problem)
    }

    /// Returns whether a sign follows the next token.
    fn is_before_sign(&self) -> bool {
        matches!(self.tokens.get(self.at + 1), Some(Token { kind: TokenKind::Sign(_), .. }))
    }

    fn before_place(&self) -> Range<usize> {
        self.before().map_or(0..0, |token| token.place.clone())
    }

    fn any(&mut self, depth: usize) -> Result<Tree, ExpressionError> {
        let mut parts = vec![self.all(depth)?];
        while self.takes_sign("||") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Tree, ExpressionError> {
        let mut parts = vec![self.negated(depth)?];
        while self.takes_sign("&&") {
            parts.push(self.negated(depth)?);
        }
        Ok(joined(parts, Tree::All))
    }

    fn negated(&mut self, depth: usize) -> Result<Tree, ExpressionError> {
        let mut is_negated = false;
        while self.takes_sign("!") {
            is_negated = !is_negated;
        }
        let place = self.place();
        let tree = if self.takes_sign("(") {
            if depth == MAX_DEPTH {
                let problem = format!("more than {MAX_DEPTH} parentheses in each other; remove some");
                return Err(self.fault(place, problem));
            }
            let tree = self.any(depth + 1)?;
            self.expect(")", "a ( without its ); close it here")?;
            tree
        } else {
            self.comparison()?
        };
        Ok(if is_negated { Tree::Not(Box::new(tree)) } else { tree })
    }

    fn comparison(&mut self) -> Result<Tree, ExpressionError> {
        let left = self.operand()?;
        let operator_place = self.place();
        let Some(operator) = self.operator() else {
            return match left {
                // A field of kind bool alone.
                Operand::Name(name) => {
                    let operator_place = name.place.clone();
                    let literals =
                        vec![Literal { value: LiteralValue::Bool(true), place: name.place.clone() }];
                    Ok(Tree::Comparison(Comparison {
                        name,
                        operator: Operator::Equal,
                        operator_place,
                        literals,
                    }))
                }
                Operand::Literal(literal) => {
                    Err(self.fault(literal.place, "a literal alone; compare it with a field"))
                }
            };
        };
        let comparison = match (left, operator) {
            (Operand::Name(name), Operator::In) => {
                Comparison { name, operator, operator_place, literals: self.list()? }
            }
            (left, _) => self.sides(left, operator, operator_place)?,
        };
        Ok(Tree::Comparison(comparison))
    }

    fn sides(
        &mut self,
        left: Operand,
        operator: Operator,
        operator_place: Range<usize>,
    ) -> Result<Comparison, ExpressionError> {
        let mirrored = operator.mirrored();
        if let (Operand::Literal(literal), None) = (&left, mirrored) {
            let problem = format!("no field left of {}; write the field first", operator.word());
            return Err(self.fault(literal.place.clone(), problem));
        }
        match (left, self.operand()?, mirrored) {
            (Operand::Name(name), Operand::Literal(literal), _) => {
                Ok(Comparison { name, operator, operator_place, literals: vec![literal] })
            }
            (Operand::Literal(literal), Operand::Name(name), Some(operator)) => {
                Ok(Comparison { name, operator, operator_place, literals: vec![literal] })
            }
            (_, Operand::Literal(literal), _) => {
                Err(self.fault(literal.place, "two literals; compare a field with a literal"))
            }
            (_, Operand::Name(name), _) => {
                let problem = self.no_literal(&name, "two fields; compare a field with a literal");
                Err(self.fault(name.place, problem))
            }
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let (TokenKind::Sign(word) | TokenKind::Word(word)) = &self.peek()?.kind else { return None };
        let (_, operator) = Operator::ALL.into_iter().find(|(name, _)| name == word)?;
        self.at += 1;
        Some(operator)
    }

    fn list(&mut self) -> Result<Vec<Literal>, ExpressionError> {
        self.expect("(", "no list; write in (1, 2) or in (\"a\", \"b\")")?;
        if matches!(self.peek(), Some(Token { kind: TokenKind::Sign(")"), .. })) {
            return Err(self.fault(self.place(), "an empty list; write a literal in it"));
        }
        let mut literals = Vec::new();
        loop {
            match self.operand()? {
                Operand::Literal(literal) => literals.push(literal),
                Operand::Name(name) => {
                    let problem = self.no_literal(&name, "no literal; write numbers, texts or labels");
                    return Err(self.fault(name.place, problem));
                }
            }
            if !self.takes_sign(",") {
                self.expect(")", "the list has no end; write , or ) here")?;
                return Ok(literals);
            }
        }
    }

    /// Says what to write instead of a name where a literal must be.
    fn no_literal(&self, name: &Name, problem: &str) -> String {
        let word = &self.expression[name.place.clone()];
        match word.to_ascii_lowercase().as_str() {
            lower @ ("true" | "false") => format!("no literal; write {lower} in lower case"),
            "null" | "nil" | "none" => "there is no null; each event that has the field has a value".into(),
            _ if name.steps.len() > 1 => format!("{problem}, and put a text or a label in quotes"),
            _ => format!("{problem}, and put a text or a label in quotes: \"{word}\""),
        }
    }

    /// Says why a sign cannot be where a field or a literal must be.
    fn no_operand(&self, sign: &str, before: Option<&Token<'_>>) -> String {
        let comparisons = ["==", "!=", "<", "<=", ">", ">="];
        match (before.map(|token| &token.kind), sign) {
            (Some(TokenKind::Sign("<")), ">") => "no operator; write != for \"is not\"".into(),
            (Some(TokenKind::Sign(other)), _)
                if comparisons.contains(other) && comparisons.contains(&sign) =>
            {
                "a second operator; remove one".into()
            }
            (Some(TokenKind::Sign("(")), ")") => "nothing between ( and ); write a comparison there".into(),
            (_, ".") => "a point without a digit before it; write 0.5, or a field's name".into(),
            (_, "&&" | "||") => format!("no comparison before {sign}; write one, or remove it"),
            _ => "not expected here; write a field or a literal".into(),
        }
    }

    /// Says what is missing at the end.
    fn nothing_left(before: Option<&Token<'_>>) -> String {
        match before.map(|token| &token.kind) {
            Some(TokenKind::Sign(sign @ ("&&" | "||"))) => {
                format!("nothing after {sign}; write a comparison, or remove it")
            }
            Some(TokenKind::Sign(sign @ ("!" | "("))) => format!("nothing after {sign}; write a comparison"),
            Some(TokenKind::Sign(word) | TokenKind::Word(word)) => {
                format!("nothing after {word}; write a number, or a text or a label in quotes")
            }
            _ => "nothing to compare; write a comparison such as price > 100".into(),
        }
    }

    fn operand(&mut self) -> Result<Operand, ExpressionError> {
        let (place, before) = (self.place(), self.before());
        let value = match self.next().map(|token| &token.kind) {
            Some(TokenKind::Word("true")) => LiteralValue::Bool(true),
            Some(TokenKind::Word("false")) => LiteralValue::Bool(false),
            Some(TokenKind::Number(number)) => LiteralValue::Number(number.clone()),
            Some(TokenKind::Text(text)) => LiteralValue::Text(text.clone()),
            Some(TokenKind::Word(word)) => return self.name(word, place.start).map(Operand::Name),
            Some(TokenKind::Sign(sign)) => return Err(self.fault(place, self.no_operand(sign, before))),
            None => return Err(self.fault(place, Self::nothing_left(before))),
        };
        Ok(Operand::Literal(Literal { value, place }))
    }

    /// Reads what follows the first word of a name.
    fn name(&mut self, first: &str, start: usize) -> Result<Name, ExpressionError> {
        let mut steps = vec![Step::Name(first.to_owned())];
        loop {
            if self.takes_sign(".") {
                let place = self.place();
                match self.next().map(|token| &token.kind) {
                    Some(TokenKind::Word(word)) => steps.push(Step::Name((*word).to_owned())),
                    _ => return Err(self.fault(place, "no name; write a field's name after the dot")),
                }
            } else if self.takes_sign("[") {
                let place = self.place();
                steps.push(Step::Index(self.index(&place)?));
                self.expect("]", "an index without its end; write ] here")?;
            } else {
                let end = self.tokens[self.at - 1].place.end;
                return Ok(Name { steps, place: start..end });
            }
        }
    }

    fn index(&mut self, place: &Range<usize>) -> Result<usize, ExpressionError> {
        let floor = match self.next().map(|token| &token.kind) {
            Some(TokenKind::Number(number)) => Some(number.in_units(0)),
            _ => None,
        };
        floor
            .filter(|it| it.is_exact)
            .and_then(|it| usize::try_from(it.floor).ok())
            .ok_or_else(|| self.fault(place.clone(), "no index; write a whole number from 0 on"))
    }
}

/// Says what to write instead of a word after a comparison, for operators of other languages.
fn instead_of(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => "no operator; join with &&",
        "or" => "no operator; join with ||",
        "not" => "no operator; negate a comparison in parentheses with !, such as !(a in (1, 2))",
        "is" | "eq" | "equals" => "no operator; compare with ==",
        "ne" => "no operator; compare with !=",
        "lt" => "no operator; compare with <",
        "le" | "lte" => "no operator; compare with <=",
        "gt" => "no operator; compare with >",
        "ge" | "gte" => "no operator; compare with >=",
        "between" => "no operator; write a >= 1 && a <= 5",
        "in" => "no operator; write in in lower case, after a field",
        "startswith" | "starts_with" | "begins_with" => "no operator; write starts_with, after a field",
        "contains" | "includes" | "has" => "no operator; write contains, after a field",
        "like" | "ilike" | "matches" | "regex" | "endswith" | "ends_with" => {
            "no operator; use contains or starts_with"
        }
        _ => return None,
    })
}

/// Returns a part that is alone as it is.
fn joined(mut parts: Vec<Tree>, join: impl FnOnce(Vec<Tree>) -> Tree) -> Tree {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}
