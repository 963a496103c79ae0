//! The attribute `#[routes]` of `bootstrap-web`, which documents it.

use proc_macro::TokenStream;
use proc_macro2::{Ident, Span, TokenStream as Tokens};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, Item, ItemFn, Path, ReturnType, Token, Type, bracketed, parse_macro_input, parse_quote,
};

/// Makes a plugin of a function that returns a set of routes.
#[proc_macro_attribute]
pub fn routes(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = match parse_macro_input!(item as Item) {
        Item::Fn(function) => function,
        other => {
            let text = "`#[routes]` must be on a function\n\
                    help: write `#[routes] fn api() -> impl RouteSet`, which declares the plugin `Api`";
            let error = Error::new(Span::call_site(), text).to_compile_error();
            return quote!(#other #error).into();
        }
    };
    let arguments = syn::parse::<Arguments>(arguments)
        .and_then(|arguments| check(&function).map(|()| arguments));
    match arguments {
        Ok(arguments) => {
            let plugin = expand(&arguments, &function);
            arguments.check_given_in(&mut function);
            quote!(#function #plugin).into()
        }
        // The function stays, so that one mistake is one error.
        Err(error) => {
            if matches!(function.sig.output, ReturnType::Default) {
                *function.block = parse_quote!({});
            }
            let error = error.to_compile_error();
            quote!(#function #error).into()
        }
    }
}

/// What is written in `#[routes(..)]`.
#[derive(Default)]
struct Arguments {
    is_global: bool,
    is_management: bool,
    gives: Option<Vec<Type>>,
    gives_span: Option<Span>,
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
            "management" => self.is_management = true,
            "gives" => {
                input.parse::<Token![=]>()?;
                let list;
                bracketed!(list in input);
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&list)?;
                self.gives = Some(types.into_iter().collect());
                self.gives_span = Some(key.span());
            }
            "states" | "ports" | "requires" => {
                let text = format!(
                    "a set of routes has no `{key}`\n\
                     help: write a plugin that provides `BoundRoutes` beside them, see `bootstrap_web::BoundRoutes`"
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
                    "`{other}` is not an argument of `#[routes]`\n\
                     help: the arguments are `name`, `collect`, `after`, `enabled`, `child_of`, `replaces`, `load_timeout`, `gives`, `global` and `management`"
                );
                return Err(Error::new(key.span(), text));
            }
        }
        Ok(())
    }
}

impl Arguments {
    fn krate(&self) -> Tokens {
        let krate = self.krate.as_ref();
        krate.map_or_else(|| quote!(::bootstrap_web), |krate| quote!(#krate))
    }

    /// Lets the compiler compare `gives` with what the function returns.
    fn check_given_in(&self, function: &mut ItemFn) {
        let Some((list, span)) = self.given().zip(self.gives_span) else {
            return;
        };
        let (krate, body) = (self.krate(), &function.block);
        // Reported at `gives`.
        let set = Ident::new("set", span);
        *function.block = parse_quote!({
            let #set = #body;
            #krate::__private::check_given::<#list, _>(#set)
        });
    }

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
        let text = "a function with `#[routes]` takes no arguments\n\
                    help: take what handlers require as their arguments; for routes that depend on options, \
                    see `bootstrap_web::BoundRoutes`";
        return Err(Error::new_spanned(argument, text));
    }
    if let Some(asyncness) = &signature.asyncness {
        let text = "a function with `#[routes]` can't be `async`\n\
                    help: write `fn`: it lists the routes when an app is planned, and again when it boots";
        return Err(Error::new_spanned(asyncness, text));
    }
    if !signature.generics.params.is_empty() {
        let text = "a function with `#[routes]` can't be generic\n\
                    help: write one function without parameters for each plugin";
        return Err(Error::new_spanned(&signature.generics, text));
    }
    if matches!(signature.output, ReturnType::Default) {
        let text = "a function with `#[routes]` must return its set of routes\n\
                    help: write `-> impl RouteSet`";
        return Err(Error::new_spanned(&signature.ident, text));
    }
    Ok(())
}

fn expand(arguments: &Arguments, function: &ItemFn) -> Tokens {
    let ItemFn {
        vis, sig, attrs, ..
    } = function;
    let (ident, set) = (plugin_ident(&sig.ident), &sig.ident);
    let krate = arguments.krate();
    let private = quote!(#krate::__private);
    let cfgs = attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    let cfgs: Vec<_> = cfgs.collect();
    let doc = format!("The plugin of the routes of [`{set}`].");
    let plugin = &arguments.plugin;
    let global = arguments.is_global.then(|| quote!(.global()));
    let management = arguments.is_management.then(|| quote!(.management()));
    let hooks_port = arguments.gives.as_ref();
    let hooks_port = hooks_port.map(|_| quote!(, #krate::HooksOf<#ident>));
    let gives = arguments.given();
    let gives = gives.unwrap_or_else(|| quote!(#private::NothingSaid));
    // Once, so that what is no set is reported once.
    let routes = quote_spanned!(sig.output.span()=> #krate::RouteSet::into_routes(#set()));
    let made = quote!(#krate::BoundRoutes::new(Self::__routes(), &self.requirements)?.of::<Self>()#global #management);
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
            requires = || #krate::requirements_of(#ident::__routes()),
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

        #(#cfgs)*
        impl #krate::SetPlugin for #ident {
            type Gives = #gives;
        }

        #(#cfgs)*
        impl #ident {
            #[doc(hidden)]
            fn __routes() -> #krate::Routes {
                #routes
            }
        }
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
