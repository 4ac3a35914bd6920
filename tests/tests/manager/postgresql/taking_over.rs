//! Taking over the devices of a manager that is gone, while others hear from some of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use platen_protocol::identity::DeviceId;
use platen_tests::rigs::postgres::Cluster;

use super::{let_in, now, open};

/// Devices that nobody takes care of.
const DEVICES: usize = 5;
/// More than there are.
const ALL: u32 = 100;

fn name(number: usize) -> DeviceId {
    format!("device-{number}").parse().unwrap()
}

/// Another session that works with a device, as a manager does that takes its report in.
struct Working(Child);

impl Working {
    fn with(cluster: &Cluster, database: &str, device: &DeviceId) -> Self {
        let mut psql = cluster.psql(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let held = format!(
            "BEGIN; SELECT key FROM devices WHERE id = '{device}' FOR NO KEY UPDATE;\n\\echo it is held\n"
        );
        psql.stdin.as_mut().unwrap().write_all(held.as_bytes()).unwrap();
        let mut said = BufReader::new(psql.stdout.as_mut().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "it is held"));
        Self(psql)
    }

    fn end(mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"COMMIT;\n").unwrap();
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_another_manager_hears_from_is_left_to_it_and_nobody_waits() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let store = open(&cluster, &database).await;
    for number in 0..DEVICES {
        let_in(&store, &name(number)).await;
    }
    let me = store.enter("first".to_owned(), now()).await.unwrap();
    let working = Working::with(&cluster, &database, &name(2));
    let taken = async || {
        let taken = store.adopt(me, ALL).await.unwrap();
        taken.into_iter().map(|one| one.device).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(taken().await, [0, 1, 3, 4].map(name).into());
    working.end();
    assert_eq!(taken().await, [name(2)].into());
    assert_eq!(taken().await, [].into());
}
