//! One authority for every server of a run, and devices that it has let in: they are put into a store by SQL, because a
//! fleet that enrolled one by one would take longer than what is looked at.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use platen_manager::ca::{Ca, DEVICE_LIFE, check_csr};
use platen_manager::store::Certificate;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use tempfile::TempDir;

use super::manager::task::now;

/// What the servers are known as.
pub const SERVER_NAME: &str = "localhost";

/// Devices that one statement lets in.
pub const DEVICES_AT_ONCE: usize = 500;

/// The manager's authority, in a folder of its own. All devices have one key: a key each would only cost the client's
/// time and memory, and no server can tell.
pub struct Pki {
    folder: PathBuf,
    /// It goes with the one who made it.
    own_folder: Option<TempDir>,
    ca: Ca,
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
    provider: Arc<CryptoProvider>,
    roots: Arc<rustls::RootCertStore>,
}

/// A device that may come in.
pub struct Identity {
    /// Its id.
    pub name: String,
    /// What the store has to know of its certificate.
    pub certificate: Certificate,
    chain: Vec<CertificateDer<'static>>,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// One of its own, which goes with it.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        // A server that gives up root's rights has to come in.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self::of(folder.path()).owning(folder)
    }

    fn owning(mut self, folder: TempDir) -> Self {
        self.own_folder = Some(folder);
        self
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The one of a folder, where there may be none yet.
    pub fn of(folder: &Path) -> Self {
        let ca = Ca::load_or_make(folder, now()).unwrap();
        let names = [SERVER_NAME.to_owned(), "127.0.0.1".to_owned()];
        ca.server(folder, &names, now()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = KeyPair::generate().unwrap();
        let der = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let signing = provider.key_provider.load_private_key(der).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.certificate().clone()).unwrap();
        Self {
            folder: folder.to_owned(),
            own_folder: None,
            ca,
            key,
            signing,
            provider,
            roots: Arc::new(roots),
        }
    }

    /// Certificate and key of servers, and the authority's certificate.
    pub fn server_files(&self) -> [PathBuf; 3] {
        ["server.pem", "server.key", "ca.pem"].map(|name| self.folder.join(name))
    }

    /// Makes this the authority of a manager that was never started.
    pub fn plant(&self, state: &Path) {
        fs::create_dir_all(state).unwrap();
        fs::set_permissions(state, Permissions::from_mode(0o700)).unwrap();
        for name in ["ca.pem", "ca.key"] {
            fs::copy(self.folder.join(name), state.join(name)).unwrap();
        }
    }

    /// So many devices, by a word and a number from `first` on.
    pub fn identities(&self, word: &str, first: usize, count: usize) -> Vec<Identity> {
        let now = now();
        (first..first + count).map(|number| self.identity(format!("{word}-{number}"), now)).collect()
    }

    fn identity(&self, name: String, now: Timestamp) -> Identity {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name.as_str());
        let csr = parameters.serialize_request(&self.key).unwrap().pem().unwrap();
        let issued = self.ca.issue(&check_csr(&csr).unwrap(), now, DEVICE_LIFE).unwrap();
        // As agents do, without the CA.
        let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).map(Result::unwrap).take(1);
        let chain = chain.collect();
        Identity { name, certificate: issued.certificate, chain }
    }

    /// How a device shakes hands: anew each time, or with what `sessions` it may remember.
    pub fn device(&self, identity: &Identity, protocols: &[&[u8]], sessions: usize) -> Arc<ClientConfig> {
        let certified = CertifiedKey::new(identity.chain.clone(), Arc::clone(&self.signing));
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let mut config = self.versions().with_client_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption =
            if sessions == 0 { Resumption::disabled() } else { Resumption::in_memory_sessions(sessions) };
        Arc::new(config)
    }

    /// How an operator's program does, which has no certificate.
    pub fn operator(&self) -> Arc<ClientConfig> {
        let mut config = self.versions().with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    fn versions(&self) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
    }
}

/// The statement that lets devices into a store.
pub fn devices(identities: &[Identity]) -> String {
    let mut sql = "INSERT INTO devices (id, certificate_serial, certificate_issued, certificate_expires, enrolled) VALUES".to_owned();
    for (place, identity) in identities.iter().enumerate() {
        let (issued, expires) =
            (identity.certificate.issued.as_millisecond(), identity.certificate.expires.as_millisecond());
        let comma = if place == 0 { "" } else { "," };
        write!(
            sql,
            "{comma} ('{}', '{}', {issued}, {expires}, {issued})",
            identity.name, identity.certificate.serial
        )
        .unwrap();
    }
    sql
}
