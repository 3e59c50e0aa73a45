//! `#[event]` and `#[fields]`: structs.

use crate::attributes::{
    FieldKind, FieldOptions, Library, check_name, error, refuse_generics_and_repr, snake_case,
};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Data, DataStruct, DeriveInput, Error, Expr, Field, Fields, Ident, LitStr, Result, Type, meta};

/// What the struct becomes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Item {
    Event,
    Fields,
}

/// What the attribute of the struct says.
struct Options {
    library: Library,
    event_type: Option<Expr>,
    name: Option<String>,
    tail: Option<Ident>,
}

impl Options {
    fn parse(item: Item, options: TokenStream, library: &TokenStream) -> Result<Self> {
        let mut parsed = Self { library: Library::new(library), event_type: None, name: None, tail: None };
        meta::parser(|option| parsed.read(item, &option)).parse2(options)?;
        Ok(parsed)
    }

    fn read(&mut self, item: Item, option: &ParseNestedMeta<'_>) -> Result<()> {
        if option.path.is_ident("crate") {
            return self.library.read(option);
        }
        if item == Item::Fields {
            return Err(option.error("the only option is `crate`"));
        }
        if option.path.is_ident("type") {
            self.event_type = Some(option.value()?.parse()?);
        } else if option.path.is_ident("name") {
            let name: LitStr = option.value()?.parse()?;
            check_name(&name.value(), name.span())?;
            self.name = Some(name.value());
        } else if option.path.is_ident("tail") {
            let tail: LitStr = option.value()?.parse()?;
            self.tail = Some(match tail.value().as_str() {
                "text" => format_ident!("Text"),
                "bytes" => format_ident!("Bytes"),
                "cbor" => format_ident!("Cbor"),
                _ => return error(tail, "the tail is \"text\", \"bytes\" or \"cbor\""),
            });
        } else {
            return Err(option.error("the options are `type`, `name`, `tail` and `crate`"));
        }
        Ok(())
    }
}

