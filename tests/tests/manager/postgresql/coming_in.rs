//! How the manager comes in: password, TLS, certificates; and who is refused, in which words.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use platen_manager::store::{PostgresConfig, PostgresFiles};
use platen_tests::rigs::authority::Authority;
use platen_tests::rigs::postgres::{CERTIFIED_ROLE, Cluster, Options, ROLE};

use super::{all_are_there, device, hand_in, let_in, open, try_open};

async fn refusal(cluster: &Cluster, address: &str, files: PostgresFiles) -> String {
    let config = PostgresConfig::parse(address, files).unwrap();
    let Err(error) = try_open(cluster, config).await else { panic!("{address} was let in") };
    error.to_string()
}

fn with_password(path: PathBuf) -> PostgresFiles {
    PostgresFiles { password: Some(path), ..PostgresFiles::default() }
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_or_missing_one_is_refused_without_being_said() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let address = cluster.url(ROLE, &database);
    let good = PostgresConfig::parse(&address, with_password(cluster.password_file())).unwrap();
    let store = try_open(&cluster, good).await.unwrap();
    let_in(&store, &device()).await;
    hand_in(&store, 1).await;
    all_are_there(&cluster, &database, 1);
    let wrong = cluster.password_file().with_extension("wrong");
    fs::write(&wrong, "hunter2").unwrap();
    fs::set_permissions(&wrong, Permissions::from_mode(0o600)).unwrap();
    let told = refusal(&cluster, &address, with_password(wrong.clone())).await;
    assert!(told.contains("password authentication failed") && told.contains("28P01"), "{told}");
    assert!(told.contains("localhost") && !told.contains("hunter2"), "{told}");
    let told = refusal(&cluster, &address, PostgresFiles::default()).await;
    assert!(told.contains("password missing"), "{told}");
    fs::set_permissions(&wrong, Permissions::from_mode(0o644)).unwrap();
    let told = refusal(&cluster, &address, with_password(wrong)).await;
    assert!(told.contains("chmod 600"), "{told}");
    let told = refusal(&cluster, &cluster.url(ROLE, "nowhere"), with_password(cluster.password_file())).await;
    assert!(told.contains("nowhere") && told.contains("3D000"), "{told}");
}

#[tokio::test]
async fn over_tls_the_server_is_checked_by_its_authority_and_its_name() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let files = |authorities: PathBuf| PostgresFiles {
        authorities: Some(authorities),
        ..with_password(cluster.password_file())
    };
    let right = PostgresConfig::parse(&cluster.url(ROLE, &database), files(cluster.ca_file())).unwrap();
    let store = try_open(&cluster, right).await.unwrap();
    let_in(&store, &device()).await;
    let encrypted =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'platen'";
    assert_eq!(cluster.administer(encrypted).trim(), "t");
    let other = cluster.ca_file().with_extension("other");
    fs::write(&other, Authority::new().pem).unwrap();
    let told = refusal(&cluster, &cluster.url(ROLE, &database), files(other)).await;
    assert!(told.contains("TLS") && told.contains("certificate"), "{told}");
    // The certificate is of localhost and 127.0.0.1.
    let elsewhere =
        cluster.url(ROLE, &database).replace("localhost", "db.example.org") + "?hostaddr=127.0.0.1";
    let told = refusal(&cluster, &elsewhere, files(cluster.ca_file())).await;
    assert!(told.contains("db.example.org") && told.contains("not valid for"), "{told}");
    let told = refusal(&cluster, &cluster.url(ROLE, &database), files("/nonexistent/ca.pem".into())).await;
    assert!(told.contains("/nonexistent/ca.pem"), "{told}");
}

#[tokio::test]
async fn a_client_certificate_lets_in_without_a_password_and_only_its_own_role() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let files = |role: &str| {
        let (certificate, key) = cluster.client_files(role);
        PostgresFiles {
            authorities: Some(cluster.ca_file()),
            certificate: Some(certificate),
            key: Some(key),
            ..PostgresFiles::default()
        }
    };
    let address = cluster.url(CERTIFIED_ROLE, &database);
    let store =
        try_open(&cluster, PostgresConfig::parse(&address, files(CERTIFIED_ROLE)).unwrap()).await.unwrap();
    let_in(&store, &device()).await;
    hand_in(&store, 1).await;
    let told = refusal(&cluster, &address, files("somebody_else")).await;
    assert!(told.contains("certificate authentication failed"), "{told}");
    let none = PostgresFiles { authorities: Some(cluster.ca_file()), ..PostgresFiles::default() };
    let told = refusal(&cluster, &address, none).await;
    assert!(told.contains("certificate"), "{told}");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused_with_what_to_do() {
    let mut cluster = Cluster::start();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = cluster.database_in(encoding);
        let told = refusal(&cluster, &cluster.socket_url(&database), PostgresFiles::default()).await;
        assert!(told.contains(encoding) && told.contains("ENCODING 'UTF8'"), "{told}");
        let tables = "SELECT count(*) FROM pg_class WHERE relname = 'devices'";
        assert_eq!(cluster.administer_in(&database, tables).trim(), "0", "nothing was made in it");
    }
}

#[tokio::test]
async fn a_server_whose_sessions_are_used_up_is_said_to_be_so() {
    let options = Options { settings: "max_connections = 6\nsuperuser_reserved_connections = 3\n" };
    let mut cluster = Cluster::start_with(options);
    let database = cluster.database();
    let mut stores = Vec::new();
    let told = loop {
        match try_open(&cluster, cluster.config(&database)).await {
            Ok(store) => stores.push(store),
            Err(error) => break error.to_string(),
        }
        assert!(stores.len() < 7, "more than the server allows");
    };
    assert!(told.contains("connection slots") && told.contains("53300"), "{told}");
    // Whoever is in goes on.
    let_in(&stores[0], &device()).await;
    drop(stores);
    let begin = std::time::Instant::now();
    while try_open(&cluster, cluster.config(&database)).await.is_err() {
        assert!(begin.elapsed() < platen_tests::rigs::process::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nobody_is_there() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    cluster.stop();
    for (address, place) in
        [(cluster.url(ROLE, &database), "localhost"), (cluster.socket_url(&database), "socket")]
    {
        let told = refusal(&cluster, &address, with_password(cluster.password_file())).await;
        assert!(told.contains(place) && told.contains("cannot be used"), "{told}");
    }
    cluster.start_again();
    drop(open(&cluster, &database).await);
}
