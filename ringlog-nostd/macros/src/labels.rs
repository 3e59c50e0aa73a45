//! `#[labels]`: an enum without fields.

use crate::attributes::{Library, check_name, error, refuse_generics_and_repr, snake_case};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashSet;
use syn::parse::Parser;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Result, meta};

pub(crate) fn expand(options: TokenStream, item: TokenStream, library: &TokenStream) -> TokenStream {
    let expanded = try_expand(options, item.clone(), library);
    // With the item itself, errors about its absence do not hide this one.
    expanded.unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#item #error)
    })
}

fn try_expand(options: TokenStream, item: TokenStream, library: &TokenStream) -> Result<TokenStream> {
    let mut library = Library::new(library);
    let parser = meta::parser(|option| {
        if option.path.is_ident("crate") {
            library.read(&option)
        } else {
            Err(option.error("the only option is `crate`"))
        }
    });
    parser.parse2(options)?;
    let item: DeriveInput = syn::parse2(item)?;
    let Data::Enum(DataEnum { variants, .. }) = &item.data else {
        return error(
            &item.ident,
            "`#[labels]` is for enums: a struct has `#[event(type = ...)]` or `#[fields]`",
        );
    };
    refuse_generics_and_repr(&item, "labels")?;
    if variants.is_empty() {
        return error(&item.ident, "an enum without variants has no value: add a variant");
    }
    let (mut labels, mut names) = (TokenStream::new(), HashSet::new());
    for variant in variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "a label has no fields: put them into the event, beside the enum",
            ));
        }
        let (ident, name) = (&variant.ident, snake_case(&variant.ident));
        check_name(&name, ident.span())?;
        if !names.insert(name.clone()) {
            return error(ident, &format!("another variant is `{name}` in snake case too: rename one"));
        }
        labels.extend(quote!((Self::#ident as u8, #name),));
    }
    let (derives, typed, ident) = (library.derives(), library.typed(), &item.ident);
    Ok(quote! {
        #derives
        #[repr(u8)]
        #item

        impl #typed::FieldType for #ident {
            const KIND: #typed::Kind = #typed::Kind::Labels(&[#labels]);
        }
    })
}
