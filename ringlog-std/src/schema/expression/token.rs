//! From text to words, numbers, texts and signs, each with its place.
#![forbid(unsafe_code)]

use std::ops::Range;

use winnow::ascii::{digit1, hex_digit1};
use winnow::combinator::{alt, not, opt, repeat};
use winnow::error::EmptyError;
use winnow::stream::{AsChar, LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_while};
use winnow::{Parser, Result};

use crate::schema::error::ExpressionError;
use crate::schema::expression::number::Number;

type Input<'a> = LocatingSlice<&'a str>;

/// The smallest part of an expression.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) place: Range<usize>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum TokenKind<'a> {
    Word(&'a str),
    Number(Number),
    Text(Vec<u8>),
    Sign(&'a str),
}

/// Returns the tokens of an expression.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut input = Input::new(expression);
    let mut tokens = Vec::new();
    loop {
        skip_spaces(&mut input);
        let at = input.current_token_start();
        if at == expression.len() {
            return Ok(tokens);
        }
        let fault = |place, problem| Err(ExpressionError::new(expression, place, problem));
        let Ok((found, place)) = token.with_span().parse_next(&mut input) else {
            let (len, problem) = unexpected(&expression[..at], &expression[at..]);
            return fault(at..at + len, problem);
        };
        let kind = match found {
            Found::Word(word) => TokenKind::Word(word),
            Found::Sign(sign) => TokenKind::Sign(sign),
            Found::Number(typed) => match Number::read(typed) {
                Some(number) => TokenKind::Number(number),
                None => {
                    return fault(
                        place,
                        "the number has too many digits; use 38 at most (hexadecimal: 16)".into(),
                    );
                }
            },
            Found::Text(quoted) => match unescaped(&quoted[1..quoted.len() - 1]) {
                Ok(text) => TokenKind::Text(text),
                Err(escape) => {
                    let start = place.start + 1 + escape.start;
                    let place = start..place.start + 1 + escape.end;
                    return fault(
                        place,
                        "no such escape; use \\\\ \\\" \\' \\n \\r \\t \\xHH or \\uHHHH".into(),
                    );
                }
            },
        };
        tokens.push(Token { kind, place });
    }
}

enum Found<'a> {
    Word(&'a str),
    Number(&'a str),
    Text(&'a str),
    Sign(&'a str),
}

/// Returns the length of what is no token, and what to write instead.
fn unexpected(before: &str, rest: &str) -> (usize, String) {
    let mut signs = rest.chars();
    let (sign, next) = (signs.next().unwrap_or(' '), signs.next().unwrap_or(' '));
    let is_part_of_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    let problem = match (sign, next) {
        ('"' | '\'', _) if before.ends_with(is_part_of_word) => {
            let start = before.rfind(|sign| !is_part_of_word(sign)).map_or(0, |at| at + 1);
            let word = before.get(start..).unwrap_or(before);
            return (1, format!("the text has no start; write {sign}{word}{sign}"));
        }
        ('"' | '\'', _) => return (rest.len(), "the text has no end; close it with the same quote".into()),
        ('=', _) if before.ends_with(['=', '!', '<', '>']) => "one = too many; remove it",
        ('=', '>') => return (2, "no operator; write >=".into()),
        ('=', '<') => return (2, "no operator; write <=".into()),
        ('=', '~') => return (2, "no operator; use contains or starts_with".into()),
        ('=', _) => "a single =; compare with ==",
        ('&', _) => "a single &; join with &&",
        ('|', _) => "a single |; join with ||",
        ('~', _) => "no operator; use contains or starts_with",
        ('≥', _) => "no operator; write >=",
        ('≤', _) => "no operator; write <=",
        ('≠', _) => "no operator; write !=",
        ('“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»' | '`', _) => {
            "no quote; put texts between \" or ', and names between nothing"
        }
        ('+' | '-', _) if !next.is_ascii_digit() => "nothing is computed here; write one number, such as -12",
        ('*' | '/' | '%' | '^', _) => "nothing is computed here; compare a field with one number",
        ('0'..='9' | '+' | '-', _) => "no number; write it like -12, 0.5, 1e-3 or 0xFF, without a unit",
        _ => {
            "not expected here; use names, numbers, texts in quotes, and == != < <= > >= && || ! ( ) [ ] . ,"
        }
    };
    (sign.len_utf8(), problem.into())
}

fn skip_spaces(input: &mut Input<'_>) {
    let spaces: Result<&str, EmptyError> = take_while(0.., char::is_whitespace).parse_next(input);
    spaces.expect("none is enough");
}

fn token<'a>(input: &mut Input<'a>) -> Result<Found<'a>, EmptyError> {
    alt((word.map(Found::Word), number.map(Found::Number), text.map(Found::Text), sign.map(Found::Sign)))
        .parse_next(input)
}

fn word<'a>(input: &mut Input<'a>) -> Result<&'a str, EmptyError> {
    (one_of((AsChar::is_alpha, '_')), take_while(0.., (AsChar::is_alphanum, '_'))).take().parse_next(input)
}

fn number<'a>(input: &mut Input<'a>) -> Result<&'a str, EmptyError> {
    let digits = || (one_of(AsChar::is_dec_digit), take_while(0.., (AsChar::is_dec_digit, '_')));
    let exponent = (one_of(('e', 'E')), opt(one_of(('+', '-'))), digit1);
    let hexadecimal = ("0x", hex_digit1).void();
    let decimal = (digits(), opt(('.', digits())), opt(exponent)).void();
    let number = (opt(one_of(('+', '-'))), alt((hexadecimal, decimal))).take();
    // `5ms` is no number and a word.
    let end = not(one_of((AsChar::is_alphanum, '_')));
    (number, end).map(|(number, ())| number).parse_next(input)
}

fn text<'a>(input: &mut Input<'a>) -> Result<&'a str, EmptyError> {
    alt((quoted('"'), quoted('\''))).parse_next(input)
}

fn quoted<'a>(quote: char) -> impl Parser<Input<'a>, &'a str, EmptyError> {
    let escaped = ('\\', any).void();
    let inside = repeat::<_, _, (), _, _>(0.., alt((none_of((quote, '\\')).void(), escaped)));
    (quote, inside, quote).take()
}

fn sign<'a>(input: &mut Input<'a>) -> Result<&'a str, EmptyError> {
    let double = alt(("==", "!=", "<=", ">=", "&&", "||"));
    let single = one_of(['<', '>', '!', '(', ')', '[', ']', '.', ',']).take();
    alt((double, single)).parse_next(input)
}

/// Returns the bytes of a text, or the place of an escape that there is not.
fn unescaped(text: &str) -> Result<Vec<u8>, Range<usize>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let place = text.len() - rest.len() + at;
        let sign = escape.chars().next().ok_or(place..place + 1)?;
        let hexadecimal = |digits: usize| {
            let digits = escape.get(1..=digits).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
        };
        let mut len = sign.len_utf8();
        match sign {
            '\\' | '"' | '\'' | '/' => bytes.push(sign as u8),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                len += 2;
                let byte = hexadecimal(2).and_then(|byte| u8::try_from(byte).ok());
                bytes.push(byte.ok_or(place..place + 2)?);
            }
            'u' => {
                len += 4;
                let sign = hexadecimal(4).and_then(char::from_u32).ok_or(place..place + 2)?;
                bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => return Err(place..place + 1 + other.len_utf8()),
        }
        rest = &escape[len..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}
