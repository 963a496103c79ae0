//! `Routes`: the list of routes and hooks, as it is written.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route};
use bootstrap::{Port, plan};
use tower::{Layer, Service};

use crate::handle::{
    AfterHook, AnyAfter, AnyBefore, AnyError, AnyHandler, BeforeHook, ErrorHook, Handler, Unbound,
    after, before, function_name, on_error, short_type_name, unbound,
};
use crate::pipeline::Wrap;
use crate::routes::bound::HooksOf;
use crate::routes::set::{GivenBehind, RouteSet, SetPlugin};

/// Routes and hooks, in an order that counts: **a hook applies to the routes behind it**, in the same
/// group.
///
/// `V` is the list of what hooks have given so far; a route may take each of them as
/// [`Given<T>`](crate::Given). [`#[routes]`](macro@crate::routes) makes a plugin of a function that returns
/// such a set.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
///
/// #[supplied]
/// struct Greeting(&'static str);
///
/// // The argument is the requirement: without a provider of `Greeting` this does not compile.
/// async fn hello(greeting: State<Greeting>, Path(name): Path<String>) -> String {
///     format!("{}, {name}", greeting.0)
/// }
///
/// async fn count(problem: Arc<Problem>) {
///     println!("answered with {}", problem.status());
/// }
///
/// #[routes(name = "api")]
/// fn api() -> impl RouteSet {
///     Routes::new()
///         .get("/version", || async { "1.0" }) // in front of the hook, which does not see it
///         .on_error(count)
///         .get("/hello/{name}", hello)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let app = App::new().supply(Greeting("hello")).with(Api::default()).with(WebPlugin::default());
/// let running = app.boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let request = Request::get("/hello/ada").body(Body::empty())?;
/// assert_eq!(web.handle(request).await.status(), 200);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "routes do nothing unless a function with `#[routes]` returns them"]
pub struct Routes<V = ()> {
    pub(super) steps: Vec<Step>,
    of: PhantomData<fn() -> V>,
}

/// One call of the builder, without its types.
pub(super) struct Step {
    pub(super) kind: Kind,
    /// The function of a handler or a hook.
    pub(super) function: String,
    pub(super) at: plan::Location,
}

pub(super) enum Kind {
    Route(Option<Method>, String, Box<dyn Unbound<dyn AnyHandler>>),
    OnRequest(Box<dyn Unbound<dyn AnyBefore>>),
    Before(Box<dyn Unbound<dyn AnyBefore>>),
    After(Box<dyn Unbound<dyn AnyAfter>>),
    Error(Box<dyn Unbound<dyn AnyError>>),
    BodyLimit(usize),
    Timeout(Duration),
    Layer(Wrap),
    Group(String, Vec<Step>),
    Mount(Router),
    /// The hooks of another set.
    Behind(Box<dyn Unbound<dyn Behind>>),
}

/// The port at which the hooks of another set are found.
pub(super) trait Behind: Send + Sync {
    fn hooks(&self) -> &crate::pipeline::Hooks;
    fn set(&self) -> std::any::TypeId;
}

impl Routes {
    /// No routes, and no hooks.
    pub fn new() -> Self {
        Self {
            steps: Vec::new(),
            of: PhantomData,
        }
    }

