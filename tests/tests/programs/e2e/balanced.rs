//! A manager behind Debian's `HAProxy`, as docs/scale.md says.

use std::fs;

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::centre::Centre;
use platen_tests::rigs::process::run_ok;

const GUIDE: &str = include_str!("../../../../docs/scale.md");

#[test]
fn behind_haproxy_a_device_is_seen_where_it_is_and_health_checks_are_no_trouble() {
    let centre = Centre::start(1);
    let manager = &centre.managers[0];
    let _device = Device::enrolled_by("lobby", manager, &centre.device_url(), Setup::default());
    let operator = manager.operator();
    assert_eq!(operator.device("lobby")["contact"]["remote"], "127.0.0.1", "and not the balancer's");
    assert_eq!(operator.json("/api/v1/health")["turned_away"]["proxy_header"], 0);
    let log = manager.log();
    assert!(!log.contains("TLS handshake") && !log.contains("balancer"), "{log}");
}

#[test]
fn haproxy_takes_the_configuration_of_the_guide() {
    let block = GUIDE.split_once("```haproxy\n").unwrap().1.split_once("```").unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, block).unwrap();
    run_ok(std::process::Command::new("haproxy").arg("-c").arg("-f").arg(&file), "");
}
