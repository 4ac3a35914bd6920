//! What PostgreSQL's own programs (`pg_dump`, `pg_restore`) are told, by the variables of their environment.

use std::ffi::OsString;
use std::net::IpAddr;

use postgres::config::Host;

use super::super::StoreError;
use super::PostgresConfig;

impl PostgresConfig {
    /// Variables by which PostgreSQL's programs find the same database as the same user, the same way.
    pub fn environment(&self) -> Result<Vec<(&'static str, OsString)>, StoreError> {
        let client = &self.client;
        let hosts: Vec<String> = client
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let addresses: Vec<String> = client.get_hostaddrs().iter().map(IpAddr::to_string).collect();
        let ports: Vec<String> = client.get_ports().iter().map(u16::to_string).collect();
        let listed = |all: Vec<String>| Some(OsString::from(all.join(","))).filter(|all| !all.is_empty());
        let (authorities, own) = self.tls_files().unzip();
        let own = own.flatten();
        let mode = if authorities.is_some() { "verify-full" } else { "disable" };
        let all = [
            ("PGHOST", listed(hosts)),
            ("PGHOSTADDR", listed(addresses)),
            ("PGPORT", listed(ports)),
            ("PGUSER", client.get_user().map(OsString::from)),
            ("PGDATABASE", Some(self.database().into())),
            ("PGPASSWORD", self.password()?.map(OsString::from)),
            ("PGSSLMODE", Some(mode.into())),
            ("PGSSLROOTCERT", authorities.map(OsString::from)),
            ("PGSSLCERT", own.map(|own| own.certificate.clone().into())),
            ("PGSSLKEY", own.map(|own| own.key.clone().into())),
        ];
        Ok(all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    /// The database's name.
    pub fn database(&self) -> String {
        let named = self.client.get_dbname().or_else(|| self.client.get_user());
        named.unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::PostgresFiles;
    use super::*;

    #[test]
    fn its_programs_come_in_as_the_manager_does() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("password");
        std::fs::write(&secret, "not seen by others\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, mode).unwrap();
        let files = PostgresFiles {
            password: Some(secret),
            authorities: Some("/etc/ca.pem".into()),
            ..PostgresFiles::default()
        };
        let config = PostgresConfig::parse("postgresql://platen@db.example.org:5433/fleet", files).unwrap();
        let told: Vec<(&str, String)> = config
            .environment()
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, value.into_string().unwrap()))
            .collect();
        let expected = [
            ("PGHOST", "db.example.org"),
            ("PGPORT", "5433"),
            ("PGUSER", "platen"),
            ("PGDATABASE", "fleet"),
            ("PGPASSWORD", "not seen by others"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
