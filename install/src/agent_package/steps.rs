//! The five steps for a Debian package. Each may be called again after it was cut off anywhere.

use std::path::Path;

use super::dpkg::{Dpkg, architecture_here, at_least, copy_durably, field, quiet, text_of};
use super::keep::{self, BEFORE, CURRENT};
use super::{Given, Halt, PACKAGE, say};
use crate::durable;
use crate::spool::room_for;

/// The architecture of what runs on any.
const ANY: &str = "all";
/// How often a service may be started again before it counts as one that does not run.
const RESTARTS: u32 = 3;
/// A unit of `Installed-Size`, in bytes.
const SIZE_UNIT: u64 = 1024;

/// Whether the package can be installed; and the way back is made ready.
pub(super) fn check(given: &Given) -> Result<(), Halt> {
    let dpkg = &given.dpkg;
    is_fit(given)?;
    if dpkg.is_locked() {
        return Err(Halt::Later("another package manager is at work".to_owned()));
    }
    if dpkg.was_interrupted(PACKAGE)? {
        dpkg.repair()?;
    }
    let Some(status) = dpkg.status(PACKAGE)? else {
        return Err(Halt::Refused(format!(
            "{PACKAGE} is not installed as a package here: there is no way back"
        )));
    };
    if !status.is_whole() {
        let (state, flag) = (status.state, status.flag);
        return Err(Halt::Refused(format!(
            "{PACKAGE} is {state} ({flag}): mend that first, with apt or dpkg"
        )));
    }
    if status.want == "hold" {
        return Err(Halt::Refused(format!("{PACKAGE} is held back by this machine's administrator")));
    }
    if !given.replaces.is_empty() && !at_least(&status.version, &given.replaces)? {
        let (is, wanted) = (status.version, &given.replaces);
        return Err(Halt::Refused(format!("it is installed over {wanted} or later only, and {is} is here")));
    }
    keep::keep(dpkg, PACKAGE, &status.version, &given.kept, &given.work)
}

/// Whether the file is the package that it says, for this machine, and there is room for it.
fn is_fit(given: &Given) -> Result<(), Halt> {
    let refused = |halt: Halt| match halt {
        Halt::Failed(why) => Halt::Refused(why),
        other => other,
    };
    let fields =
        ["Package", "Version", "Architecture", "Installed-Size"].map(|name| field(&given.program, name));
    let [name, version, architecture, size] = fields;
    let (name, version, architecture) =
        (name.map_err(refused)?, version.map_err(refused)?, architecture.map_err(refused)?);
    if name != PACKAGE {
        return Err(Halt::Refused(format!("it is the package {name}, not {PACKAGE}")));
    }
    if version != given.version {
        return Err(Halt::Refused(format!("the package is {version}, and {} was signed", given.version)));
    }
    let here = architecture_here()?;
    if architecture != here && architecture != ANY {
        return Err(Halt::Refused(format!("it is for {architecture}, and this machine is {here}")));
    }
    // dpkg unpacks all of it beside what is there.
    let size = size.ok().and_then(|size| size.parse::<u64>().ok()).unwrap_or(0).saturating_mul(SIZE_UNIT);
    let system = given.dpkg.place(Path::new("/usr"));
    if system.exists() {
        room_for(&system, size).map_err(|error| Halt::Refused(error.to_string()))?;
    }
    Ok(())
}

/// Installs the package.
pub(super) fn install(given: &Given) -> Result<(), Halt> {
    let dpkg = &given.dpkg;
    dpkg.await_lock()?;
    if dpkg.was_interrupted(PACKAGE)? {
        dpkg.repair()?;
    }
    dpkg.install(&given.program)
}

/// Whether the package is installed, as it was packed, and its service runs.
pub(super) fn verify(given: &Given) -> Result<(), Halt> {
    is_installed(&given.dpkg, &given.version)
}

fn is_installed(dpkg: &Dpkg, version: &str) -> Result<(), Halt> {
    let failed = |why: String| Err(Halt::Failed(why));
    let Some(status) = dpkg.status(PACKAGE)? else { return failed(format!("{PACKAGE} is not installed")) };
    if status.version != version {
        return failed(format!("{PACKAGE} is {}, not {version}", status.version));
    }
    if !status.is_whole() {
        return failed(format!("{PACKAGE} is {} ({})", status.state, status.flag));
    }
    let changed = dpkg.changed(PACKAGE)?;
    if let Some(first) = changed.first() {
        return failed(format!("{} files are not as they were packed, such as {first}", changed.len()));
    }
    if dpkg.is_system() { runs() } else { Ok(()) }
}

/// Whether the service runs, where services are managed.
fn runs() -> Result<(), Halt> {
    if !Path::new("/run/systemd/system").exists() {
        return Ok(());
    }
    let unit = format!("{PACKAGE}.service");
    let shown = text_of(
        quiet("systemctl").args(["show", "--property=ActiveState", "--property=NRestarts"]).arg(&unit),
    )?;
    is_up(&unit, &shown)
}

/// Whether a unit is up, by what `systemctl show` says of it.
fn is_up(unit: &str, shown: &str) -> Result<(), Halt> {
    let value = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let restarts = value("NRestarts").and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    match value("ActiveState").unwrap_or_default() {
        "active" => Ok(()),
        // It is started again and again, and would be for as long as anybody waits.
        "activating" if restarts >= RESTARTS => {
            Err(Halt::Failed(format!("{unit} does not stay up: it was started again {restarts} times")))
        }
        "activating" | "reloading" => Err(Halt::Later(format!("{unit} is starting"))),
        other => Err(Halt::Failed(format!("{unit} is {other}"))),
    }
}

/// From now on this package is what one goes back to.
pub(super) fn commit(given: &Given) -> Result<(), Halt> {
    let current = given.kept.join(CURRENT);
    if !keep::is_version(&current, &given.version) {
        copy_durably(&given.program, &current)?;
    }
    // Only now: until this step has ended, there has to be a way back.
    Ok(durable::remove(&given.kept.join(BEFORE))?)
}

/// Brings back the package that was installed before.
pub(super) fn rollback(given: &Given) -> Result<(), Halt> {
    let (dpkg, before) = (&given.dpkg, given.kept.join(BEFORE));
    let version = field(&before, "Version")?;
    if is_installed(dpkg, &version).is_ok() {
        say(&format!("{PACKAGE} {version} was never replaced"));
        return Ok(());
    }
    dpkg.await_lock()?;
    if given.run > 1 {
        // They may be what prevents it: dpkg asks the version that is to go before it lets it go.
        for script in ["prerm", "postrm"] {
            durable::remove(&dpkg.control_file(PACKAGE, script))?;
        }
    }
    if dpkg.was_interrupted(PACKAGE)? {
        dpkg.repair()?;
    }
    dpkg.install(&before)?;
    is_installed(dpkg, &version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_ends_again_and_again_does_not_run() {
        let told = |state: &str, restarts: u32| {
            is_up("a.service", &format!("NRestarts={restarts}\nActiveState={state}\n"))
        };
        assert!(told("active", 9).is_ok(), "it runs now, and the agent has to confirm");
        assert!(matches!(told("activating", RESTARTS - 1), Err(Halt::Later(_))));
        let Err(Halt::Failed(why)) = told("activating", RESTARTS) else { panic!() };
        assert_eq!(why, "a.service does not stay up: it was started again 3 times");
        assert!(matches!(told("failed", 0), Err(Halt::Failed(_))));
        assert!(matches!(is_up("a.service", ""), Err(Halt::Failed(_))));
    }
}
