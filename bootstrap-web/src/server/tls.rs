//! TLS, with a certificate that is read again when its files change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
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
    pub(super) fn new(certificate: &str, key: &str) -> anyhow::Result<Option<Self>> {
        match (certificate, key) {
            ("", "") => Ok(None),
            (_, "") => {
                bail!("`http.tls.cert` needs the key of the certificate: set `http.tls.key`")
            }
            ("", _) => bail!("`http.tls.key` needs the certificate: set `http.tls.cert`"),
            (certificate, key) => Ok(Some(Self {
                certificate: certificate.into(),
                key: key.into(),
            })),
        }
    }

    async fn read(&self) -> anyhow::Result<Content> {
        let files = self.clone();
        spawn_blocking(move || {
            let read = |key: &str, path: &Path| {
                std::fs::read(path).with_context(|| {
                    format!("can't read the file of `http.{key}`, {}", path.display())
                })
            };
            Ok(Content {
                certificate: read("tls.cert", &files.certificate)?,
                key: read("tls.key", &files.key)?,
            })
        })
        .await?
    }

    fn parse(&self, content: &Content) -> anyhow::Result<CertifiedKey> {
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&content.certificate).collect();
        let (at, key_at) = (self.certificate.display(), self.key.display());
        let chain = chain.with_context(|| {
            format!("`http.tls.cert`: {at} is not a certificate in PEM: correct the file")
        })?;
        if chain.is_empty() {
            bail!("`http.tls.cert`: {at} has no certificate in PEM: correct the file");
        }
        let key = PrivateKeyDer::from_pem_slice(&content.key).with_context(|| {
            format!("`http.tls.key`: {key_at} has no private key in PEM: correct the file")
        })?;
        CertifiedKey::from_der(chain, key, &provider()).with_context(|| {
            format!("the key in {key_at} (`http.tls.key`) is not that of {at} (`http.tls.cert`)")
        })
    }
}

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
