//! The pipeline on tokens, without a compiler: what comes out, and which mistakes are found.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::check::{kebab_case, shown, text};
use crate::configured::IS_ON;
use crate::pipeline::plugin;
use crate::state::section;

/// Every message of a `compile_error!` in the output.
fn errors(output: &TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(output.clone()).expect("the output is Rust");
    let message = |item: &syn::Item| match item {
        syn::Item::Macro(item) => {
            let message: syn::LitStr = item.mac.parse_body().ok()?;
            Some(message.value())
        }
        _ => None,
    };
    file.items.iter().filter_map(message).collect()
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "so that tests read like the attribute"
)]
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    plugin(args, &item)
}

#[test]
fn a_plugin_expands_to_its_struct_and_one_constant() {
    let output = expand(
        quote!(name = "db", states = [Pool], load_timeout = "5s"),
        quote! {
            pub struct Database {
                config: State<Config>,
                #[option(default = 8)]
                connections: u32,
            }
        },
    );
    assert_eq!(errors(&output), Vec::<String>::new());
    let file: syn::File = syn::parse2(output.clone()).expect("the output is Rust");
    assert_eq!(file.items.len(), 2);
    let syn::Item::Struct(item) = &file.items[0] else {
        panic!("{output}");
    };
    let left: usize = item.fields.iter().map(|field| field.attrs.len()).sum();
    assert_eq!(left, 0, "our attributes are taken off");
    let output = output.to_string();
    for part in [
        "impl __bootstrap :: Declare for Database",
        "from_millis (5000u64)",
        "submit !",
    ] {
        assert!(output.contains(part), "{part} in {output}");
    }
}

#[test]
fn attributes_of_others_stay() {
    let output = expand(
        quote!(),
        quote! {
            #[derive(Debug)]
            struct A {
                #[doc = "text"]
                #[option]
                #[cfg(all())]
                b: u8,
            }
        },
    );
    let output = output.to_string();
    assert!(
        output.contains("derive (Debug)") && output.contains("cfg (all ())"),
        "{output}"
    );
    assert!(!output.contains("# [option]"), "{output}");
}

#[test]
fn all_mistakes_of_one_item_are_reported_together() {
    let output = expand(
        quote!(nam = "", load_timeout = 3, states = [A, A]),
        quote! {
            #[derive(Default)]
            struct S<T> {
                #[option]
                #[local]
                a: u8,
            }
        },
    );
    assert_eq!(
        errors(&output),
        [
            "unknown argument `nam`, did you mean `name`?",
            "`load_timeout` takes a string: `load_timeout = \"5s\"`",
            "a plugin is shared between threads and lives as long as its app: write `T: Send + Sync + 'static`, here and in `impl Hooks`",
            "a field is an `#[option]` or `#[local]`, not both",
            "a plugin's name can't be empty: messages show it",
            "the state `A` is listed twice",
            "a plugin with generic parameters can't be collected: write `collect = never`, and register it with the types that it is for",
            "`#[plugin]` implements `Default` from the options: take it out of the derive",
        ]
    );
}

#[test]
fn an_item_with_mistakes_is_neither_collected_nor_proven() {
    let output = expand(
        quote!(nam = "x"),
        quote!(
            struct S;
        ),
    )
    .to_string();
    assert!(output.contains("Declare for S"), "{output}");
    assert!(!output.contains("submit"), "{output}");
    assert!(!output.contains("cycle"), "{output}");
}

#[test]
fn what_is_no_struct_comes_out_as_it_went_in() {
    let item = quote!(
        enum Choice {
            One,
            Two,
        }
    );
    let output = expand(quote!(), item.clone());
    assert!(output.to_string().starts_with(&item.to_string()));
    assert_eq!(errors(&output).len(), 1);
}

#[test]
fn a_stand_in_provides_nothing_and_is_not_collected() {
    let output = expand(
        quote!(states = [Pool], replaces = Database),
        quote!(
            struct Fake;
        ),
    )
    .to_string();
    assert!(!output.contains("OneProviderPerState for"), "{output}");
    assert!(!output.contains("submit"), "{output}");
    assert!(output.contains("< Database as"), "{output}");
}