pub(crate) fn expand(
    item: Item,
    options: TokenStream,
    body: TokenStream,
    library: &TokenStream,
) -> TokenStream {
    try_expand(item, options, body.clone(), library).unwrap_or_else(|error| {
        let error = error.to_compile_error();
        // With the struct itself, errors about its absence do not hide this one.
        match without_field_options(body) {
            Ok(body) => quote!(#body #error),
            Err(_) => error,
        }
    })
}

fn without_field_options(body: TokenStream) -> Result<DeriveInput> {
    let mut body: DeriveInput = syn::parse2(body)?;
    if let Data::Struct(DataStruct { fields, .. }) = &mut body.data {
        for field in fields {
            field.attrs.retain(|attribute| !attribute.path().is_ident("event"));
        }
    }
    Ok(body)
}

fn try_expand(
    item: Item,
    options: TokenStream,
    body: TokenStream,
    library: &TokenStream,
) -> Result<TokenStream> {
    let options = Options::parse(item, options, library)?;
    let mut body: DeriveInput = syn::parse2(body)?;
    let attribute = if item == Item::Event { "event" } else { "fields" };
    refuse_generics_and_repr(&body, attribute)?;
    let owner = body.ident.clone();
    let Data::Struct(DataStruct { fields, .. }) = &mut body.data else {
        return error(
            &owner,
            &format!("`#[{attribute}]` is for structs: an enum without fields has `#[labels]`"),
        );
    };
    if let Fields::Unnamed(unnamed) = fields {
        return error(unnamed, "the log has names: give each field one");
    }
    if let (Some(_), Some(field)) =
        (&options.tail, fields.iter().find(|field| field.ident.as_ref().is_some_and(|ident| ident == "tail")))
    {
        return error(
            &field.ident,
            "the event's tail has this name in filters and tables: give the field another one",
        );
    }
    let typed = options.library.typed();
    let mut described = TokenStream::new();
    for field in fields.iter_mut() {
        described.extend(describe(field, &owner, &typed)?);
    }
    let fields: Vec<Field> = fields.iter().cloned().collect();
    let (first_checks, checks) = (first_checks(&owner, &fields, &typed), checks(&owner, &fields));
    let implementation = match item {
        Item::Event => event(&owner, &options, &described)?,
        Item::Fields => nested(&owner, &described, &typed),
    };
    let derives = options.library.derives();
    Ok(quote! {
        #first_checks

        #derives
        #[repr(C)]
        #body

        #checks
        #implementation
    })
}

/// Returns the description of a field, and takes its options from it. Nothing for a field that fills a hole.
fn describe(field: &mut Field, owner: &Ident, typed: &TokenStream) -> Result<TokenStream> {
    let options = FieldOptions::take(&mut field.attrs)?;
    let Some(ident) = &field.ident else { return Ok(TokenStream::new()) };
    let name = ident.to_string().trim_start_matches("r#").to_owned();
    check_name(&name, ident.span())?;
    if is_filler(&name, &field.ty) {
        return Ok(TokenStream::new());
    }
    refuse_type(&field.ty)?;
    let (kind_of, field_type) = (
        match options.kind {
            None => format_ident!("by_type"),
            Some(FieldKind::Timestamp) => format_ident!("timestamp"),
            Some(FieldKind::Text) => format_ident!("text"),
            Some(FieldKind::Bytes) => format_ident!("bytes"),
        },
        &field.ty,
    );
    let (scale, unit) = (options.scale.unwrap_or(0), options.unit);
    let unit = unit.map(|unit| quote!(.unit(#unit)));
    let or_zero = options.has_default.then(|| quote!(.or_zero()));
    // Errors about the type point at the type.
    Ok(quote_spanned! {field_type.span()=>
        const {
            #typed::Field::new(
                #name,
                ::core::mem::offset_of!(#owner, #ident),
                #typed::Kind::#kind_of(<#field_type as #typed::FieldType>::KIND),
            ).scaled(#scale) #unit #or_zero
        },
    })
}

/// Refuses types of the standard library that people try, so that this is the only error. The trait `FieldType`
/// refuses the others.
fn refuse_type(field_type: &Type) -> Result<()> {
    let element = match field_type {
        Type::Array(array) => return refuse_type(&array.elem),
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        Type::Reference(_) | Type::Slice(_) | Type::Ptr(_) => "String".to_owned(),
        Type::Tuple(_) => "tuple".to_owned(),
        _ => return Ok(()),
    };
    let message = match element.as_str() {
        "String" | "str" | "Vec" | "Box" | "Cow" => {
            "an event holds values, not what they point to: use a `[u8; N]` with `#[event(kind = \"text\")]`, or the tail"
        }
        "usize" | "isize" => "its length differs from machine to machine: use `u32` or `u64`, `i32` or `i64`",
        "u128" | "i128" => "numbers of events have at most 64 bits: use two `u64`, or a `[u8; 16]`",
        "char" => "the log has no kind for it: use a `u32`, or a `[u8; 4]` with `#[event(kind = \"text\")]`",
        "Option" => {
            "not every byte of it has a value: use a number that means none, or a `bool` beside the value"
        }
        "tuple" => "the log has names: use a struct with `#[fields]`, or a field for each value",
        _ => return Ok(()),
    };
    error(field_type, message)
}

/// Returns whether a field only fills a hole.
fn is_filler(name: &str, field_type: &Type) -> bool {
    let is_bytes = matches!(field_type, Type::Array(array)
        if matches!(&*array.elem, Type::Path(element) if element.path.is_ident("u8")));
    is_bytes && (name.starts_with("reserved") || name.starts_with('_'))
}

/// Returns the checks that come before all others, so that what they say comes first too.
fn first_checks(owner: &Ident, fields: &[Field], typed: &TokenStream) -> TokenStream {
    let types = fields.iter().map(|field| &field.ty);
    let kinds = fields.iter().map(|field| {
        let field_type = &field.ty;
        quote_spanned!(field_type.span()=> const _: ::core::option::Option<#typed::InLog<#field_type>> = ::core::option::Option::None;)
    });
    let owner_type = quote_spanned!(owner.span()=> #typed::WithoutHoles<#owner, {
        #typed::bytes_of_holes(::core::mem::size_of::<#owner>(), &[#(::core::mem::size_of::<#types>()),*])
    }>);
    quote! {
        #(#kinds)*
        const _: ::core::option::Option<#owner_type> = ::core::option::Option::None;
    }
}

/// Returns the assertions about the struct's length and alignment.
fn checks(owner: &Ident, fields: &[Field]) -> TokenStream {
    let idents = fields.iter().map(|field| &field.ident);
    let alignment = format!(
        "`{owner}` has an alignment above 8, and payloads start at multiples of 8: use fields of at most 64 bits"
    );
    let length = format!(
        "`{owner}` is longer than 65,535 bytes, the longest payload: split it into several events, or move a part of \
         it into the tail"
    );
    quote_spanned! {owner.span()=>
        const _: () = {
            assert!(::core::mem::align_of::<#owner>() <= 8, #alignment);
            assert!(::core::mem::size_of::<#owner>() <= 65_535, #length);
        };
        // A field that only the log's readers read is in use.
        const _: fn(&#owner) = |_value| { #(let _ = &_value.#idents;)* };
    }
}

fn event(owner: &Ident, options: &Options, described: &TokenStream) -> Result<TokenStream> {
    let typed = options.library.typed();
    let Some(event_type) = &options.event_type else {
        return Err(Error::new(
            proc_macro2::Span::call_site(),
            "the type is missing: write `#[event(type = 1)]`, with a number that no other event of the log has",
        ));
    };
    let name = options.name.clone().unwrap_or_else(|| snake_case(owner));
    check_name(&name, owner.span())?;
    let tail = options.tail.clone().unwrap_or_else(|| format_ident!("None"));
    let with_tail = options.tail.as_ref().map(|_| quote!(impl #typed::HasTail for #owner {}));
    Ok(quote! {
        const _: () = {
            const EVENT: #typed::Description = #typed::Description {
                event_type: #event_type,
                name: #name,
                size: ::core::mem::size_of::<#owner>(),
                fields: &[#described],
                tail: #typed::Tail::#tail,
            };
            const SCHEMA: [u8; EVENT.json_len()] = EVENT.to_json();

            impl #typed::Payload for #owner {
                const TYPE: u8 = EVENT.event_type;
                const NAME: &'static str = EVENT.name;
                const TAIL: #typed::Tail = EVENT.tail;
                const SCHEMA: &'static [u8] = &SCHEMA;
                const FIELDS: &'static [#typed::Field] = EVENT.fields;
            }
            #with_tail
        };
    })
}

fn nested(owner: &Ident, described: &TokenStream, typed: &TokenStream) -> TokenStream {
    quote! {
        impl #typed::FieldType for #owner {
            const KIND: #typed::Kind = #typed::Kind::Struct {
                size: ::core::mem::size_of::<#owner>(),
                fields: &[#described],
            };
        }
    }
}