    /// No routes, behind the hooks of another set: all hooks that it has outside of its groups. What they
    /// give can be taken here.
    ///
    /// `S` is the plugin of that set, which lists in `#[routes(gives = [..])]` what its hooks give. It
    /// becomes a requirement.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::prelude::*;
    ///
    /// pub struct User(String);
    ///
    /// async fn authenticate() -> Result<Give<User>, Problem> {
    ///     Ok(Give(User("ada".into())))
    /// }
    ///
    /// #[routes(gives = [User])]
    /// pub fn sessions() -> impl RouteSet {
    ///     Routes::new().before_handle(authenticate)
    /// }
    ///
    /// // In another crate.
    /// #[routes]
    /// fn orders() -> impl RouteSet {
    ///     let list = |user: Given<User>| async move { format!("orders of {}", user.0) };
    ///     Routes::behind::<Sessions>().get("/orders", list)
    /// }
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn behind<S>() -> Routes<S::Gives>
    where
        S: SetPlugin<Gives: GivenBehind<S>>,
    {
        let hooks = BehindOf::<S>(PhantomData);
        let name = short_type_name::<S>();
        Routes::<S::Gives> {
            steps: Vec::new(),
            of: PhantomData,
        }
        .then(Kind::Behind(Box::new(hooks)), name)
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: 'static> Routes<V> {
    #[track_caller]
    fn then<W>(mut self, kind: Kind, function: String) -> Routes<W> {
        let caller = Location::caller();
        let at = plan::Location::new(caller.file(), caller.line(), caller.column());
        self.steps.push(Step { kind, function, at });
        Routes {
            steps: self.steps,
            of: PhantomData,
        }
    }

    /// Serves requests of a method to a path.
    ///
    /// The path begins with `/`. `{id}` is a parameter, one segment; `{*rest}`, at the end, is all that
    /// follows, at least one segment. Both are decoded, and taken with [`Path`](axum::extract::Path) or
    /// [`RequestContext::param`](crate::RequestContext::param). `GET` serves `HEAD` as well.
    ///
    /// Mistakes in paths, and two routes that a router can't distinguish, are errors of the boot, which name the
    /// plugins.
    #[track_caller]
    pub fn on<H, T>(self, method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        let kind = Kind::Route(Some(method), path.to_owned(), unbound(handler));
        self.then(kind, function_name::<H>())
    }

    /// Serves `GET` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn get<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::GET, path, handler)
    }

