//! A state directory that does not keep what is written there, on real file systems: memory, and overlays. Mounts are in
//! a namespace of the test's own, which needs root.

use std::path::Path;
use std::process::Command;

use platen_agent::identity::volatile::{self, Permanence};
use platen_agent::tool::control::message::{Answer, Request};
use platen_agent::tool::show;
use platen_hal::Verdict;
use platen_protocol::device_to_manager::{ReportBody, Started};
use platen_tests::rigs::agent::task::Device;
use platen_tests::rigs::disk::mounts_of_its_own;
use platen_tests::rigs::manager::scripted::Manager;
use platen_tests::rigs::process::run_ok;

/// Whether this process may mount; the rule alone is tested beside it.
fn may_mount() -> bool {
    let may = nix::unistd::geteuid().is_root();
    if !may {
        println!("not run: mounting needs root");
    }
    may
}

fn mount(arguments: &[&str], at: &Path) {
    run_ok(Command::new("mount").args(arguments).arg(at), "");
}

/// An overlay at a folder, whose layers are in another one.
fn overlay(layers: &Path, at: &Path) {
    for layer in ["lower", "upper", "work"] {
        std::fs::create_dir_all(layers.join(layer)).unwrap();
    }
    let layer = |name: &str| format!("{name}dir={}", layers.join(name).display());
    let options = [layer("lower"), layer("upper"), layer("work")].join(",");
    mount(&["-t", "overlay", "overlay", "-o", &options], at);
}

#[test]
fn memory_and_an_overlay_over_memory_are_found_out_and_an_overlay_over_a_disk_is_not_accused() {
    if !may_mount() {
        return;
    }
    mounts_of_its_own();
    // Not in /tmp, which may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| {
        let at = folder.path().join(name);
        std::fs::create_dir_all(&at).unwrap();
        at
    };
    let of = |name: &str| volatile::of(&at(name)).unwrap();
    assert!(matches!(of("disk"), Permanence::Kept(_)), "{:?}", of("disk"));
    mount(&["-t", "tmpfs", "tmpfs"], &at("memory"));
    assert_eq!(of("memory"), Permanence::Volatile("tmpfs".to_owned()));
    assert_eq!(of("memory/below/it"), Permanence::Volatile("tmpfs".to_owned()));
    mount(&["-t", "ramfs", "ramfs"], &at("ram"));
    assert_eq!(of("ram"), Permanence::Volatile("ramfs".to_owned()));
    overlay(&at("layers"), &at("over a disk"));
    assert!(matches!(of("over a disk"), Permanence::Kept(on) if on.starts_with("an overlay")));
    overlay(&at("memory/layers"), &at("over, memory"));
    let on_memory = Permanence::Volatile("an overlay whose upper layer is on tmpfs".to_owned());
    assert_eq!(of("over, memory"), on_memory);
    // What is mounted below it is judged by itself.
    mount(&["--bind", at("disk").to_str().unwrap()], &at("over, memory/kept"));
    assert!(matches!(of("over, memory/kept"), Permanence::Kept(_)));
}

#[test]
fn an_agent_whose_state_is_in_memory_says_so_in_its_status_to_the_doctor_and_to_the_manager() {
    if !may_mount() {
        return;
    }
    mounts_of_its_own();
    // On this very thread, whose mounts are its own; those that it starts have them as well.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let manager = Manager::start().await;
        let device = Device::with("allow_simulated = true");
        std::fs::create_dir_all(device.state()).unwrap();
        mount(&["-t", "tmpfs", "-o", "mode=0700", "tmpfs"], device.state());
        device.enroll(&manager, &manager.token()).await.unwrap();
        let agent = device.start();
        let told = manager
            .until("the agent has started", |state| {
                state.of_kind("started").first().map(|report| report.body.clone())
            })
            .await;
        let ReportBody::Started(Started { volatile_state, .. }) = told else { panic!("{told:?}") };
        assert_eq!(volatile_state.as_deref(), Some("tmpfs"));

        let Answer::Status(status) = agent.ask(Request::Status).await else { panic!() };
        let shown = show::status(&status);
        assert!(shown.contains("state     does not outlive a restart: it is on tmpfs"), "{shown}");
        let Answer::Findings { findings, .. } = agent.ask(Request::Doctor).await else { panic!() };
        let state = findings.iter().find(|finding| finding.subject == "state").unwrap();
        assert_eq!(state.verdict, Verdict::Doubtful);
        assert!(state.check.as_deref().unwrap().contains("put the state directory on a disk"), "{state:?}");
        agent.stop().await.unwrap();
    });
}
