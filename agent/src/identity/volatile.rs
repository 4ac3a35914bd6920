//! Whether what is written to the state directory outlives a restart of the controller. On a memory file system, or
//! on an overlay whose upper layer is on one, it does not: after a restart the device goes back to the certificate
//! and the outbox of its image.
//!
//! The kernel says what a directory is on (`proc_pid_mountinfo(5)`); what follows from that is a pure rule
//! ([`judge`]).

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use platen_hal::{Finding, Verdict};

/// The mounts that this thread sees.
const MOUNTS: &str = "/proc/thread-self/mountinfo";
/// Overlays whose upper layer is on another overlay are followed so far.
const MAX_LAYERS: usize = 4;
/// What to do about it.
pub const REMEDY: &str = "put the state directory on a disk that keeps what is written; until then each restart takes the device back to an older state: what was not sent is lost, and after a renewal the service centre has to readmit the device";

/// Whether what is written to a directory lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permanence {
    /// It does: it is on this file system.
    Kept(String),
    /// It is gone with the next restart: what it is on, in words.
    Volatile(String),
    /// The kernel does not show what is below: what it is on, in words.
    Unknown(String),
}

/// A file system that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount<'a> {
    /// Major and minor number of its device.
    device: &'a str,
    /// Where.
    at: PathBuf,
    /// Its type, such as `ext4`.
    kind: &'a str,
    /// The directory that takes what is written, of an overlay that takes any.
    upper: Option<PathBuf>,
}

/// The kernel writes white space, commas and backslashes as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = (first == b'\\').then(|| after.get(..3)).flatten();
        let code = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(code);
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push(first);
            rest = after;
        }
    }
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(out))
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ');
    let (device, at) = (place.nth(2)?, place.nth(1)?);
    let mut what = what.split(' ');
    let (kind, options) = (what.next()?, what.nth(1).unwrap_or_default());
    let upper = options.split(',').find_map(|option| option.strip_prefix("upperdir=")).map(unescape);
    Some(Mount { device, at: unescape(at), kind, upper })
}

/// What a path is on: of several mounts over each other the last one hides the others.
fn holds<'m, 'a>(mounts: &'m [Mount<'a>], path: &Path) -> Option<&'m Mount<'a>> {
    let over = mounts.iter().filter(|mount| path.starts_with(&mount.at));
    over.max_by_key(|mount| mount.at.components().count())
}

/// Judges a directory, by its path without links, the device that it is on (`major:minor`), and the mounts.
pub fn judge(path: &Path, device: &str, mounts: &str) -> Permanence {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(mount).collect();
    let on_device = |mount: &&Mount<'_>| mount.device == device && path.starts_with(&mount.at);
    let on = mounts.iter().filter(on_device).max_by_key(|mount| mount.at.components().count());
    let Some(mut on) = on.or_else(|| holds(&mounts, path)) else {
        return Permanence::Unknown("a file system that the kernel does not name".to_owned());
    };
    let mut words: Cow<'static, str> = "".into();
    for _ in 0..MAX_LAYERS {
        let upper = match (on.kind, &on.upper) {
            ("tmpfs" | "ramfs", _) => return Permanence::Volatile(format!("{words}{}", on.kind)),
            // An overlay that takes nothing is a disk that can only be read: that has its own alert.
            ("overlay", Some(upper)) => upper,
            (kind, _) => return Permanence::Kept(format!("{words}{kind}")),
        };
        words = "an overlay whose upper layer is on ".into();
        match holds(&mounts, upper) {
            // What lies below is on none of its own layers: the place is one of another time or namespace.
            Some(below) if below != on => on = below,
            _ => break,
        }
    }
    Permanence::Unknown("an overlay whose upper layer cannot be seen from here".to_owned())
}

/// Looks at a directory.
///
/// # Errors
/// When the directory or the mounts cannot be read.
pub fn of(directory: &Path) -> io::Result<Permanence> {
    let path = fs::canonicalize(directory)?;
    let device = fs::metadata(&path)?.dev();
    let device = format!("{}:{}", major(device), minor(device));
    Ok(judge(&path, &device, &fs::read_to_string(MOUNTS)?))
}

