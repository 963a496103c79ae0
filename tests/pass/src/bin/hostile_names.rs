//! Generated code means what it says whatever is in scope.
#![allow(
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    unused_imports,
    unused_macros
)]

mod core {}
mod std {}
mod bootstrap {}
struct Result;
struct Option;
struct Some;
struct None;
struct String;
struct Vec;
struct Box;
struct Default;
struct State_;
struct Declare;
trait Clone {}
macro_rules! concat {
    () => {};
}
macro_rules! file {
    () => {};
}

mod constants {
    pub const states: u8 = 1;
    pub const state0: u8 = 2;
    pub static plugin: u8 = 3;
    pub struct fields;
    pub struct packed;
    pub struct value;
    pub const cx: u8 = 4;
}
use constants::*;

struct Pool;
struct Size;

#[::bootstrap::plugin(states = [Pool, Size])]
struct Database {
    #[option(default = 1)]
    r#type: u32,
    #[option]
    plugin: u8,
}

impl ::bootstrap::Hooks for Database {
    async fn load(
        &mut self,
        _: &mut ::bootstrap::LoadContext,
    ) -> ::bootstrap::Result<(Pool, Size)> {
        Ok((Pool, Size))
    }
}

#[::bootstrap::plugin]
struct Reader {
    fields: ::bootstrap::State<Pool>,
    states: ::std::option::Option<::bootstrap::State<Pool>>,
    #[local]
    packed: u8,
}

impl ::bootstrap::Hooks for Reader {
    async fn load(&mut self, _: &mut ::bootstrap::LoadContext) -> ::bootstrap::Result<()> {
        Ok(())
    }
}

fn main() {}
