//! A macro of another file, for `bin/declared_by_a_macro_of_another_file.rs`.

macro_rules! declare {
    () => {
        #[plugin]
        struct Hidden;

        impl Hooks for Hidden {
            async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
                Ok(())
            }
        }
    };
}
