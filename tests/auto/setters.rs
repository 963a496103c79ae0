//! Options of a plugin of another crate, which can't be made with a struct literal here.

use bootstrap::prelude::*;
use bootstrap_tests_provider::{Ink, Printed, Printer};
use support::paused;

async fn output_of(plugin: Printer) -> String {
    let app = App::new().with(plugin).supply(Ink("red"));
    let running = app.boot().await.unwrap();
    let text = running.try_get::<State<Printed>>().unwrap().0.clone();
    running.close().await.unwrap();
    text
}

#[test]
fn required_options_are_arguments_of_new_and_the_others_have_their_defaults() {
    paused(async {
        assert_eq!(output_of(Printer::new("ab".into())).await, "ab. in red");
    });
}

#[test]
fn an_option_is_set_by_a_method_with_its_name() {
    paused(async {
        let printer = Printer::new("ab".into()).copies(2);
        assert_eq!(output_of(printer).await, "abab. in red");
    });
}

/// `end` has a method that reads it instead.
#[test]
fn an_option_without_a_setter_leaves_its_name_to_others() {
    assert_eq!(Printer::new(String::new()).end(), '.');
}

/// Of every form that a field can have.
mod forms {
    use super::*;

    #[plugin(collect = never)]
    #[derive(Clone, Debug, PartialEq)]
    struct Forms<T: Clone + Send + Sync + 'static> {
        #[option]
        r#type: Option<T>,
        #[option(default = 8)]
        pub(super) size: u32,
        #[option]
        nested: Vec<Option<Box<Self>>>,
    }

    impl<T: Clone + Send + Sync + 'static> Hooks for Forms<T> {}

    #[test]
    fn setters_are_there_for_raw_names_type_parameters_and_the_plugin_itself() {
        let inner = Forms::default().r#type(Some(2_u8));
        let outer = Forms::<u8>::default()
            .size(9)
            .nested(vec![Some(Box::new(inner.clone()))]);
        assert_eq!((inner.r#type, inner.size), (Some(2), 8));
        assert_eq!((outer.r#type, outer.size, outer.nested.len()), (None, 9, 1));
    }

    #[plugin(collect = never)]
    struct Generic<T: Send + Sync + 'static> {
        #[option(required)]
        first: T,
        #[option(default = 'x')]
        letter: char,
        #[option(required)]
        second: Vec<T>,
        #[local]
        memory: Option<T>,
    }

    impl<T: Send + Sync + 'static> Hooks for Generic<T> {}

    #[test]
    fn new_takes_the_required_options_in_the_order_of_the_fields() {
        let made = Generic::new(1, vec![2]).letter('y');
        assert_eq!((made.first, made.letter), (1, 'y'));
        assert_eq!((made.second, made.memory), (vec![2], None));
    }

    /// A constructor by hand, for which one of the options says that it is not to be set.
    #[plugin(collect = never)]
    struct ByHand {
        #[option(required, setter = false)]
        even: u32,
    }

    impl Hooks for ByHand {}

    impl ByHand {
        fn new(half: u32) -> Self {
            Self { even: half * 2 }
        }
    }

    #[test]
    fn a_constructor_by_hand_takes_the_place_of_the_generated_one() {
        assert_eq!(ByHand::new(2).even, 4);
    }
}
