//! The idle agent beside Debian's zabbix-agent and collectd, all watched in the same minute: memory, processor time, size.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{Running, program, run, run_ok, until};

use crate::machine::{cpu_nanoseconds, family, memory, voluntary_switches};
use crate::server::{free_port, installed};
use crate::table::Table;

/// After this the start is over: everything has been read and reported once, and what only the start needed has been given
/// back (`give_back.rs` of the agent).
const SETTLE: Duration = Duration::from_secs(15);
/// How long they are watched.
const WATCH: Duration = Duration::from_secs(60);
const MB: f64 = 1_000_000.0;
/// What Debian's `/etc/collectd/collectd.conf` loads.
const COLLECTD_PLUGINS: [&str; 12] = [
    "battery",
    "cpu",
    "df",
    "disk",
    "entropy",
    "interface",
    "irq",
    "load",
    "memory",
    "processes",
    "swap",
    "users",
];

/// What is watched: a process and those that it has started.
struct Watched {
    name: &'static str,
    process: u32,
    /// Bytes of its program or package, and which of the two.
    size: f64,
    sized: &'static str,
}

struct Figures {
    pss: f64,
    rss: f64,
    cpu: u64,
    switches: u64,
}

fn look(process: u32) -> Figures {
    let family = family(process);
    Figures {
        pss: family.iter().map(|process| memory(*process, "Pss:")).sum(),
        rss: family.iter().map(|process| memory(*process, "Rss:")).sum(),
        cpu: family.iter().map(|process| cpu_nanoseconds(*process)).sum(),
        switches: family.iter().map(|process| voluntary_switches(*process)).sum(),
    }
}

pub(crate) fn measure(table: &mut Table) {
    eprintln!("the idle agent and its peers, for {} s", WATCH.as_secs());
    let manager = Manager::start();
    let device = idle(&manager);
    // collectd writes into no folder with a point at its beginning.
    let folder = tempfile::Builder::new().prefix("bench-").tempdir().unwrap();
    let peers: Vec<(Running, Watched)> =
        [zabbix(folder.path(), table), collectd(folder.path(), table)].into_iter().flatten().collect();
    let ours = Watched {
        name: "idle agent",
        process: device.id(),
        size: stripped(&for_printers(), &device.file("stripped")),
        sized: "its binary, stripped",
    };
    let watched: Vec<&Watched> = std::iter::once(&ours).chain(peers.iter().map(|(_, peer)| peer)).collect();
    std::thread::sleep(SETTLE);
    let before: Vec<Figures> = watched.iter().map(|one| look(one.process)).collect();
    std::thread::sleep(WATCH);
    let after: Vec<Figures> = watched.iter().map(|one| look(one.process)).collect();

    let minutes = WATCH.as_secs_f64() / 60.0;
    let mut rows = watched.iter().zip(before.iter().zip(&after)).map(|(one, (before, after))| {
        let figures = [
            after.pss / MB,
            after.rss / MB,
            (after.cpu - before.cpu) as f64 / 1e6 / minutes,
            (after.switches - before.switches) as f64 / minutes,
            one.size / MB,
        ];
        (*one, figures)
    });
    let (_, ours) = rows.next().unwrap();
    let [pss, rss, cpu, switches, size] = ours;
    // Each bar is what was reached, and a little more: no change makes the agent larger unseen.
    table.at_most("idle agent, PSS", pss, "MB", 3.6, "goal 4, stretch 2.5, floor 1.55");
    table.at_most("idle agent, RSS", rss, "MB", 5.0, "goal 6, floor 2.9");
    // A machine that has been idle may take ten times as long for the same: this one only compares with its peers.
    table.show("idle agent, CPU", cpu, "ms/min", "goal 3");
    table.at_most("idle agent, voluntary switches", switches, "1/min", 36.0, "goal 20");
    table.at_most(
        "idle agent, its binary, stripped",
        size,
        "MB",
        4.9,
        "goal 4; thin client libraries alone 1.4",
    );
    let with_simulator = stripped(&program("platen-agent"), &device.file("stripped"));
    let beside = "what is watched: its printer is in its process";
    table.show("idle agent, its binary with the simulator", with_simulator / MB, "MB", beside);
    for (peer, figures) in rows {
        let names = ["PSS", "RSS", "CPU", "voluntary switches", peer.sized];
        let units = ["MB", "MB", "ms/min", "1/min", "MB"];
        for (((name, unit), figure), ours) in names.into_iter().zip(units).zip(figures).zip(ours) {
            let beside = format!("the agent {:.2} times of it", ours / figure);
            table.show(format!("{}, {name}", peer.name), figure, unit, &beside);
        }
    }
    drop(peers);
}

