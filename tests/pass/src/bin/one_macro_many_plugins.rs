//! Plugins that one macro declares are told apart, also inside of functions, where they share
//! their module, their line and their name.
#![allow(dead_code)]

use bootstrap::prelude::*;

struct A;
struct B;
struct C;
struct D;

macro_rules! declare {
    ($($function:ident makes $state:ident $(from $needed:ident)?;)*) => {$(
        fn $function() {
            #[plugin(states = [$state], name = "x")]
            struct Plugin {
                $(needed: State<$needed>,)?
            }

            impl Hooks for Plugin {
                async fn load(&mut self, _: &mut LoadContext) -> Result<$state> {
                    Ok($state)
                }
            }
        }
    )*};
}

declare! { one makes A from B; }
declare! { two makes B; }
declare! {
    three makes C from D;
    four makes D;
}

fn main() {}
