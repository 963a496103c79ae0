//! The attribute `#[routes]` of `bootstrap-web`, which documents it.

use proc_macro::TokenStream;
use proc_macro2::{Ident, TokenStream as Tokens};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Error, ItemFn, Path, PathArguments, ReturnType, Token, Type, TypeParamBound, bracketed,
    parse_macro_input, parse_quote,
};

/// Makes a plugin of a function that returns a set of routes.
#[proc_macro_attribute]
pub fn routes(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = parse_macro_input!(item as ItemFn);
    let expanded = syn::parse::<Arguments>(arguments)
        .and_then(|arguments| check(&function).map(|()| arguments))
        .and_then(|arguments| {
            if let Some(list) = arguments.given() {
                say_what_is_given(&mut function, &list)?;
            }
            Ok(expand(&arguments, &function))
        });
    match expanded {
        Ok(plugin) => quote!(#function #plugin).into(),
        // The function stays, so that one mistake is one error.
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#function #error).into()
        }
    }
}

/// What is written in `#[routes(..)]`.
#[derive(Default)]
struct Arguments {
    is_global: bool,
    gives: Option<Vec<Type>>,
    krate: Option<Path>,
    /// What is for `#[plugin(..)]`.
    plugin: Vec<Tokens>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            arguments.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            self.krate = Some(input.parse()?);
            return Ok(());
        }
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "global" => self.is_global = true,
            "gives" => {
                input.parse::<Token![=]>()?;
                let list;
                bracketed!(list in input);
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&list)?;
                self.gives = Some(types.into_iter().collect());
            }
            "states" | "ports" | "requires" => {
                let text = format!(
                    "a set of routes has no `{key}`: write a plugin by hand that provides \
                     `BoundRoutes`, see `bootstrap_web::BoundRoutes`"
                );
                return Err(Error::new(key.span(), text));
            }
            "name" | "collect" | "after" | "enabled" | "child_of" | "load_timeout" | "replaces" => {
                input.parse::<Token![=]>()?;
                let value = value(input)?;
                self.plugin.push(quote!(#key = #value));
            }
            other => {
                let text = format!(
                    "`{other}` is not an argument of `#[routes]`; they are `name`, `collect`, \
                     `after`, `enabled`, `child_of`, `replaces`, `load_timeout`, `gives` and `global`"
                );
                return Err(Error::new(key.span(), text));
            }
        }
        Ok(())
    }
}

impl Arguments {
    /// What the hooks give, as the list of types that `Routes` has at the end: the last one first.
    fn given(&self) -> Option<Tokens> {
        let gives = self.gives.as_ref()?;
        Some(
            gives
                .iter()
                .fold(quote!(()), |rest, given| quote!((#given, #rest))),
        )
    }
}

/// Writes it into the type that the function returns, where the compiler checks it.
fn say_what_is_given(function: &mut ItemFn, list: &Tokens) -> syn::Result<()> {
    let mistake = Error::new_spanned(
        &function.sig.output,
        "a set with `gives = [..]` returns `impl RouteSet`",
    );
    let ReturnType::Type(_, returned) = &mut function.sig.output else {
        return Err(mistake);
    };
    let Type::ImplTrait(set) = &mut **returned else {
        return Err(mistake);
    };
    let bound = set.bounds.iter_mut().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last_mut(),
        _ => None,
    });
    let bound = bound
        .filter(|segment| segment.arguments.is_none())
        .ok_or(mistake)?;
    bound.arguments = PathArguments::AngleBracketed(parse_quote!(<Gives = #list>));
    Ok(())
}

/// Everything up to the next comma: `#[plugin]` says what is wrong with it.
fn value(input: ParseStream<'_>) -> syn::Result<Tokens> {
    let mut value = Tokens::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        let token: proc_macro2::TokenTree = input.parse()?;
        value.extend([token]);
    }
    if value.is_empty() {
        return Err(input.error("expected a value"));
    }
    Ok(value)
}

fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    if let Some(argument) = signature.inputs.first() {
        let text = "a function with `#[routes]` takes no arguments: handlers take what they require; \
                    for routes that depend on options, see `bootstrap_web::BoundRoutes`";
        return Err(Error::new_spanned(argument, text));
    }
    if let Some(asyncness) = &signature.asyncness {
        let text = "a function with `#[routes]` is not `async`: it lists the routes of a plugin";
        return Err(Error::new_spanned(asyncness, text));
    }
    if !signature.generics.params.is_empty() {
        let text = "a function with `#[routes]` can't be generic: its plugin is collected";
        return Err(Error::new_spanned(&signature.generics, text));
    }
    if matches!(signature.output, ReturnType::Default) {
        let text = "a function with `#[routes]` returns its set: write `-> impl RouteSet`";
        return Err(Error::new_spanned(&signature.ident, text));
    }
    Ok(())
}

fn expand(arguments: &Arguments, function: &ItemFn) -> Tokens {
    let ItemFn {
        vis, sig, attrs, ..
    } = function;
    let (ident, set) = (plugin_ident(&sig.ident), &sig.ident);
    let krate = arguments.krate.as_ref();
    let krate = krate.map_or_else(|| quote!(::bootstrap_web), |krate| quote!(#krate));
    let private = quote!(#krate::__private);
    let cfgs = attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    let cfgs: Vec<_> = cfgs.collect();
    let doc = format!("The plugin of the routes of [`{set}`].");
    let plugin = &arguments.plugin;
    let global = arguments.is_global.then(|| quote!(.global()));
    let hooks_port = arguments.gives.as_ref();
    let hooks_port = hooks_port.map(|_| quote!(, #krate::HooksOf<#ident>));
    let behind = arguments.given().map(|list| {
        quote! {
            #(#cfgs)*
            impl #krate::GivesBehind for #ident {
                type Gives = #list;
            }
        }
    });
    let made = quote!(#krate::BoundRoutes::new(#set(), &self.requirements)?.of::<Self>()#global);
    let (returned, body) = if arguments.gives.is_some() {
        (
            quote!((#private::Arc<#krate::BoundRoutes>, #private::Arc<#krate::HooksOf<Self>>)),
            quote! {
                let set = #made;
                let hooks = set.hooks_of::<Self>();
                ::core::result::Result::Ok((#private::Arc::new(set), #private::Arc::new(hooks)))
            },
        )
    } else {
        (
            quote!(#private::Arc<#krate::BoundRoutes>),
            quote!(::core::result::Result::Ok(#private::Arc::new(#made))),
        )
    };
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #[#private::bootstrap::plugin(
            crate = #private::bootstrap,
            ports = [#krate::BoundRoutes #hooks_port],
            requires = || #krate::requirements_of(#set()),
            #(#plugin,)*
        )]
        #vis struct #ident {
            requirements: #private::bootstrap::extend::Requirements,
        }

        #(#cfgs)*
        impl #private::bootstrap::Hooks for #ident {
            async fn load(
                &mut self,
                _: &mut #private::bootstrap::LoadContext,
            ) -> #private::bootstrap::Result<#returned> {
                #body
            }
        }

        #behind
    }
}

/// `Api` of `api`, `UserRoutes` of `user_routes`.
fn plugin_ident(function: &Ident) -> Ident {
    let mut name = String::new();
    for word in function.to_string().trim_start_matches("r#").split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().iter().flat_map(|first| first.to_uppercase()));
        name.extend(letters);
    }
    format_ident!("{name}", span = function.span())
}