#[test]
fn a_child_provides_its_states_and_is_found_by_its_parent_only() {
    let output = expand(
        quote!(states = [Table], child_of = Server),
        quote!(
            struct Routes;
        ),
    )
    .to_string();
    assert!(output.contains("OneProviderPerState for"), "{output}");
    assert!(output.contains(":: Kin ("), "{output}");
    assert!(!output.contains(":: Collected ("), "{output}");
    assert!(output.contains("< Server as"), "{output}");
}

#[test]
fn a_name_in_kebab_case_splits_words_as_people_read_them() {
    for (ident, kebab) in [
        ("Database", "database"),
        ("ConfigPlugin", "config-plugin"),
        ("HTTPServer", "http-server"),
        ("HttpServer2", "http-server2"),
        ("Http2Server", "http2-server"),
        ("A", "a"),
        ("r#Type", "type"),
        ("Snake_Case", "snake-case"),
        ("_Private", "private"),
        ("ÄrgerLog", "ärger-log"),
    ] {
        assert_eq!(kebab_case(ident), kebab, "{ident}");
    }
}

#[test]
fn a_type_is_shown_as_it_was_written() {
    assert_eq!(text(quote!(State<Config>)), "State<Config>");
    assert_eq!(text(quote!(Option<State<a::B>>)), "Option<State<a::B>>");
    assert_eq!(
        text(quote!(State<HashMap<A, (B, [u8; 4])>>)),
        "State<HashMap<A, (B, [u8; 4])>>"
    );
    assert_eq!(text(quote!(State<dyn Send>)), "State<dyn Send>");
}

#[test]
fn the_type_of_a_field_that_a_macro_added_is_short() {
    for (ty, expected) in [
        (quote!(State<a::B>), "State<a::B>"),
        (quote!(Box<dyn Fn(&str) -> a::B>), "Box<dyn Fn(&str)->a::B>"),
        (quote!(<A as b::C>::D), "<A as b::C>::D"),
        (quote!(::a::State<::b::c::D>), "State<D>"),
        (quote!((::a::B, c::D, ::e::F)), "(B, c::D, F)"),
        (quote!(::a::Lazy<::a::State<::b::c::D>>), "Lazy<State<D>>"),
    ] {
        assert_eq!(shown(ty), expected);
    }
}

/// Macros are compiled without optimization in most builds, where the time of this one is what its
/// tokens take: about a microsecond each.
#[test]
fn a_plugin_expands_to_few_tokens() {
    fn count(tokens: TokenStream) -> usize {
        let inner = |token| match token {
            TokenTree::Group(group) => 1 + count(group.stream()),
            _ => 1,
        };
        tokens.into_iter().map(inner).sum()
    }
    let output = expand(
        quote!(states = [Pool]),
        quote! {
            pub struct Database {
                config: State<Config>,
                cache: State<Cache>,
                mailer: State<Mailer>,
                #[option(default = 8)]
                pub connections: u32,
                #[option]
                pub name: String,
            }
        },
    );
    let tokens = count(output);
    assert!(tokens <= 900, "{tokens} tokens");
}

#[test]
fn a_section_stays_a_state_without_the_feature_that_reads_it() {
    let output = section(
        quote!("database"),
        &quote!(
            struct Section;
        ),
    );
    assert_eq!(errors(&output).len(), usize::from(!IS_ON), "{output}");
    let output = output.to_string();
    assert!(output.contains("OneProviderPerState for"), "{output}");
}

#[test]
fn bounds_that_may_be_enough_are_left_to_the_compiler() {
    for item in [
        quote!(
            struct S<T: Driver>;
        ),
        quote!(
            struct S<T: Clone + drivers::Driver>;
        ),
        quote!(
            struct S<T>
            where
                T: Driver;
        ),
        quote!(
            struct S<T: Clone>
            where
                Vec<T>: Shared;
        ),
        quote!(
            struct S<T: Clone + Send + Sync + 'static, const N: usize>;
        ),
    ] {
        let output = expand(quote!(collect = never), item.clone()).to_string();
        assert!(!output.contains("shared between threads"), "{item}");
    }
}
