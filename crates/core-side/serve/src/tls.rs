//! TLS: what the server shows, and which certificates readers may log in with.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ServerSessionMemoryCache;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};

/// Sessions that can be resumed, the latest of them.
const RESUMABLE: usize = 256;

/// Why a certificate or a key cannot be used. Never quotes either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Not certificates in PEM.
    #[error("expected one or more certificates in PEM, found {0}")]
    Certificate(String),
    /// Not a key in PEM.
    #[error("expected one private key in PEM, found {0}")]
    Key(String),
    /// A key of another certificate, or of a kind that TLS does not know.
    #[error("expected the key of the certificate, found {0}")]
    Pair(String),
}

/// What the server shows to those who connect over TLS (1.2 and 1.3). Clones are the same; what is replaced
/// holds for connections from then on.
#[derive(Clone)]
pub struct Certificates {
    current: Arc<RwLock<Arc<ServerConfig>>>,
    readers: ReaderCertificates,
}

/// Certificates that readers may log in with, each as it is.
type ReaderCertificates = Arc<RwLock<Vec<Vec<u8>>>>;

impl Certificates {
    /// A certificate, those that vouch for it, and its key, all in PEM; and the certificates of readers, in
    /// DER: only these are taken, whoever signed them and for how long.
    ///
    /// # Errors
    /// When they cannot be used, and why.
    pub fn new(chain: &[u8], key: &[u8], readers: Vec<Vec<u8>>) -> Result<Self, TlsError> {
        let readers = Arc::new(RwLock::new(readers));
        let config = config(chain, key, &readers)?;
        Ok(Self { current: Arc::new(RwLock::new(config)), readers })
    }

    /// Shows these from now on.
    ///
    /// # Errors
    /// When they cannot be used, and why; then what was shown before stays.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let config = config(chain, key, &self.readers)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Takes these certificates of readers from now on, in DER, and no other.
    pub fn replace_readers(&self, readers: Vec<Vec<u8>>) {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = readers;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // A session that is resumed is the reader of before, with its certificate or without one: nobody is asked.
        let mut config = ServerConfig::clone(&current);
        config.session_storage = ServerSessionMemoryCache::new(RESUMABLE);
        *current = Arc::new(config);
    }

    pub(crate) fn session(&self) -> Result<ServerConnection, Error> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        ServerConnection::new(config)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

/// Whether a connection failed because the reader showed a certificate that no account has.
pub(crate) fn is_certificate_refused(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    matches!(error, Some(Error::InvalidCertificate(_)))
}

/// The first certificate of a PEM text, in DER.
///
/// # Errors
/// When there is none.
pub fn certificate(pem: &[u8]) -> Result<Vec<u8>, TlsError> {
    CertificateDer::from_pem_slice(pem)
        .map(|certificate| certificate.to_vec())
        .map_err(|error| TlsError::Certificate(plain(&error)))
}

fn config(
    chain: &[u8],
    key: &[u8],
    readers: &ReaderCertificates,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificate(plain(&error)))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("none".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(plain(&error)))?;
    let provider = Arc::new(ring::default_provider());
    let pair = |error: Error| TlsError::Pair(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_client_cert_verifier(Arc::new(Known { readers: Arc::clone(readers), provider }))
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.session_storage = ServerSessionMemoryCache::new(RESUMABLE);
    Ok(Arc::new(config))
}

/// What is wrong with a PEM text. The error itself may quote lines of it.
fn plain(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::NoItemsFound => "none",
        Error::MissingSectionEnd { .. } => "one without an end",
        Error::Base64Decode(_) => "one that is not in Base64",
        _ => "something else",
    }
    .to_owned()
}

/// Takes the certificates of readers, and no other. Signatures of authorities do not matter: each is known
/// as it is, and holds until its account is taken away.
#[derive(Debug)]
struct Known {
    readers: ReaderCertificates,
    provider: Arc<CryptoProvider>,
}

impl Known {
    fn readers(&self) -> RwLockReadGuard<'_, Vec<Vec<u8>>> {
        self.readers.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientCertVerifier for Known {
    /// Where no account has a certificate none is asked for, and whoever would show one need not.
    fn offer_client_auth(&self) -> bool {
        !self.readers().is_empty()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.readers().iter().any(|known| known.as_slice() == end_entity.as_ref()) {
            return Ok(ClientCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
