//! A certificate authority that browsers trust, as it issues operators' certificates to managers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_manager::certificate_files::CertificateFiles;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// The authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, in PEM.
    pub pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// With a key of its own.
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "An authority");
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// A certificate of `localhost` and its key, in PEM.
    pub fn issue(&self, from: Timestamp, until: Timestamp) -> (String, String) {
        let moment = |time: Timestamp| {
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.as_second().try_into().unwrap())
        };
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) = (moment(from), moment(until));
        parameters.distinguished_name.push(DnType::CommonName, "printers.example.org");
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A certificate of another name and its key, in PEM: of a server under these names, or of a client.
    pub fn issue_to(&self, common_name: &str, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// The files of a manager's `operator_tls`.
pub struct OperatorTls {
    /// Where they are.
    pub files: CertificateFiles,
    /// Who issues what is in them.
    pub authority: Authority,
}

impl OperatorTls {
    /// In a folder; nothing is there yet.
    pub fn new(folder: &Path) -> Self {
        let at = |name: &str| -> PathBuf { folder.join(name) };
        let files = CertificateFiles { certificate: at("operators.pem"), key: at("operators.key") };
        Self { files, authority: Authority::new() }
    }

    /// Lines for `manager.toml`.
    pub fn lines(&self) -> String {
        let (certificate, key) = (self.files.certificate.display(), self.files.key.display());
        format!("[operator_tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n")
    }

    /// Puts a new certificate there that is good from a day before `from` on, as an authority's client does.
    pub fn renew(&self, from: Timestamp, until: Timestamp) {
        self.put(&self.authority.issue(from - SignedDuration::from_hours(24), until));
    }

    /// Puts these there.
    pub fn put(&self, (certificate, key): &(String, String)) {
        for (path, text) in [(&self.files.key, key), (&self.files.certificate, certificate)] {
            let beside = path.with_extension("new");
            fs::write(&beside, text).unwrap();
            fs::rename(&beside, path).unwrap();
        }
    }
}
