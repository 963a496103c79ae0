//! `#[workflow(..)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Type, parse_quote};

use crate::handler::{Kind, Proof, at};

/// `#[workflow(..)]`.
pub(crate) const WORKFLOW: Kind = Kind {
    what: "what runs a workflow",
    no_type: "what runs a workflow names its type\n\
              help: write the type of the workflow: `#[workflow(PlaceOrder)]`",
    takes_several: false,
    ports: |workflows| {
        let workflow = &workflows[0];
        vec![
            quote!(self as dyn ::bootstrap_services::workflows::Runs<#workflow>),
            quote!(self as dyn ::bootstrap_services::jobs::JobHandler),
        ]
    },
    name: |workflows| {
        let workflow = &workflows[0];
        Some(
            quote_spanned!(at(workflow)=> <#workflow as ::bootstrap_services::workflows::Workflow>::NAME),
        )
    },
    fields: || {
        vec![
            parse_quote! {
                job_worker: ::bootstrap::Lazy<::bootstrap::State<::bootstrap_services::jobs::JobWorker>>
            },
            parse_quote! {
                workflow_journal: ::bootstrap::State<::bootstrap_services::workflows::Workflows>
            },
        ]
    },
    implement,
    proof: Some(|| Proof {
        of: quote!(::bootstrap_services::workflows::RunnerOf),
        bound: quote!(::bootstrap_services::workflows::Workflow),
    }),
};

fn implement(ident: &Ident, workflows: &[Type]) -> TokenStream {
    let workflow = &workflows[0];
    let handler = quote_spanned! {at(workflow)=>
        ::bootstrap_services::workflows::handler::<#workflow, Self>
    };
    let name = quote_spanned!(at(workflow)=> <#workflow as ::bootstrap_services::workflows::Workflow>::NAME);
    quote! {
        const _: () = ::bootstrap_services::jobs::check_name(#name);

        impl ::bootstrap_services::jobs::JobHandler for #ident {
            fn attach(self: ::std::sync::Arc<Self>) -> ::bootstrap_services::jobs::Handler {
                // Read by nothing: it makes the plugin that runs handlers part of the app.
                let _ = &self.job_worker;
                let workflows = ::core::clone::Clone::clone(&self.workflow_journal);
                #handler(&workflows, self)
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
            struct Orders {}
        );
        let unit = quote!(
            struct Orders;
        );
        for (arguments, item, wrong) in [
            (quote!(), &named, "names its type"),
            (quote!(PlaceOrder, Report), &named, "has one type"),
            (quote!(PlaceOrder), &unit, "has named fields"),
        ] {
            let text = expand(&WORKFLOW, arguments, item).to_string();
            assert_eq!(text.matches("compile_error").count(), 1, "{text}");
            assert!(text.contains(wrong), "{text}");
            assert!(text.contains(":: bootstrap :: plugin"), "{text}");
        }
    }
}
