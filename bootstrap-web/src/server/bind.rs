//! Binds what a server listens to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixSocket};

use crate::server::address::{Address, LISTEN};
use crate::server::listening::Bound;
use crate::server::socket::Socket;
use crate::values::KeyFault;

/// How many connections the system keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// A bound socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(
        UnixListener,
        #[allow(dead_code, reason = "removes the file")] Option<SocketFile>,
    ),
}

/// The file of a Unix socket, which is removed with the listener.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Waits for a connection. The address of the peer is that of a TCP connection.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Responses are written whole; waiting for more only delays them.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }

    pub(super) fn bound(&self) -> io::Result<Bound> {
        match self {
            Self::Tcp(listener) => Ok(Bound::Tcp(listener.local_addr()?)),
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().map(Path::to_owned);
                Ok(Bound::Unix(path.unwrap_or_default()))
            }
        }
    }
}

/// A bound socket. Clients wait if it is open already, and are refused otherwise.
#[derive(Debug)]
pub(super) enum Reserved {
    Open(Listener),
    Tcp(TcpSocket),
    #[cfg(unix)]
    Unix(UnixSocket, SocketFile),
}

impl Reserved {
    pub(super) fn open(self) -> io::Result<Listener> {
        match self {
            Self::Open(listener) => Ok(listener),
            Self::Tcp(socket) => Ok(Listener::Tcp(socket.listen(BACKLOG)?)),
            #[cfg(unix)]
            Self::Unix(socket, file) => Ok(Listener::Unix(socket.listen(BACKLOG)?, Some(file))),
        }
    }

    pub(super) fn bound(&self) -> io::Result<Bound> {
        match self {
            Self::Open(listener) => listener.bound(),
            Self::Tcp(socket) => Ok(Bound::Tcp(socket.local_addr()?)),
            #[cfg(unix)]
            Self::Unix(_, file) => Ok(Bound::Unix(file.0.clone())),
        }
    }
}

/// How to bind the addresses of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) key: &'static str,
    /// How many of the next ports to try if one is taken.
    pub(super) retries: u16,
    /// Whether clients are refused until the socket is opened.
    pub(super) is_refusing: bool,
}

impl Binding {
    /// Binds an address.
    pub(super) async fn bind(&self, address: &Address) -> Result<Reserved, KeyFault> {
        match address {
            Address::Tcp(host, port) => self.bind_tcp(host, *port).await,
            Address::Unix(path) => self.bind_unix(path),
            Address::Descriptor(number) => self.inherit(*number).map(Reserved::Open),
        }
    }

    async fn bind_tcp(&self, host: &str, port: u16) -> Result<Reserved, KeyFault> {
        let mut next = port;
        loop {
            let bound = self.try_tcp(host, next).await;
            let error = match bound {
                Ok(reserved) => return Ok(reserved),
                Err(error) => error,
            };
            let is_taken = error.kind() == ErrorKind::AddrInUse;
            match next.checked_add(1) {
                Some(following) if is_taken && next - port < self.retries => {
                    tracing::warn!("{host}:{next} is taken: trying port {following}");
                    next = following;
                }
                _ => return Err(self.refused(host, next, &error)),
            }
        }
    }

    async fn try_tcp(&self, host: &str, port: u16) -> io::Result<Reserved> {
        let mut failed = None;
        for address in lookup_host(format!("{host}:{port}")).await? {
            match bound(address).and_then(|socket| self.reserve(Reserved::Tcp(socket))) {
                Ok(reserved) => return Ok(reserved),
                Err(error) => failed = Some(error),
            }
        }
        let unknown = || io::Error::new(ErrorKind::NotFound, "the host has no address");
        Err(failed.unwrap_or_else(unknown))
    }

    fn reserve(&self, bound: Reserved) -> io::Result<Reserved> {
        if self.is_refusing {
            return Ok(bound);
        }
        bound.open().map(Reserved::Open)
    }