/// What a directory that does not keep what is written is on; none where it does, or where nobody can tell.
pub fn volatile(directory: &Path) -> Option<String> {
    match of(directory) {
        Ok(Permanence::Volatile(on)) => Some(on),
        Ok(Permanence::Kept(_) | Permanence::Unknown(_)) => None,
        Err(cause) => {
            tracing::debug!("whether {} lasts is not known: {cause}", directory.display());
            None
        }
    }
}

/// The same as a sentence.
pub fn what(on: &str) -> String {
    format!("does not outlive a restart: it is on {on}")
}

/// For `platen doctor`; none where all is well.
pub fn finding(directory: &Path) -> Option<Finding> {
    let (what, check) = match of(directory).ok()? {
        Permanence::Kept(_) => return None,
        Permanence::Volatile(on) => (what(&on), REMEDY.to_owned()),
        Permanence::Unknown(on) => (
            format!("may not outlive a restart: it is on {on}"),
            format!("find out whether this controller keeps what is written there; if not, {REMEDY}"),
        ),
    };
    Some(Finding {
        subject: "state".to_owned(),
        place: directory.display().to_string(),
        verdict: Verdict::Doubtful,
        what,
        check: Some(check),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DISK: &str = "22 1 179:2 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw\n";
    const MEMORY: &str = "40 22 0:35 / /media/root-rw rw - tmpfs tmpfs-root rw,size=1024k\n";

    fn overlay(device: &str, at: &str, upper: &str) -> String {
        format!(
            "50 22 {device} / {at} rw shared:3 - overlay overlay rw,lowerdir=/low,upperdir={upper},workdir=/w\n"
        )
    }

    fn judged(device: &str, mounts: &str) -> Permanence {
        judge(Path::new("/var/lib/platen-agent"), device, mounts)
    }

    #[test]
    fn a_disk_keeps_and_memory_does_not() {
        assert_eq!(judged("179:2", DISK), Permanence::Kept("ext4".to_owned()));
        let var = format!("{DISK}30 22 0:29 / /var rw - tmpfs tmpfs rw\n");
        assert_eq!(judged("0:29", &var), Permanence::Volatile("tmpfs".to_owned()));
        // Where the number of the device is no mount's own (btrfs), the place says it.
        assert_eq!(judged("0:99", &var), Permanence::Volatile("tmpfs".to_owned()));
        assert_eq!(judged("179:2", &format!("{DISK}{MEMORY}")), Permanence::Kept("ext4".to_owned()));
        assert!(matches!(judged("179:2", ""), Permanence::Unknown(_)));
    }

    #[test]
    fn an_overlay_keeps_what_its_upper_layer_keeps() {
        let on = "an overlay whose upper layer is on ";
        let root = |upper: &str| format!("{}{MEMORY}", overlay("0:40", "/", upper));
        assert_eq!(judged("0:40", &root("/media/root-rw/up")), Permanence::Volatile(format!("{on}tmpfs")));
        let var = format!("{DISK}{}", overlay("0:41", "/var", "/rw/up\\040per"));
        assert_eq!(judged("0:41", &var), Permanence::Kept(format!("{on}ext4")));
        // In a container, or after an initramfs that hides it.
        assert!(matches!(judged("0:40", &root("/docker/l/diff")), Permanence::Unknown(_)));
        let read_only = "50 22 0:40 / / ro - overlay overlay ro,lowerdir=/a:/b\n";
        assert_eq!(judged("0:40", read_only), Permanence::Kept("overlay".to_owned()));
    }

    #[test]
    fn places_with_odd_names_are_read_as_the_kernel_wrote_them() {
        assert_eq!(unescape("/a\\040b\\134c\\054d"), Path::new("/a b\\c,d"));
        assert_eq!(unescape("/a\\9\\04"), Path::new("/a\\9\\04"));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_harm(mounts in "([ -~]|\n){0,300}", path in "/[a-z/]{0,20}") {
            let _ = judge(Path::new(&path), "0:1", &mounts);
        }

        #[test]
        fn however_overlays_lie_over_each_other_the_judgement_ends(uppers in prop::collection::vec("/[ab]{0,2}", 1..6)) {
            let mounts: String = uppers
                .iter()
                .enumerate()
                .map(|(number, upper)| overlay(&format!("0:{number}"), if number % 2 == 0 { "/" } else { "/a" }, upper))
                .collect();
            let _ = judge(Path::new("/a/b"), "0:0", &mounts);
        }
    }
}
