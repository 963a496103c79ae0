//! Where to listen, as it is written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::values::KeyFault;

/// The key of the addresses for clients.
pub(super) const LISTEN: &str = "http.listen";

/// The key of the addresses for management.
pub(super) const MANAGEMENT: &str = "management.listen";

/// The addresses of a server: one text or several.
///
/// | written | meaning |
/// |---|---|
/// | `127.0.0.1:3000`, `[::1]:3000` | an address; with port 0 the system chooses one |
/// | `localhost:3000` | a host and a port: the first of its addresses that can be bound |
/// | `unix:/run/app.sock` | a Unix socket; a file that a process has left behind is replaced |
/// | `fd:3` | a listening socket that was inherited, as from systemd (`LISTEN_FDS`) |
///
/// # Examples
///
/// ```
/// use bootstrap_web::server::{Listen, Server};
///
/// let one = Server::default().listen("127.0.0.1:0");
/// let two = Server::default().listen(["127.0.0.1:3000", "unix:/run/app.sock"]);
/// # let _: (Server, Server, Listen) = (one, two, "fd:3".into());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// None is the default.
    addresses: Vec<String>,
}

impl From<&str> for Listen {
    /// One address, or several with commas between them.
    fn from(text: &str) -> Self {
        let addresses = text.split(',').map(|it| it.trim().to_owned());
        Self {
            addresses: addresses.collect(),
        }
    }
}

impl From<String> for Listen {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<std::net::SocketAddr> for Listen {
    fn from(address: std::net::SocketAddr) -> Self {
        address.to_string().into()
    }
}

impl<A: Into<String>, const N: usize> From<[A; N]> for Listen {
    fn from(addresses: [A; N]) -> Self {
        addresses.into_iter().collect()
    }
}

impl<A: Into<String>> FromIterator<A> for Listen {
    fn from_iter<I: IntoIterator<Item = A>>(addresses: I) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
        }
    }
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `host:port`, where the host may be a name.
    Tcp(String, u16),
    Unix(PathBuf),
    Descriptor(usize),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("a Unix socket needs a path: `unix:/run/app.sock`".to_owned());
            }
            return Ok(Self::Unix(path.into()));
        }
        if let Some(number) = text.strip_prefix("fd:") {
            return match number.parse() {
                Ok(number) if number >= 3 => Ok(Self::Descriptor(number)),
                _ => Err(format!(
                    "`{text}` is not an inherited socket: they are numbered from `fd:3` on"
                )),
            };
        }
        let port = |port: &str| port.parse::<u16>().ok();
        let split = text.rsplit_once(':');
        let split = split.filter(|(host, _)| {
            let is_bracketed = host.starts_with('[') && host.ends_with(']');
            !host.is_empty() && (is_bracketed || !host.contains(':'))
        });
        match split.and_then(|(host, number)| Some((host, port(number)?))) {
            Some((host, port)) => Ok(Self::Tcp(host.to_owned(), port)),
            None if port(text.trim_start_matches(':')).is_some() => {
                let port = text.trim_start_matches(':');
                Err(format!(
                    "`{text}` has no host: write `127.0.0.1:{port}` for this machine, or `0.0.0.0:{port}` for all networks"
                ))
            }
            // Without the text, which may look like a part of the advice.
            None if !text.is_empty() && !text.contains([':', '/']) => {
                Err("the address has no port: append one, as `:3000`".into())
            }
            None => Err(format!(
                "`{text}` is not an address: write `127.0.0.1:3000`, `[::]:3000`, `localhost:3000`, `unix:/run/app.sock` or `fd:3`"
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Descriptor(number) => write!(f, "fd:{number}"),
        }
    }
}

