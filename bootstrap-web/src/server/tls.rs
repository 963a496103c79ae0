//! TLS, with a certificate that is read again when its files change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bootstrap::RunContext;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::values::KeyFault;

/// How often the files are read.
const INTERVAL: Duration = Duration::from_secs(5);

/// A certificate and its key, both in PEM.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What was in the files.
#[derive(Default, PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// None, if neither is set.
    pub(super) fn new(certificate: &str, key: &str) -> Result<Option<Self>, KeyFault> {
        match (certificate, key) {
            ("", "") => Ok(None),
            (_, "") => Err(KeyFault::new(
                CERTIFICATE,
                "`http.tls.cert` needs the key of the certificate",
                "set `http.tls.key`",
            )),
            ("", _) => Err(KeyFault::new(
                KEY,
                "`http.tls.key` needs the certificate",
                "set `http.tls.cert`",
            )),
            (certificate, key) => Ok(Some(Self {
                certificate: certificate.into(),
                key: key.into(),
            })),
        }
    }

    async fn read(&self) -> anyhow::Result<Content> {
        let files = self.clone();
        spawn_blocking(move || {
            let read = |key: &'static str, path: &Path| {
                std::fs::read(path).map_err(|error| {
                    let wrong = format!("can't read `{}` (`{key}`): {error}", path.display());
                    KeyFault::new(
                        key,
                        wrong,
                        "correct the path, or let this process read the file",
                    )
                })
            };
            Ok(Content {
                certificate: read(CERTIFICATE, &files.certificate)?,
                key: read(KEY, &files.key)?,
            })
        })
        .await?
    }

    fn parse(&self, content: &Content) -> Result<CertifiedKey, KeyFault> {
        let (at, key_at) = (self.certificate.display(), self.key.display());
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&content.certificate).collect();
        let chain = match chain {
            Ok(chain) if !chain.is_empty() => chain,
            Ok(_) => {
                let wrong = format!("`{at}` (`{CERTIFICATE}`) has no certificate in PEM");
                return Err(KeyFault::new(CERTIFICATE, wrong, "correct the file"));
            }
            Err(error) => {
                let wrong =
                    format!("`{at}` (`{CERTIFICATE}`) is not a certificate in PEM: {error}");
                return Err(KeyFault::new(CERTIFICATE, wrong, "correct the file"));
            }
        };
        let key = PrivateKeyDer::from_pem_slice(&content.key).map_err(|error| {
            let wrong = format!("`{key_at}` (`{KEY}`) has no private key in PEM: {error}");
            KeyFault::new(KEY, wrong, "correct the file")
        })?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
            let wrong = format!(
                "the key in `{key_at}` (`{KEY}`) is not that of `{at}` (`{CERTIFICATE}`): {error}"
            );
            KeyFault::new(KEY, wrong, "set the files that belong together")
        })
    }
}

const CERTIFICATE: &str = "http.tls.cert";

const KEY: &str = "http.tls.key";

fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// TLS for connections.
pub(super) struct Tls {
    files: Files,
    content: Content,
    current: Arc<Current>,
    pub(super) acceptor: TlsAcceptor,
}

/// The certificate of new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl Tls {
    pub(super) async fn load(files: Files) -> anyhow::Result<Self> {
        let content = files.read().await?;
        let key = Arc::new(files.parse(&content)?);
        let current = Arc::new(Current(RwLock::new(key)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        #[cfg(feature = "http2")]
        config.alpn_protocols.push(b"h2".to_vec());
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self {
            files,
            content,
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Reads the files again and again, until the plugin stops. A mistake in them changes nothing.
    pub(super) async fn reload(mut self, cx: RunContext) {
        loop {
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = cx.stopped() => return,
            }
            if let Err(error) = self.read_again().await {
                tracing::warn!("the certificate stays as it is: {error:#}");
            }
        }
    }

    async fn read_again(&mut self) -> anyhow::Result<()> {
        let content = self.files.read().await?;
        if content == self.content {
            return Ok(());
        }
        // Reported once. The two files may change one after the other.
        self.content = content;
        let key = Arc::new(self.files.parse(&self.content)?);
        *self
            .current
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner) = key;
        tracing::info!("the certificate has changed");
        Ok(())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
