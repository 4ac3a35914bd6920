//! The way back: a package of what is installed now.
//!
//! If the file that was installed is still there it is that. Otherwise what is installed is packed again, as dpkg-repack
//! does it, but for configuration. dpkg-repack packs configuration files as they are now; on the way back dpkg would take
//! the person's changes for what the package ships, and the next version would replace them without a word. So a
//! configuration file is packed only while it is as it was shipped. One that was changed, or removed, is left out: dpkg
//! then leaves the file on the machine as it is, remembers that it was the package's, and the next version that ships it
//! finds it changed, as it is.

use std::fs::{DirBuilder, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use super::dpkg::{Dpkg, field, quiet, text_of};
use super::{Halt, say};
use crate::attempt::emptied;
use crate::durable;

/// The package to which one goes back.
pub(super) const BEFORE: &str = "before.deb";
/// The package of the last attempt that was kept.
pub(super) const CURRENT: &str = "current.deb";
/// Where it is packed.
const TREE: &str = "repack";
/// Fields that are dpkg's own and not the package's.
const NOT_THE_PACKAGES: [&str; 5] =
    ["Status", "Config-Version", "Conffiles", "Triggers-Pending", "Triggers-Awaited"];
/// What dpkg keeps of a package and makes itself when it is installed.
const MADE_BY_DPKG: [&str; 2] = ["list", "conffiles"];

/// Sees to it that `before.deb` is the version that is installed.
pub(super) fn keep(dpkg: &Dpkg, package: &str, version: &str, kept: &Path, work: &Path) -> Result<(), Halt> {
    let (before, current) = (kept.join(BEFORE), kept.join(CURRENT));
    if is_version(&before, version) {
        return Ok(());
    }
    if is_version(&current, version) {
        return Ok(super::dpkg::copy_durably(&current, &before)?);
    }
    say(&format!("packing {package} {version}, to be able to go back"));
    let tree = work.join(TREE);
    emptied(&tree)?;
    lay_out(dpkg, package, &tree)?;
    let unfinished = before.with_extension("new");
    // xz would take the memory of a small controller, and gzip at its best most of the time that this step has.
    let build = text_of(quiet("dpkg-deb").args(["-Zgzip", "-z1", "--build"]).arg(&tree).arg(&unfinished));
    build.map_err(|halt| match halt {
        Halt::Failed(why) => Halt::Failed(format!("what is installed cannot be packed: {why}")),
        other => other,
    })?;
    File::open(&unfinished)?.sync_all()?;
    durable::rename(&unfinished, &before)?;
    std::fs::remove_dir_all(&tree)?;
    Ok(())
}

/// Whether a file is a package of this version.
pub(super) fn is_version(file: &Path, version: &str) -> bool {
    file.exists() && field(file, "Version").is_ok_and(|found| found == version)
}

/// Lays what is installed out as dpkg-deb wants it.
fn lay_out(dpkg: &Dpkg, package: &str, tree: &Path) -> Result<(), Halt> {
    std::fs::set_permissions(tree, Permissions::from_mode(0o755))?;
    let fields = dpkg.fields(package)?;
    let shipped = configuration(&fields);
    let paths = dpkg.paths(package)?;
    let mut packed_configuration = String::new();
    for (path, really) in &paths {
        let Ok(below) = path.strip_prefix("/") else { continue };
        if below.as_os_str().is_empty() || below == Path::new(".") {
            continue;
        }
        let source = dpkg.place(really);
        if let Some((_, sum)) = shipped.iter().find(|(of, _)| of == path) {
            if sum.is_none() || sum.as_deref() != md5(&source).as_deref() {
                say(&format!("{} was changed or removed here: it stays as it is", path.display()));
                continue;
            }
            packed_configuration.push_str(&path.to_string_lossy());
            packed_configuration.push('\n');
        }
        let holds_others = || paths.iter().any(|(other, _)| other != path && other.starts_with(path));
        place(&source, &tree.join(below), holds_others)?;
    }
    let control = tree.join("DEBIAN");
    DirBuilder::new().mode(0o755).create(&control)?;
    std::fs::write(control.join("control"), control_fields(&fields))?;
    if !packed_configuration.is_empty() {
        std::fs::write(control.join("conffiles"), packed_configuration)?;
    }
    copy_control_files(dpkg, package, &control)
}

/// The configuration files that a package shipped, with their sums; none for one that it ships no more.
fn configuration(fields: &str) -> Vec<(PathBuf, Option<String>)> {
    let mut lines = fields.lines().skip_while(|line| !line.starts_with("Conffiles:")).skip(1);
    let listed = std::iter::from_fn(|| lines.next().filter(|line| line.starts_with(' ')));
    listed
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (path, sum) = (words.next()?, words.next()?);
            let obsolete = words.next().is_some();
            Some((path.into(), (!obsolete).then(|| sum.to_owned())))
        })
        .collect()
}

