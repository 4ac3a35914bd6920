//! What all simulations of a process share, because it is costly and no seed depends on it: the manager's
//! certificates, those of the devices, and a database in which the devices are let in.

use std::sync::{Arc, OnceLock};

use jiff::SignedDuration;
use platen_manager::ca::{DEVICE_LIFE, check_csr};
use platen_manager::certificates::Certificates;
use platen_manager::config::Config;
use platen_manager::database_path;
use platen_manager::store::{Enrolment, Grouping, NewToken, Store};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::plan::beginning;
use super::world::folder;
use crate::rigs::manager::read_config;

/// What all simulations of a process share.
pub(super) struct Prepared {
    /// Its configuration.
    pub(super) config: Config,
    /// Its certificates.
    pub(super) certificates: Certificates,
    /// Those of the devices, by number.
    pub(super) devices: Vec<CertificateDer<'static>>,
    /// The database as it is before the first report.
    pub(super) database: Vec<u8>,
}

/// The name of a device, by number.
pub(super) fn name(device: usize) -> String {
    format!("d{device}")
}

impl Prepared {
    /// For the simulations by seed.
    pub(super) fn small() -> &'static Arc<Self> {
        static PREPARED: OnceLock<Arc<Prepared>> = OnceLock::new();
        PREPARED.get_or_init(|| Arc::new(Self::make(3)))
    }

    /// For so many devices. Made on a thread of its own: the caller's may have its own time.
    pub(super) fn make(devices: usize) -> Self {
        std::thread::spawn(move || Self::build(devices)).join().unwrap()
    }

    fn build(devices: usize) -> Self {
        let directory = folder();
        let config = read_config(directory.path(), "manager");
        let certificates = Certificates::load_or_make(&config, beginning()).unwrap();
        let path = database_path(directory.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let devices = runtime.block_on(async {
            let store = Store::open(&path, Grouping::Group).unwrap();
            let mut shown = Vec::new();
            for device in 0..devices {
                shown.push(let_in(&store, &certificates, &name(device)).await);
            }
            store.close().await;
            shown
        });
        let database = std::fs::read(&path).unwrap();
        Self { config, certificates, devices, database }
    }
}

async fn let_in(store: &Store, certificates: &Certificates, name: &str) -> CertificateDer<'static> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let csr = check_csr(&parameters.serialize_request(&key).unwrap().pem().unwrap()).unwrap();
    let now = beginning();
    let issued = certificates.ca.issue(&csr, now, DEVICE_LIFE).unwrap();
    let hash = format!("hash of {name}");
    let expires = now + SignedDuration::from_hours(1);
    store.add_token(NewToken { hash: hash.clone(), device: None, created: now, expires }).await.unwrap();
    let enrolment = Enrolment {
        token_hash: hash,
        device: name.parse().unwrap(),
        certificate_serial: issued.certificate.serial.clone(),
        certificate_expires: issued.certificate.expires,
        now,
    };
    store.enrol(enrolment).await.unwrap().unwrap();
    CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap()
}
