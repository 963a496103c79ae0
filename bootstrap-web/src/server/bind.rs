//! Binds what a server listens to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use listenfd::ListenFd;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::server::address::Address;
use crate::server::listening::Bound;
use crate::server::socket::Socket;

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

/// Binds an address. With `retries`, a port that is taken is followed by the next ones.
pub(super) async fn bind(address: &Address, retries: u16) -> anyhow::Result<Listener> {
    match address {
        Address::Tcp(host, port) => bind_tcp(host, *port, retries).await,
        Address::Unix(path) => bind_unix(path),
        Address::Descriptor(number) => inherited(*number),
    }
}

async fn bind_tcp(host: &str, port: u16, retries: u16) -> anyhow::Result<Listener> {
    let mut next = port;
    loop {
        match try_tcp(host, next).await {
            Ok(listener) => return Ok(Listener::Tcp(listener)),
            Err(error) if error.kind() == ErrorKind::AddrInUse && next - port < retries => {
                let Some(following) = next.checked_add(1) else {
                    return Err(refused(host, next, error));
                };
                tracing::warn!("{host}:{next} is taken: trying port {following}");
                next = following;
            }
            Err(error) => return Err(refused(host, next, error)),
        }
    }
}

async fn try_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = None;
    for address in lookup_host(format!("{host}:{port}")).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = Some(error),
        }
    }
    let unknown = || io::Error::new(ErrorKind::NotFound, "the host has no address");
    Err(failed.unwrap_or_else(unknown))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
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
    socket.listen(BACKLOG)
}

fn refused(host: &str, port: u16, error: io::Error) -> anyhow::Error {
    let help = match error.kind() {
        ErrorKind::AddrInUse => {
            "another process listens there: stop it, set another address in `http.listen`, or let \
             `http.bind_retry` try the next ports"
        }
        ErrorKind::AddrNotAvailable => {
            "no network of this machine has this address: correct `http.listen`"
        }
        ErrorKind::PermissionDenied => {
            "this process may not bind it: set a port from 1024 on in `http.listen`, or inherit the socket"
        }
        _ => "correct `http.listen`",
    };
    anyhow!(error).context(format!("can't listen on `{host}:{port}`: {help}"))
}

#[cfg(unix)]
fn bind_unix(path: &Path) -> anyhow::Result<Listener> {
    let bind = || UnixListener::bind(path);
    let bound = match bind() {
        // A process that has ended leaves its file behind.
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path).and_then(|()| bind())
        }
        bound => bound,
    };
    let listener = bound.with_context(|| {
        format!(
            "can't listen on `unix:{0}`: stop the process that does, remove the file if it is not a \
             socket, or set another path in `http.listen`",
            path.display()
        )
    })?;
    Ok(Listener::Unix(listener, Some(SocketFile(path.to_owned()))))
}

/// Whether a file is a socket that no process listens to.
#[cfg(unix)]
fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let connected = std::os::unix::net::UnixStream::connect(path);
    is_socket && connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(not(unix))]
fn bind_unix(path: &Path) -> anyhow::Result<Listener> {
    Err(anyhow!(
        "`http.listen`: this system has no Unix sockets (`unix:{}`)",
        path.display()
    ))
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
        "`fd:{number}` is not a listening socket that this process inherited ({count} are): start it by \
         socket activation, as systemd does (`LISTEN_FDS`, `LISTEN_PID`), or set another address in \
         `http.listen`"
    ))
}
