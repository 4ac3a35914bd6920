//! A maker, a manager, and a controller in a guest, with what each says of an update.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use platen_tests::guests::Guest;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::debian::agent_package;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::manager::task::now;
use platen_tests::rigs::printer_guest::{NAME, Powered, PrinterGuest, status, until_parked};
use platen_tests::rigs::process::{run_ok, until_within};
use platen_tests::rigs::versions::{Fault, version_of};
use platen_trust::sign::key_file;
use platen_trust::{Content, Program, Trusted};
use serde_json::{Value, json};

/// The version that is built, and the one to which it is updated; they are updated to each other.
pub(super) const FIRST: &str = env!("CARGO_PKG_VERSION");
pub(super) const SECOND: &str = "9.0.2";
/// One whose agent ends at once, and one whose agent does not reach the manager.
pub(super) const ENDS: &str = "9.0.3";
pub(super) const DEAF: &str = "9.0.4";
/// The least time that an agent can be given; it is waited for in full where it says nothing.
const SHORT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(600);
/// An update from its offer to its end, with a power cut in between, on a busy machine.
const UPDATED_WITHIN: Duration = Duration::from_secs(600);
/// What watches in the guest, and what it writes.
const WATCH: &str = include_str!("watch.sh");
const STEPS: &str = "/run/steps";

/// Everything that outlives a power cut.
pub(super) struct Site {
    pub(super) controller: PrinterGuest,
    pub(super) operator: Operator,
    manager: Manager,
    root: PathBuf,
}

/// An attempt that ended, as the manager knows it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) step: String,
    pub(super) reason: String,
}

impl Site {
    /// The maker has signed all versions, and the manager has published them.
    pub(super) fn new() -> Self {
        let controller = PrinterGuest::new("");
        let manager = Manager::start();
        let folder = controller.folder();
        let at = |name: &str| folder.join(name);
        let publish = |arguments: &[&str]| run_ok(manager.command().arg("program").args(arguments), "");
        publish(&["key", "--online", at("online.pub").to_str().unwrap()]);
        let mut maker = Maker::new(&key_file::read_public(&at("online.pub")).unwrap(), now());
        let built = agent_package();
        let package = |version: &str, fault: Fault| version_of(&built, version, fault, folder);
        let packages = [
            (FIRST, package(FIRST, Fault::None), LONG),
            (SECOND, package(SECOND, Fault::None), LONG),
            (ENDS, package(ENDS, Fault::EndsAtOnce), LONG),
            (DEAF, package(DEAF, Fault::ReachesNobody), SHORT),
        ];
        let programs = packages.each_ref().map(|(version, file, confirm_within)| Program {
            kind: "agent-package".to_owned(),
            content: Content::of(&mut fs::File::open(file).unwrap()).unwrap(),
            confirm_within: *confirm_within,
            ..Maker::program("platen-agent", version, b"")
        });
        fs::write(at("targets.json"), maker.sign(&programs, &[])).unwrap();
        fs::write(at("root.json"), &maker.root).unwrap();
        let (root, targets) = (at("root.json"), at("targets.json"));
        let mut arguments = vec!["publish", "--root", root.to_str().unwrap()];
        arguments.extend(["--targets", targets.to_str().unwrap()]);
        for (_, file, _) in &packages {
            arguments.extend(["--file", file.to_str().unwrap()]);
        }
        println!("{}", publish(&arguments));
        let operator = manager.operator();
        Self { controller, operator, manager, root }
    }

    /// The package, as an administrator installs it, and the maker's root, as a technician plants it.
    pub(super) fn install(&self, guest: &Guest) {
        self.controller.install(guest, &self.manager, "");
        guest.push_file(&self.root, "/root/root.json").unwrap();
        let fingerprint = Trusted::start(&fs::read(&self.root).unwrap()).unwrap().fingerprint();
        guest.check(&format!("platen-install trust --fingerprint {fingerprint} /root/root.json")).unwrap();
        let watch = self.controller.folder().join("watch.sh");
        fs::write(&watch, WATCH).unwrap();
        guest.push_file(&watch, "/root/watch.sh").unwrap();
        until_parked(guest);
        guest.check("sync").unwrap();
    }

    /// Watches the next update; with a step and milliseconds, the power is cut then.
    pub(super) fn watch(guest: &Guest, cut: &str) {
        guest
            .check(&format!("rm -f {STEPS}; bash /root/watch.sh {STEPS} {cut} >/run/watch.log 2>&1 &"))
            .unwrap();
    }

