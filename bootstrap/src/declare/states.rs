//! `States`: what one plugin's `load` made.

use std::sync::Arc;

use crate::base::key::StateKey;
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::declare::value::StateValue;

/// What a plugin's `load` made: one value for each state that it provides.
///
/// `#[plugin]` builds this from what `load` returns; only a [`Plugin`](crate::extend::Plugin) that is
/// implemented by hand names the type.
///
/// # Examples
///
/// ```
/// use bootstrap::extend::States;
///
/// struct Pool;
/// struct Metrics;
/// let states = States::new().with(Pool).with(Metrics);
/// assert_eq!(states.len(), 2);
/// assert!(States::new().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct States(Held);

/// Most plugins make no state or one: neither should cost an allocation for the list.
#[derive(Clone, Default)]
enum Held {
    #[default]
    None,
    One(StateValue),
    Many(Vec<StateValue>),
}

impl States {
    /// No state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a state. A second value of the same type is an error when the plugin has loaded.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.push(StateValue::new(value));
        self
    }

    /// Adds what the plugin provides at a port.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let states = bootstrap::extend::States::new().with_port::<str>(Arc::from("hello"));
    /// assert_eq!(&*states.get_port::<str>().unwrap(), "hello");
    /// ```
    #[must_use]
    pub fn with_port<T: ?Sized + Send + Sync + 'static>(mut self, value: Arc<T>) -> Self {
        self.push(StateValue::port(value));
        self
    }

    /// How many states there are, ports included.
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Whether there is no state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A handle to the state `T`, if it is one of these.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        self.find(StateKey::of::<T>())?.get().map(State::bound)
    }

    /// A handle to what is provided at the port `T`, if it is one of these.
    pub fn get_port<T: ?Sized + Send + Sync + 'static>(&self) -> Option<Port<T>> {
        self.find(StateKey::port::<T>())?.get().map(Port::bound)
    }

    pub(crate) fn push(&mut self, value: StateValue) {
        self.0 = match std::mem::take(&mut self.0) {
            Held::None => Held::One(value),
            Held::One(first) => Held::Many(vec![first, value]),
            Held::Many(mut values) => {
                values.push(value);
                Held::Many(values)
            }
        };
    }

    pub(crate) fn values(&self) -> &[StateValue] {
        match &self.0 {
            Held::None => &[],
            Held::One(value) => std::slice::from_ref(value),
            Held::Many(values) => values,
        }
    }

    pub(crate) fn find(&self, key: StateKey) -> Option<&StateValue> {
        self.values().iter().find(|value| value.key() == key)
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.values().iter().map(StateValue::key))
            .finish()
    }
}
