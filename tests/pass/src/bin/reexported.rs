//! A crate that re-exports `bootstrap` says where it is.

mod framework {
    pub mod inner {
        pub use ::bootstrap::*;
    }
}

use framework::inner::prelude::*;

#[plugin(crate = crate::framework::inner)]
struct Plugin {
    #[option]
    number: u32,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

macro_rules! make {
    ($name:ident, $field:ident, $ty:ty) => {
        #[plugin]
        struct $name {
            #[option]
            $field: $ty,
        }

        impl Hooks for $name {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                let _ = &self.$field;
                Ok(())
            }
        }
    };
}

make!(FromAMacro, field, u32);

fn main() {
    let _ = Plugin::default().number;
}
