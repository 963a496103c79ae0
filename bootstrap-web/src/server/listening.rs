//! `Listening`: where a server can be reached.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server listens: the state of [`Server`](crate::server::Server).
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::server::{Listening, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let server = Server::default().listen("127.0.0.1:0");
/// let running = App::new().with(WebPlugin::default()).with(server).boot().await?;
/// let listening = running.try_get::<State<Listening>>()?;
/// assert!(listening.address().is_some_and(|address| address.port() != 0));
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Listening {
    bound: Vec<Bound>,
    management: Vec<Bound>,
    scheme: &'static str,
}

/// One bound socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket. Empty if it has no path.
    Unix(PathBuf),
}

impl Listening {
    pub(super) fn new(bound: Vec<Bound>, management: Vec<Bound>) -> Self {
        Self {
            bound,
            management,
            scheme: "http",
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn set_tls(&mut self) {
        self.scheme = "https";
    }

    /// The first TCP address. `None` if the server listens on Unix sockets only.
    pub fn address(&self) -> Option<SocketAddr> {
        self.bound.iter().find_map(|bound| match bound {
            Bound::Tcp(address) => Some(*address),
            Bound::Unix(_) => None,
        })
    }

    /// All sockets, in the order of `http.listen`.
    pub fn all(&self) -> &[Bound] {
        &self.bound
    }

    /// The sockets for management, in the order of `management.listen`. Empty unless that is set.
    pub fn management(&self) -> &[Bound] {
        &self.management
    }

    /// The sockets for management, as text.
    pub(super) fn of_management(&self) -> impl fmt::Display {
        fmt::from_fn(|f| self.list(f, &self.management))
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, all: &[Bound]) -> fmt::Result {
        for (place, bound) in all.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            match bound {
                Bound::Tcp(address) => write!(f, "{}://{address}", self.scheme)?,
                Bound::Unix(path) => write!(f, "unix:{}", path.display())?,
            }
        }
        Ok(())
    }
}

/// The sockets of [`all`](Listening::all), with commas between them.
impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list(f, &self.bound)
    }
}
