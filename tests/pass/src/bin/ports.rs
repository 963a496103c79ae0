//! Ports of every form.

use std::sync::Arc;

use bootstrap::prelude::*;

mod interface {
    pub trait Mailer: Send + Sync {}
    pub trait Check<T>: Send + Sync {
        fn check(&self) -> T;
    }
}

struct Local;
impl interface::Mailer for Local {}
impl interface::Check<bool> for Local {
    fn check(&self) -> bool {
        true
    }
}

#[plugin(
    states = [Local],
    ports = [dyn interface::Mailer, dyn interface::Check<bool>, String, [u8], fn() -> u8],
    primary
)]
pub(crate) struct Everything;

impl Hooks for Everything {
    async fn load(
        &mut self,
        _: &mut LoadContext,
    ) -> Result<(
        Local,
        Arc<dyn interface::Mailer>,
        Arc<dyn interface::Check<bool>>,
        Arc<String>,
        Arc<[u8]>,
        Arc<fn() -> u8>,
    )> {
        Ok((
            Local,
            Arc::new(Local),
            Arc::new(Local),
            Arc::new("x".into()),
            Arc::from([1, 2]),
            Arc::new(|| 7),
        ))
    }
}

/// A field whose type names the plugin itself.
#[plugin]
struct Observed {
    observers: Ports<dyn interface::Check<Self>>,
    pairs: Ports<(u8, [Option<Self>; 2])>,
}

impl Hooks for Observed {}

#[plugin(collect = never)]
struct GenericObserved<T: Send + Sync + 'static> {
    observers: Ports<dyn interface::Check<Self>>,
    #[option(required)]
    value: T,
}

impl<T: Send + Sync + 'static> Hooks for GenericObserved<T> {}

/// A generic plugin at a port of its parameter.
#[plugin(ports = [dyn interface::Check<T>], collect = never)]
struct Generic<T: Clone + Send + Sync + 'static> {
    #[option(required)]
    value: T,
}

struct Fixed<T>(T);

impl<T: Clone + Send + Sync> interface::Check<T> for Fixed<T> {
    fn check(&self) -> T {
        self.0.clone()
    }
}

impl<T: Clone + Send + Sync + 'static> Hooks for Generic<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn interface::Check<T>>> {
        Ok(Arc::new(Fixed(self.value.clone())))
    }
}

#[plugin]
struct Asks {
    mailer: Port<dyn interface::Mailer>,
    check: Option<Port<dyn interface::Check<bool>>>,
    numbers: Ports<dyn interface::Check<u8>>,
    bytes: Lazy<Port<[u8]>>,
    local: Lazy<State<Local>>,
}

impl Hooks for Asks {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Stands in for a plugin with states and ports.
#[plugin(states = [Local], ports = [dyn interface::Mailer], replaces = Everything)]
struct Fake;

impl Hooks for Fake {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Local, Arc<dyn interface::Mailer>)> {
        Ok((Local, Arc::new(Local)))
    }
}

fn main() {
    let app = App::collect()
        .with(Generic { value: 1_u8 })
        .with(Generic { value: 2_u8 });
    assert_eq!(app.plan().unwrap().len(), 5);
    let _ = Fake;
}