    fn refused(&self, host: &str, port: u16, error: &io::Error) -> KeyFault {
        let key = self.key;
        let help = match error.kind() {
            ErrorKind::AddrInUse if key == LISTEN => format!(
                "another process listens there: stop it, set another address in `{key}`, or let \
                 `http.bind_retry` try the next ports"
            ),
            ErrorKind::AddrInUse => {
                format!("another process listens there: stop it, or set another address in `{key}`")
            }
            ErrorKind::AddrNotAvailable => {
                format!("no network of this machine has this address: correct `{key}`")
            }
            ErrorKind::PermissionDenied => format!(
                "this process may not bind it: set a port from 1024 on in `{key}`, or inherit the socket"
            ),
            _ => format!("correct `{key}`"),
        };
        KeyFault::new(
            key,
            format!("can't listen on `{host}:{port}`: {error}"),
            help,
        )
    }

    #[cfg(unix)]
    fn bind_unix(&self, path: &Path) -> Result<Reserved, KeyFault> {
        let bind = || {
            let socket = UnixSocket::new_stream()?;
            socket.bind(path)?;
            self.reserve(Reserved::Unix(socket, SocketFile(path.to_owned())))
        };
        let bound = match bind() {
            // A process that has ended leaves its file behind.
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
                std::fs::remove_file(path).and_then(|()| bind())
            }
            bound => bound,
        };
        bound.map_err(|error| {
            let key = self.key;
            KeyFault::new(
                key,
                format!("can't listen on `unix:{}`: {error}", path.display()),
                format!(
                    "stop the process that does, remove the file if it is not a socket, or set another \
                     path in `{key}`"
                ),
            )
        })
    }

    #[cfg(not(unix))]
    fn bind_unix(&self, path: &Path) -> Result<Reserved, KeyFault> {
        let wrong = format!(
            "this system has no Unix sockets (`unix:{}`)",
            path.display()
        );
        let help = format!("set another address in `{}`", self.key);
        Err(KeyFault::new(self.key, wrong, help))
    }

    fn inherit(&self, number: usize) -> Result<Listener, KeyFault> {
        inherited(number).map_err(|error| {
            let help = format!(
                "start the process by socket activation, as systemd does (`LISTEN_FDS`, `LISTEN_PID`), or set \
                 another address in `{}`",
                self.key
            );
            KeyFault::new(self.key, error.to_string(), help)
        })
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Elsewhere this would let two processes bind one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Connections have it as well: a client that is gone without a word is noticed, in hours.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Whether a file is a socket that no process listens to.
#[cfg(unix)]
fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let connected = std::os::unix::net::UnixStream::connect(path);
    is_socket && connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// A socket that this process was started with.
enum Inherited {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// What this process was started with. Sockets stay open, so that a restart of the server finds them again.
struct Inheritance {
    /// Read once, which removes the variables of the environment.
    sockets: ListenFd,
    taken: HashMap<usize, Inherited>,
}

static INHERITANCE: Mutex<Option<Inheritance>> = Mutex::new(None);

fn inherited(number: usize) -> anyhow::Result<Listener> {
    let mut inheritance = INHERITANCE.lock().unwrap_or_else(PoisonError::into_inner);
    let Inheritance { sockets, taken } = inheritance.get_or_insert_with(|| Inheritance {
        sockets: ListenFd::from_env(),
        taken: HashMap::new(),
    });
    let socket = match taken.entry(number) {
        Entry::Occupied(taken) => taken.into_mut(),
        Entry::Vacant(vacant) => vacant.insert(take(sockets, number)?),
    };
    match socket {
        Inherited::Tcp(listener) => {
            let listener = listener.try_clone()?;
            listener.set_nonblocking(true)?;
            Ok(Listener::Tcp(TcpListener::from_std(listener)?))
        }
        #[cfg(unix)]
        Inherited::Unix(listener) => {
            let listener = listener.try_clone()?;
            listener.set_nonblocking(true)?;
            Ok(Listener::Unix(UnixListener::from_std(listener)?, None))
        }
    }
}

fn take(sockets: &mut ListenFd, number: usize) -> anyhow::Result<Inherited> {
    let place = number - 3;
    if let Ok(Some(listener)) = sockets.take_tcp_listener(place) {
        return Ok(Inherited::Tcp(listener));
    }
    #[cfg(unix)]
    if let Ok(Some(listener)) = sockets.take_unix_listener(place) {
        return Ok(Inherited::Unix(listener));
    }
    let count = sockets.len();
    Err(anyhow!(
        "`fd:{number}` is not a listening socket that this process inherited ({count} are)"
    ))
}
