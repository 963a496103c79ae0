//! A generic plugin is a plugin of its own for each of its types.

use std::marker::PhantomData;

use bootstrap::extend::Provided;
use bootstrap::prelude::*;

struct Cached<T>(PhantomData<T>);

#[plugin(states = [Cached<T>], collect = never)]
struct Cache<T: Provided> {
    source: State<T>,
}

impl<T: Provided> Hooks for Cache<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cached<T>> {
        Ok(Cached(PhantomData))
    }
}

struct Users;

#[plugin(states = [Users])]
struct UserStore;

impl Hooks for UserStore {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Users> {
        Ok(Users)
    }
}

struct Posts;

#[plugin(states = [Posts])]
struct PostStore {
    users: State<Cached<Users>>,
    users_twice: State<Cached<Cached<Users>>>,
    posts: State<Cached<Cached<Posts>>>,
}

impl Hooks for PostStore {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Posts> {
        Ok(Posts)
    }
}

fn main() {}
