//! `#[job_handler(..)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Type, parse_quote};

use crate::handler::{Kind, Proof, at};

/// `#[job_handler(..)]`.
pub(crate) const HANDLER: Kind = Kind {
    what: "a handler of jobs",
    no_type: "a handler of jobs names their type\n\
              help: write the type of the job: `#[job_handler(SendMail)]`",
    takes_several: false,
    ports: |jobs| {
        let job = &jobs[0];
        vec![
            quote!(self as dyn ::bootstrap_services::jobs::Handles<#job>),
            quote!(self as dyn ::bootstrap_services::jobs::JobHandler),
        ]
    },
    name: |jobs| {
        let job = &jobs[0];
        Some(quote_spanned!(at(job)=> <#job as ::bootstrap_services::jobs::Job>::NAME))
    },
    fields: || {
        vec![parse_quote! {
            job_worker: ::bootstrap::Lazy<::bootstrap::State<::bootstrap_services::jobs::JobWorker>>
        }]
    },
    implement,
    proof: Some(|| Proof {
        of: quote!(::bootstrap_services::jobs::HandlerOf),
        bound: quote!(::bootstrap_services::jobs::Job),
    }),
};

fn implement(ident: &Ident, jobs: &[Type]) -> TokenStream {
    let job = &jobs[0];
    let of = quote_spanned!(at(job)=> ::bootstrap_services::jobs::Handler::of::<#job, Self>(self));
    let name = quote_spanned!(at(job)=> <#job as ::bootstrap_services::jobs::Job>::NAME);
    quote! {
        const _: () = ::bootstrap_services::jobs::check_name(#name);

        impl ::bootstrap_services::jobs::JobHandler for #ident {
            fn attach(self: ::std::sync::Arc<Self>) -> ::bootstrap_services::jobs::Handler {
                // Read by nothing: it makes the plugin that runs handlers part of the app.
                let _ = &self.job_worker;
                #of
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::expand;

    #[test]
    fn a_mistake_is_one_error_and_leaves_a_plugin() {
        let named = quote!(
            struct Mails {}
        );
        let unit = quote!(
            struct Mails;
        );
        for (arguments, item, wrong) in [
            (quote!(), &named, "names their type"),
            (quote!(SendMail, Report), &named, "has one type"),
            (quote!(SendMail), &unit, "has named fields"),
        ] {
            let text = expand(&HANDLER, arguments, item).to_string();
            assert_eq!(text.matches("compile_error").count(), 1, "{text}");
            assert!(text.contains(wrong), "{text}");
            assert!(text.contains(":: bootstrap :: plugin"), "{text}");
        }
    }

    #[test]
    fn a_plugin_is_named_after_its_job_unless_it_has_a_name() {
        let item = quote!(
            struct Mails {}
        );
        let text = expand(&HANDLER, quote!(SendMail), &item).to_string();
        assert!(text.contains("name = < SendMail as"), "{text}");
        let text = expand(&HANDLER, quote!(SendMail, name = "mails"), &item).to_string();
        assert!(
            text.contains("name = \"mails\"") && !text.contains("name = <"),
            "{text}"
        );
    }
}
