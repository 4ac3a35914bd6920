//! A manager behind Debian's `HAProxy`, as docs/scale.md says.

use std::fs;

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::centre::{BALANCER, Centre};
use platen_tests::rigs::process::{run_ok, until};

const GUIDE: &str = include_str!("../../../../docs/scale.md");

#[test]
fn behind_haproxy_a_device_is_seen_where_it_is_and_health_checks_are_no_trouble() {
    let mut centre = Centre::start(1);
    centre.kill(0);
    centre.managers[0].set_environment(vec![("PLATEN_LOG".to_owned(), "platen_manager=debug".to_owned())]);
    centre.managers[0].resume();
    let manager = &centre.managers[0];
    let _device = Device::enrolled_by("lobby", manager, &centre.device_url(), Setup::default());
    let operator = manager.operator();
    assert_eq!(operator.device("lobby")["contact"]["remote"], "127.0.0.1", "and not the balancer's");
    let looked = until("the balancer has looked whether the manager is there", || {
        let log = manager.log();
        log.lines()
            .find(|line| line.contains("a load balancer looked whether somebody is there"))
            .map(str::to_owned)
    });
    assert!(looked.contains(BALANCER) && looked.contains("DEBUG"), "{looked}");
    let log = manager.log();
    let told = log.lines().filter(|line| line.contains(BALANCER) && !line.contains("DEBUG"));
    assert_eq!(told.collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(operator.json("/api/v1/health")["turned_away"]["proxy_header"], 0);
}

#[test]
fn haproxy_takes_the_configuration_of_the_guide() {
    let block = GUIDE.split_once("```haproxy\n").unwrap().1.split_once("```").unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, block).unwrap();
    run_ok(std::process::Command::new("haproxy").arg("-c").arg("-f").arg(&file), "");
}