/// A printer as its agent is shipped: without the quick sampling of the tests.
fn idle(manager: &Manager) -> Device {
    let mut device = Device::new("idle", &manager.device_url());
    let quick = "[sample]\ninterval = \"200ms\"\n";
    let config = fs::read_to_string(device.file("agent.toml")).unwrap();
    assert!(config.contains(quick));
    fs::write(device.file("agent.toml"), config.replace(quick, "")).unwrap();
    device.enroll(&manager.token(&["--device", "idle"]));
    device.start();
    device.until_parked();
    device
}

/// The agent as it is shipped, without a simulator; where that was not built, the one with it.
fn for_printers() -> PathBuf {
    let folder = std::env::var_os("PLATEN_PROGRAMS").map(PathBuf::from);
    let shipped = folder.map(|folder| folder.join("platen-agent-for-printers"));
    shipped.filter(|shipped| shipped.is_file()).unwrap_or_else(|| program("platen-agent"))
}

fn stripped(program: &Path, to: &Path) -> f64 {
    run_ok(Command::new("strip").arg("-o").arg(to).arg(program), "");
    to.metadata().unwrap().len() as f64
}

/// As Debian's package has it, but on a port of its own and with its files here. No server answers it.
fn zabbix(folder: &Path, table: &mut Table) -> Option<(Running, Watched)> {
    let name = "zabbix-agent";
    let program = found("zabbix_agentd", name, table)?;
    let file = folder.join("zabbix.conf");
    let here = folder.display();
    let text = format!(
        "PidFile={here}/zabbix.pid\nLogType=console\nServer=127.0.0.1\nServerActive=127.0.0.1:{}\n\
         ListenIP=127.0.0.1\nListenPort={}\nAllowRoot=1\nHostname=bench\n",
        free_port(),
        free_port(),
    );
    fs::write(&file, text).unwrap();
    let log = folder.join("zabbix.log");
    let running = Running::start_group(Command::new(program).args(["-f", "-c"]).arg(file), &log);
    // One process for each of its tasks.
    let begun = || (family(running.id()).len() > 1).then_some(());
    until("zabbix-agent has begun", begun);
    let process = running.id();
    Some((running, Watched { name, process, size: package(name), sized: "its package" }))
}

/// The plugins that Debian's configuration turns on, but for the system's log, at their usual interval. Values are written
/// to files here: to round-robin databases as there, which takes librrd8, or else as text.
fn collectd(folder: &Path, table: &mut Table) -> Option<(Running, Watched)> {
    let name = "collectd";
    let program = found("collectd", "collectd-core", table)?;
    let file = folder.join("collectd.conf");
    let here = folder.display();
    let has_rrd = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok);
    let has_rrd = has_rrd.map(|entry| entry.path().join("librrd.so.8")).any(|library| library.exists());
    if !has_rrd {
        table.missing("collectd with rrdtool, as Debian configures it; run: apt-get install librrd8");
    }
    let writer = if has_rrd { "rrdtool" } else { "csv" };
    let plugins: Vec<String> =
        COLLECTD_PLUGINS.iter().map(|plugin| format!("LoadPlugin {plugin}\n")).collect();
    let plugins = plugins.concat();
    let text = format!(
        "BaseDir \"{here}\"\nPIDFile \"{here}/collectd.pid\"\nFQDNLookup false\nHostname \"bench\"\n\
         TypesDB \"/usr/share/collectd/types.db\"\n{plugins}LoadPlugin {writer}\n\
         <Plugin {writer}>\nDataDir \"{here}/values\"\n</Plugin>\n"
    );
    fs::write(&file, text).unwrap();
    let log = folder.join("collectd.log");
    let running = Running::start_group(Command::new(program).args(["-f", "-C"]).arg(file), &log);
    let process = running.id();
    until("collectd has begun", || folder.join("values").exists().then_some(()));
    Some((running, Watched { name, process, size: package("collectd-core"), sized: "its package" }))
}

fn found(program: &str, package: &str, table: &mut Table) -> Option<std::path::PathBuf> {
    let found = installed(program);
    if found.is_none() {
        table.missing(format!("{package} is not installed; run: apt-get install {package}"));
    }
    found
}

/// Bytes that a Debian package takes when it is installed.
fn package(name: &str) -> f64 {
    let output = run(Command::new("dpkg-query").args(["-W", "-f", "${Installed-Size}", name]), "");
    String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().map_or(f64::NAN, |kib| kib * 1024.0)
}
