//! The plugin `files`.

use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use bootstrap::extend::Requirements;
use bootstrap::prelude::*;
use tower::ServiceExt;
use tower_http::services::ServeFile;

use crate::problem::Problem;
use crate::routes::{BoundRoutes, Routes, requirements_of};
use crate::values::{KeyFault, Time};

/// Serves the files of a folder. Requires the feature `files`.
///
/// Only regular files within the folder are served: nothing above it, nothing to which a link leads out of it, and no file
/// or folder whose name begins with a dot. A path of a folder is answered with its `index.html`. Ranges and conditional requests
/// are answered. Files are served behind the hooks of global sets, and what is not there is a [`Problem`](crate::Problem) 404.
///
/// The plugin is collected; without a folder it serves nothing.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `files.folder` | | the folder, relative to the working directory |
/// | `files.path` | `/static` | the path of its content, or `/` |
/// | `files.fallback` | | a file in the folder that answers what is not there: `index.html`, for an app in the browser with paths of its own |
/// | `files.max_age` | `"0s"` | how long clients may use a file without asking again |
///
/// # Errors
///
/// The boot fails if the folder, or the fallback, is not there.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::Files;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let files = Files::default().folder("src".into()).path("/source".into());
/// let running = App::new().with(files).with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/source/lib.rs").body(Body::empty())?).await;
/// assert_eq!(response.status(), 200);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(
    name = "files",
    ports = [BoundRoutes],
    requires = || requirements_of(routes("/", &Arc::default()))
)]
#[derive(Debug)]
pub struct Files {
    requirements: Requirements,
    /// The folder whose files are served; none unless it is set.
    #[option(config = "files.folder", default = PathBuf::new())]
    pub folder: PathBuf,
    /// The path of the content of the folder.
    #[option(config = "files.path", default = "/static".to_owned())]
    pub path: String,
    /// A file in the folder that answers requests for what is not there; none unless it is set.
    #[option(config = "files.fallback", default = PathBuf::new())]
    pub fallback: PathBuf,
    #[option(config = "files.max_age", default = Time::seconds(0), setter = false)]
    max_age: Time,
}

impl Files {
    /// How long clients may use a file without asking again, in whole seconds: `files.max_age`, 0 s.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Time(max_age);
        self
    }
}

impl Hooks for Files {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Arc<BoundRoutes>> {
        if self.folder.as_os_str().is_empty() {
            return BoundRoutes::new(Routes::new(), &self.requirements).map(Arc::new);
        }
        let (shown, is_set) = (self.folder.display(), !self.fallback.as_os_str().is_empty());
        let wrong = |wrong: &str| {
            let wrong = format!("`files.folder` is `{shown}`, which {wrong}");
            let help = "set it to a folder that this user can read";
            KeyFault::new("files.folder", wrong, help).placed(cx)
        };
        let root = tokio::fs::canonicalize(&self.folder).await;
        let root = root.map_err(|error| wrong(&format!("can't be opened: {error}")))?;
        if !root.is_dir() {
            return Err(wrong("is not a folder").into());
        }
        let mut folder = Folder {
            root,
            fallback: None,
            max_age: HeaderValue::from_str(&format!("max-age={}", self.max_age.0.as_secs()))?,
        };
        if is_set {
            let fallback = folder.find(&self.fallback).await;
            let Some(Found::File(file)) = fallback else {
                let file = self.fallback.display();
                let wrong =
                    format!("`files.fallback` is `{file}`, which is not a file in `{shown}`");
                let help = "set it to a path below `files.folder`";
                return Err(KeyFault::new("files.fallback", wrong, help)
                    .placed(cx)
                    .into());
            };
            folder.fallback = Some(file);
        }
        let set = routes(self.path.trim_end_matches('/'), &Arc::new(folder));
        BoundRoutes::new(set, &self.requirements).map(Arc::new)
    }
}

fn routes(prefix: &str, folder: &Arc<Folder>) -> Routes {
    let at_root = {
        let folder = Arc::clone(folder);
        move |request: Request| serve(Arc::clone(&folder), String::new(), request)
    };
    let below = {
        let folder = Arc::clone(folder);
        move |Path(path): Path<String>, request: Request| serve(Arc::clone(&folder), path, request)
    };
    let prefix = prefix.trim_end_matches('/');
    let routes = Routes::new()
        .get(&format!("{prefix}/"), at_root.clone())
        .get(&format!("{prefix}/{{*path}}"), below);
    if prefix.is_empty() {
        routes
    } else {
        routes.get(prefix, at_root)
    }
}

/// The folder that is served.
#[derive(Debug)]
struct Folder {
    /// Absolute, without links.
    root: PathBuf,
    fallback: Option<PathBuf>,
    max_age: HeaderValue,
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            root: PathBuf::new(),
            fallback: None,
            max_age: HeaderValue::from_static("max-age=0"),
        }
    }
}

/// What there is at a path.
enum Found {
    File(PathBuf),
    Folder(PathBuf),
}

impl Folder {
    /// What a path leads to, if it is within the folder once its links are followed, and has no name that begins
    /// with a dot.
    async fn find(&self, path: &FilePath) -> Option<Found> {
        let is_plain = |part: Component<'_>| match part {
            Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
            _ => false,
        };
        if !path.components().all(is_plain) {
            return None;
        }
        let real = tokio::fs::canonicalize(self.root.join(path)).await.ok()?;
        let within = real.strip_prefix(&self.root).ok()?;
        if !within.components().all(is_plain) {
            return None;
        }
        let kind = tokio::fs::metadata(&real).await.ok()?;
        if kind.is_dir() {
            return Some(Found::Folder(within.to_owned()));
        }
        kind.is_file().then_some(Found::File(real))
    }

    /// The file for a path, or the path with a slash at its end to which a client is sent.
    async fn file(&self, path: &str, uri: &Uri) -> Result<PathBuf, Option<String>> {
        // A backslash separates on Windows, and a colon begins a stream there.
        let is_odd = path.contains(['\\', '\0', ':']);
        let found = if is_odd {
            None
        } else {
            self.find(FilePath::new(path)).await
        };
        let file = match found {
            Some(Found::File(file)) => Some(file),
            Some(Found::Folder(folder)) => match self.find(&folder.join("index.html")).await {
                Some(Found::File(_)) if !uri.path().ends_with('/') => {
                    return Err(slashed(uri));
                }
                Some(Found::File(file)) => Some(file),
                _ => None,
            },
            None => None,
        };
        file.or_else(|| self.fallback.clone()).ok_or(None)
    }
}

/// The path with a slash at its end, unless it would be read as another host.
fn slashed(uri: &Uri) -> Option<String> {
    let path = uri.path();
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let is_host = path.starts_with("//") || path.starts_with("/\\");
    (!is_host).then(|| format!("{path}/{query}"))
}

async fn serve(folder: Arc<Folder>, path: String, request: Request) -> Result<Response, Problem> {
    let file = match folder.file(&path, request.uri()).await {
        Ok(file) => file,
        Err(Some(slashed)) => {
            return Ok(Redirect::temporary(&slashed).into_response());
        }
        Err(None) => return Err(Problem::not_found()),
    };
    let Ok(response) = ServeFile::new(file).oneshot(request).await;
    let mut response = response.into_response();
    // A file that was removed meanwhile.
    if response.status() == StatusCode::NOT_FOUND {
        return Err(Problem::not_found());
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, folder.max_age.clone());
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}