    /// How many milliseconds each step took that was watched.
    pub(super) fn took(guest: &Guest) -> BTreeMap<String, u64> {
        let text = guest.check(&format!("cat {STEPS}")).unwrap();
        let lines: Vec<(f64, String)> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(at, step)| (at.parse().unwrap(), step.to_owned()))
            .collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of minutes")]
        let took = |pair: &[(f64, String)]| (pair[0].1.clone(), ((pair[1].0 - pair[0].0) * 1000.0) as u64);
        lines.windows(2).map(took).collect()
    }

    pub(super) fn offer(&self, version: &str) {
        let path = format!("/api/v1/programs/platen-agent/{version}/offers");
        let answer = self.operator.post(&path, &json!({"devices": [NAME]}));
        assert_eq!(answer.body["offered"], json!([NAME]), "{answer:?}");
    }

    /// The newest attempt that the manager knows.
    fn newest(&self) -> Value {
        self.operator.device(NAME)["programs"]["attempts"][0].clone()
    }

    /// Its name; `null` where there is none.
    pub(super) fn newest_id(&self) -> Value {
        self.newest()["attempt_id"].clone()
    }

    /// Which version the manager believes to run.
    pub(super) fn known(&self) -> String {
        self.operator.device(NAME)["agent_version"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the manager knows how the attempt after another one has ended, and nothing is under way in the guest.
    pub(super) fn until_ended(&self, guest: &Guest, before: &Value, version: &str) -> Ended {
        let mut asked = std::time::Instant::now();
        let attempt = until_within(UPDATED_WITHIN, &format!("the update to {version} ends"), || {
            // A transfer that was cut off before anything of it was on the disk is asked for again at the next
            // interval, or when somebody says so.
            if asked.elapsed() > Duration::from_secs(15) {
                asked = std::time::Instant::now();
                let _ = guest.run("platen programs check");
            }
            let newest = self.newest();
            let is_new = newest["attempt_id"] != *before && newest["version"] == version;
            (is_new && newest["ended"].is_string()).then_some(newest)
        });
        until_within(UPDATED_WITHIN, "nothing is under way", || {
            let idle = guest.run("! test -e /var/lib/platen-install/attempt.json").ok()?;
            (idle.status == 0).then_some(())
        });
        let text = |name: &str| attempt[name].as_str().unwrap_or_default().to_owned();
        Ended { step: text("step"), reason: text("reason") }
    }

    /// This version is installed whole, runs, works, and the manager knows it; nothing is left of the update.
    pub(super) fn is_well(&self, powered: &Powered, version: &str) {
        let guest = &powered.guest;
        until_parked(guest);
        assert_eq!(status(guest).unwrap()["agent_version"], version);
        let whole = guest
            .check(
                "set -e
                 dpkg-query --show --showformat='${db:Status-Abbrev}${Version}\\n' platen-agent
                 dpkg --audit
                 dpkg --verify platen-agent | grep -v ' c ' | grep -v /usr/share/ || true
                 ls /var/lib/dpkg/updates
                 ls /var/lib/platen-install/staged /var/lib/platen-install/work | grep -v : || true
                 ! test -e /var/lib/platen-install/runner
                 ! test -e /var/lib/platen-agent/programs/ready
                 ! test -e /var/lib/platen-agent/programs/fetching
                 systemctl is-enabled platen-agent.service platen-install.service platen-install.path
                 systemctl is-active platen-agent.service platen-install.path
                 systemctl --failed --no-legend",
            )
            .unwrap_or_else(|error| panic!("{error}\n{}", journal(guest)));
        let lines: Vec<&str> = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let installed = format!("ii {version}");
        let expected = [installed.as_str(), "enabled", "enabled", "enabled", "active", "active"];
        assert_eq!(lines, expected, "{}", journal(guest));
        until_within(UPDATED_WITHIN, &format!("the manager knows that {version} runs"), || {
            (self.known() == version).then_some(())
        });
    }
}

/// What was logged in the guest since it began.
pub(super) fn journal(guest: &Guest) -> String {
    let units = "-u platen-agent -u platen-install -u platen-install.path";
    let told = guest.run(&format!("journalctl --no-pager -o short-monotonic {units} | tail -n 120"));
    told.map_or_else(|error| error.to_string(), |told| told.text)
}