impl Listen {
    /// The addresses that are set, by the key that sets them.
    pub(super) fn set(&self, key: &'static str) -> Result<Vec<Address>, KeyFault> {
        let parse = |text: &String| {
            let parsed: Result<Address, String> = text.parse();
            parsed.map_err(|error| {
                let help = format!("correct the address, or set `{key}`");
                KeyFault::new(key, format!("`{key}`: {error}"), help)
            })
        };
        self.addresses.iter().map(parse).collect()
    }

    /// The addresses for clients: what is set, or else the port that the platform has chosen, or else the default.
    pub(super) fn addresses(&self, port: Option<&str>) -> Result<Vec<Address>, KeyFault> {
        if !self.addresses.is_empty() {
            return self.set(LISTEN);
        }
        // The platform routes to the port from outside.
        let (host, port) = match port {
            None | Some("") => ("127.0.0.1", 3000),
            Some(port) => {
                let parsed = port.parse().map_err(|_| {
                    let wrong = "the environment variable `PORT` is not a port";
                    KeyFault::new(LISTEN, wrong, "correct it, or set `http.listen`")
                });
                ("0.0.0.0", parsed?)
            }
        };
        Ok(vec![Address::Tcp(host.to_owned(), port)])
    }
}

struct ListenVisitor;

impl ListenVisitor {
    fn checked<E: Error>(listen: Listen) -> Result<Listen, E> {
        if listen.addresses.is_empty() {
            return Err(E::custom("at least one address is needed"));
        }
        for text in &listen.addresses {
            text.parse::<Address>().map_err(E::custom)?;
        }
        Ok(listen)
    }
}

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address as \"127.0.0.1:3000\", or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Listen, E> {
        Self::checked(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listen, A::Error> {
        let mut addresses: Vec<String> = Vec::new();
        while let Some(address) = items.next_element()? {
            addresses.push(address);
        }
        Self::checked(Listen { addresses })
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Listen};

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<Address>().map(|it| format!("{it:?}"))
    }

    #[test]
    fn every_kind_of_address_is_parsed() {
        assert_eq!(
            parse("127.0.0.1:3000").unwrap(),
            r#"Tcp("127.0.0.1", 3000)"#
        );
        assert_eq!(parse("[::1]:0").unwrap(), r#"Tcp("[::1]", 0)"#);
        assert_eq!(parse("localhost:80").unwrap(), r#"Tcp("localhost", 80)"#);
        assert_eq!(
            parse("unix:/run/app.sock").unwrap(),
            r#"Unix("/run/app.sock")"#
        );
        assert_eq!(parse("fd:3").unwrap(), "Descriptor(3)");
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_the_right_spelling() {
        for text in ["", "::1:80", "1.2.3.4:99999", "http://a"] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains("is not an address: write"),
                "{text}: {error}"
            );
        }
        for text in ["localhost", "127.0.0.1"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("has no port"), "{error}");
        }
        for text in ["3000", ":3000"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("write `127.0.0.1:3000`"), "{error}");
        }
        assert!(parse("fd:1").unwrap_err().contains("from `fd:3` on"));
        assert!(parse("unix:").unwrap_err().contains("needs a path"));
    }

    /// What is set, then the variable, then the default.
    #[test]
    fn the_port_of_the_platform_applies_unless_an_address_is_set() {
        let shown = |listen: Listen, port| {
            let addresses = listen.addresses(port);
            addresses.map(|it| it[0].to_string())
        };
        let set = || Listen::from("127.0.0.1:1");
        assert_eq!(shown(set(), Some("2")).unwrap(), "127.0.0.1:1");
        assert_eq!(shown(Listen::default(), Some("2")).unwrap(), "0.0.0.0:2");
        assert_eq!(
            shown(Listen::default(), Some("")).unwrap(),
            "127.0.0.1:3000"
        );
        assert_eq!(shown(Listen::default(), None).unwrap(), "127.0.0.1:3000");
        let error = shown(Listen::default(), Some("http")).unwrap_err();
        assert!(error.to_string().contains("`PORT` is not a port"));
    }
}