    /// Serves `POST` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn post<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::POST, path, handler)
    }

    /// Serves `PUT` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn put<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::PUT, path, handler)
    }

    /// Serves `DELETE` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn delete<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::DELETE, path, handler)
    }

    /// Serves `PATCH` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn patch<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::PATCH, path, handler)
    }

    /// Serves `HEAD` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn head<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::HEAD, path, handler)
    }

    /// Serves `OPTIONS` requests to a path. See [`Routes::on`].
    #[track_caller]
    pub fn options<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::OPTIONS, path, handler)
    }

    /// Serves requests of every method to a path that has no route of its own method.
    #[track_caller]
    pub fn any<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        let kind = Kind::Route(None, path.to_owned(), unbound(handler));
        self.then(kind, function_name::<H>())
    }

    /// Serves a procedure: `POST` requests to `/users.create`, for the name `users.create`.
    #[track_caller]
    pub fn rpc<H, T>(self, name: &str, handler: H) -> Self
    where
        H: Handler<V, T>,
        T: 'static,
    {
        self.on(Method::POST, &format!("/{name}"), handler)
    }

    /// Runs a hook in front of the routing of every request to the app: there is no route yet, no
    /// [`RequestContext`](crate::RequestContext), and no hook behind the handler runs if it answers.
    ///
    /// Only a set with `#[routes(global)]` may have one, as it is for all sets.
    #[track_caller]
    pub fn on_request<H, T>(self, hook: H) -> Self
    where
        H: BeforeHook<(), T>,
        T: 'static,
    {
        self.then(Kind::OnRequest(before(hook)), function_name::<H>())
    }

    /// Runs a hook in front of the handlers of the routes behind it. It may answer in their place, and
    /// give them a value: see [`Given`](crate::Given).
    #[track_caller]
    pub fn before_handle<H, T, W>(self, hook: H) -> Routes<W>
    where
        H: BeforeHook<V, T, Behind = W>,
        T: 'static,
    {
        self.then(Kind::Before(before(hook)), function_name::<H>())
    }

    /// Runs a hook behind the handlers of the routes behind it, also if a `before_handle` hook has
    /// answered, but not for errors. It takes the response and returns one.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::prelude::*;
    ///
    /// #[routes]
    /// fn api() -> impl RouteSet {
    ///     Routes::new()
    ///         .before_response(|mut response: Response| {
    ///             response.headers_mut().insert("x-served-by", HeaderValue::from_static("api"));
    ///             response
    ///         })
    ///         .get("/", || async { "hello" })
    /// }
    /// ```
    #[track_caller]
    pub fn before_response<H, T>(self, hook: H) -> Self
    where
        H: AfterHook<T>,
        T: 'static,
    {
        self.then(Kind::After(after(hook)), function_name::<H>())
    }

    /// Shows every problem of the routes behind it to a hook: of extractors, handlers, other hooks, and
    /// panics. The first response of such a hook is the answer; `None` passes the problem on.
    #[track_caller]
    pub fn on_error<H, T>(self, hook: H) -> Self
    where
        H: ErrorHook<T>,
        T: 'static,
    {
        self.then(Kind::Error(on_error(hook)), function_name::<H>())
    }

    /// Sets the longest body of the routes behind it, in bytes: a longer one is a 413, however it is
    /// read. Without this call the extractors of axum read at most 2 MiB.
    #[track_caller]
    pub fn body_limit(self, bytes: usize) -> Self {
        self.then(Kind::BodyLimit(bytes), String::new())
    }

    /// Sets the time from the `before_handle` hooks of the routes behind it to the response of their handlers. Then the answer is a
    /// 503, or a 408 while the body of the request has still to arrive. The body of a response may take longer; other
    /// hooks and layers have no limit.
    #[track_caller]
    pub fn timeout(self, limit: Duration) -> Self {
        self.then(Kind::Timeout(limit), String::new())
    }

    /// Wraps the routes behind it in a layer of `tower`, as [`axum::Router::layer`] does with those in
    /// front of it. Layers are around hooks: the first layer sees a request first, and every response last,
    /// also that of a problem. Those of a `global` set are around the routes of all sets, and around the
    /// answers to requests without a route.
    #[track_caller]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<std::convert::Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let wrap: Wrap = Arc::new(move |routes: MethodRouter| routes.layer(layer.clone()));
        self.then(Kind::Layer(wrap), String::new())
    }

    /// Adds routes with hooks of their own, behind the hooks so far. Those of the group end with it.
    #[track_caller]
    pub fn group<W>(self, routes: impl FnOnce(Self) -> Routes<W>) -> Self {
        self.nest("", routes)
    }

    /// Adds routes below a prefix, which may have parameters, with hooks of their own, as
    /// [`Routes::group`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap_web::prelude::*;
    ///
    /// async fn order(Path((user, order)): Path<(String, u32)>) -> String {
    ///     format!("order {order} of {user}")
    /// }
    ///
    /// #[routes]
    /// fn api() -> impl RouteSet {
    ///     Routes::new().nest("/users/{user}", |users| users.get("/orders/{order}", order))
    /// }
    /// ```
    #[track_caller]
    pub fn nest<W>(self, prefix: &str, routes: impl FnOnce(Self) -> Routes<W>) -> Self {
        let inner = routes(Self {
            steps: Vec::new(),
            of: PhantomData,
        });
        let kind = Kind::Group(prefix.to_owned(), inner.steps);
        self.then(kind, String::new())
    }

    /// Adds a router of axum as it is: hooks, limits and layers do not apply to it. Below
    /// [`Routes::nest`] it is nested, with its fallback; otherwise its routes are merged, without.
    ///
    /// The routes of such a router are not in the [`RouteTable`](crate::RouteTable), as axum does not
    /// show them.
    #[track_caller]
    pub fn mount(self, router: Router) -> Self {
        self.then(Kind::Mount(router), String::new())
    }
}

impl<V: 'static> RouteSet for Routes<V> {
    type Gives = V;

    fn into_routes(self) -> Routes {
        Routes {
            steps: self.steps,
            of: PhantomData,
        }
    }
}

struct BehindOf<S>(PhantomData<fn() -> S>);

struct Bound<S: 'static>(Port<HooksOf<S>>);

impl<S: SetPlugin> Unbound<dyn Behind> for BehindOf<S> {
    fn require(&self, needs: &mut crate::handle::Needs) {
        needs.add::<Port<HooksOf<S>>>();
    }

    fn bind(
        self: Box<Self>,
        requirements: &bootstrap::extend::Requirements,
    ) -> Option<Arc<dyn Behind>> {
        let port = requirements.get::<Port<HooksOf<S>>>()?;
        Some(Arc::new(Bound(port.clone())))
    }
}

impl<S: 'static> Behind for Bound<S> {
    fn hooks(&self) -> &crate::pipeline::Hooks {
        self.0.hooks()
    }

    fn set(&self) -> std::any::TypeId {
        std::any::TypeId::of::<S>()
    }
}

impl<V> fmt::Debug for Routes<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}