/// A package's own fields, of all that dpkg keeps.
fn control_fields(fields: &str) -> String {
    let mut own = true;
    let mut control = String::new();
    for line in fields.lines().filter(|line| !line.is_empty()) {
        if !line.starts_with([' ', '\t']) {
            let name = line.split_once(':').map_or(line, |(name, _)| name);
            own = !NOT_THE_PACKAGES.contains(&name);
        }
        if own {
            control.push_str(line);
            control.push('\n');
        }
    }
    control
}

fn copy_control_files(dpkg: &Dpkg, package: &str, control: &Path) -> Result<(), Halt> {
    let about = dpkg.control_file(package, "list");
    let Some(folder) = about.parent() else { return Ok(()) };
    let prefix = format!("{package}.");
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(what) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else { continue };
        if !MADE_BY_DPKG.contains(&what) {
            std::fs::copy(folder.join(&name), control.join(what))?;
        }
    }
    Ok(())
}

/// Puts a copy of one path into the tree. What is missing is left out: images leave documentation away.
fn place(from: &Path, to: &Path, holds_others: impl Fn() -> bool) -> io::Result<()> {
    let about = match std::fs::symlink_metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            say(&format!("{} is missing here, so it is left out", from.display()));
            return Ok(());
        }
        about => about?,
    };
    if let Some(parent) = to.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    // A folder of the package may be a link on this machine, as /lib is.
    let folder = about.is_dir() || (about.is_symlink() && holds_others());
    if folder {
        DirBuilder::new().recursive(true).create(to)?;
    } else if about.is_symlink() {
        symlink(std::fs::read_link(from)?, to)?;
    } else if about.is_file() {
        std::fs::copy(from, to)?;
    } else {
        say(&format!("{} is neither file nor folder nor link, so it is left out", from.display()));
        return Ok(());
    }
    lchown(to, Some(about.uid()), Some(about.gid()))?;
    if !about.is_symlink() {
        // After the owner: changing that takes the bits for running as another user away.
        std::fs::set_permissions(to, about.permissions())?;
    } else if folder {
        std::fs::set_permissions(to, Permissions::from_mode(0o755))?;
    }
    if about.is_file() {
        File::options().write(true).open(to)?.set_times(FileTimes::new().set_modified(about.modified()?))?;
    }
    Ok(())
}

/// A file's MD5, which is what dpkg compares configuration by; none if there is no file.
fn md5(file: &Path) -> Option<String> {
    if !file.is_file() {
        return None;
    }
    let text = text_of(quiet("md5sum").arg("--").arg(file)).ok()?;
    text.split_whitespace().next().map(|sum| sum.trim_start_matches('\\').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = "Package: platen-agent\nStatus: install ok installed\nVersion: 1.0\nConffiles:\n \
        /etc/platen/agent.toml 0123\n /etc/platen/old.toml 4567 obsolete\nDescription: an agent\n of many words\n";

    #[test]
    fn what_is_dpkgs_own_is_not_packed() {
        let control = "Package: platen-agent\nVersion: 1.0\nDescription: an agent\n of many words\n";
        assert_eq!(control_fields(FIELDS), control);
    }

    #[test]
    fn configuration_is_listed_with_what_was_shipped() {
        let expected = [
            (PathBuf::from("/etc/platen/agent.toml"), Some("0123".to_owned())),
            (PathBuf::from("/etc/platen/old.toml"), None),
        ];
        assert_eq!(configuration(FIELDS), expected);
        assert_eq!(configuration("Package: x\n"), []);
    }
}
