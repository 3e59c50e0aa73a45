//! What the attributes share: options, names, the derives that they add.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, DeriveInput, Error, Ident, LitInt, LitStr, Result, Token};

/// Where the generated code finds the library.
pub(crate) struct Library(TokenStream);

impl Library {
    pub(crate) fn new(default: &TokenStream) -> Self {
        Self(default.clone())
    }

    /// Takes the value of the option `crate`.
    pub(crate) fn read(&mut self, option: &ParseNestedMeta<'_>) -> Result<()> {
        let mut path: syn::Path = option.value()?.parse()?;
        let is_in_program = path
            .segments
            .first()
            .is_some_and(|first| ["crate", "self", "super"].contains(&&*first.ident.to_string()));
        if !is_in_program {
            path.leading_colon.get_or_insert_default();
        }
        self.0 = path.to_token_stream();
        Ok(())
    }

    /// Returns the path of the module for generated code.
    pub(crate) fn typed(&self) -> TokenStream {
        let library = &self.0;
        quote!(#library::typed)
    }

    /// Returns zerocopy's derives and what they need.
    pub(crate) fn derives(&self) -> TokenStream {
        let zerocopy = quote!(#self::typed::zerocopy);
        // The derives want the path as a text.
        let path = zerocopy.to_string().replace(' ', "");
        quote! {
            #[derive(#zerocopy::IntoBytes, #zerocopy::TryFromBytes, #zerocopy::Immutable, #zerocopy::KnownLayout)]
            #[zerocopy(crate = #path)]
        }
    }
}

impl ToTokens for Library {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// Returns an error at `at`.
pub(crate) fn error<T>(at: impl ToTokens, message: &str) -> Result<T> {
    Err(Error::new_spanned(at, message))
}

/// Refuses type parameters, lifetimes and a `repr`.
pub(crate) fn refuse_generics_and_repr(item: &DeriveInput, attribute: &str) -> Result<()> {
    if !item.generics.params.is_empty() {
        return error(
            &item.generics,
            "a log describes one layout for each type: write a struct without generics for each of them",
        );
    }
    match item.attrs.iter().find(|it| it.path().is_ident("repr")) {
        Some(repr) => {
            error(repr, &format!("`#[{attribute}]` chooses the representation: remove this `repr`"))
        }
        None => Ok(()),
    }
}

/// Returns a name in snake case, without `r#`.
pub(crate) fn snake_case(ident: &Ident) -> String {
    let ident = ident.to_string();
    let letters: Vec<char> = ident.trim_start_matches("r#").chars().collect();
    let mut name = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let starts_word = letter.is_ascii_uppercase()
            && at > 0
            && letters[at - 1] != '_'
            && (!letters[at - 1].is_ascii_uppercase()
                || letters.get(at + 1).is_some_and(char::is_ascii_lowercase));
        if starts_word {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Refuses names that filters and other languages cannot write.
pub(crate) fn check_name(name: &str, span: Span) -> Result<()> {
    let mut letters = name.chars();
    let starts_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts_well
        && name.len() <= 64
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    {
        return Ok(());
    }
    let message =
        format!("`{name}` is no name for a log: use 1 to 64 ASCII letters, digits and `_`, no digit first");
    Err(Error::new(span, message))
}

/// Returns the text as it is in JSON between the quotation marks.
fn json_escaped(text: &LitStr) -> Result<String> {
    let value = text.value();
    if value.chars().any(char::is_control) {
        return error(text, "control characters would confuse a terminal: remove them");
    }
    Ok(value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What a field's `#[event(...)]` says.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) scale: Option<i8>,
    pub(crate) unit: Option<String>,
    pub(crate) kind: Option<FieldKind>,
    pub(crate) has_default: bool,
}

/// A kind that the field's type does not show.
#[derive(Clone, Copy)]
pub(crate) enum FieldKind {
    Timestamp,
    Text,
    Bytes,
}

impl FieldOptions {
    /// Takes the options of a field, and the attributes that hold them.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.extract_if(.., |it| it.path().is_ident("event")) {
            attribute.parse_nested_meta(|option| options.read(&option))?;
        }
        Ok(options)
    }

    fn read(&mut self, option: &ParseNestedMeta<'_>) -> Result<()> {
        if option.path.is_ident("scale") {
            self.scale = Some(scale(option)?);
        } else if option.path.is_ident("unit") {
            self.unit = Some(json_escaped(&option.value()?.parse()?)?);
        } else if option.path.is_ident("kind") {
            let kind: LitStr = option.value()?.parse()?;
            self.kind = Some(match kind.value().as_str() {
                "timestamp" => FieldKind::Timestamp,
                "text" => FieldKind::Text,
                "bytes" => FieldKind::Bytes,
                _ => {
                    return error(
                        kind,
                        "the kind is \"timestamp\", \"text\" or \"bytes\"; any other follows from the type",
                    );
                }
            });
        } else if option.path.is_ident("default") {
            self.has_default = true;
        } else {
            return Err(option.error("a field's options are `scale`, `unit`, `kind` and `default`"));
        }
        Ok(())
    }
}

fn scale(option: &ParseNestedMeta<'_>) -> Result<i8> {
    let value = option.value()?;
    let minus: Option<Token![-]> = value.parse()?;
    let digits: LitInt = value.parse()?;
    let sign = if minus.is_some() { "-" } else { "" };
    match format!("{sign}{}", digits.base10_digits()).parse() {
        Ok(scale @ -18..=18) => Ok(scale),
        _ => error(digits, "the scale is a power of ten: -18 to 18"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_splits_words() {
        for (ident, name) in [
            ("OrderAdd", "order_add"),
            ("HTTPServer", "http_server"),
            ("Level2", "level2"),
            ("A", "a"),
            ("already_snake", "already_snake"),
            ("r#type", "type"),
        ] {
            let ident: Ident = syn::parse_str(ident).unwrap();
            assert_eq!(snake_case(&ident), name);
        }
    }

    #[test]
    fn names_are_ascii_and_begin_with_a_letter() {
        for (name, good) in
            [("a", true), ("_a9", true), ("", false), ("9a", false), ("a-b", false), ("ä", false)]
        {
            assert_eq!(check_name(name, Span::call_site()).is_ok(), good, "{name}");
        }
    }

    #[test]
    fn units_are_escaped_for_json() {
        let unit = |text: &str| json_escaped(&LitStr::new(text, Span::call_site()));
        assert_eq!(unit("\u{b5}s \"a\\b\"").unwrap(), "\u{b5}s \\\"a\\\\b\\\"");
        assert!(unit("a\nb").is_err());
    }
}
