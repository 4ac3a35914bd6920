//! Which device files the kernel made of a bridge: looked up in sysfs below the HID device itself, not guessed from
//! what is new.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Where the kernel lists its HID devices.
const HID_DEVICES: &str = "/sys/bus/hid/devices";
const DRIVER: &str = "cp2112";
/// The driver asks about ten things before it is ready; loading its module may come before that.
const LIMIT: Duration = Duration::from_secs(10);
/// How often sysfs is looked at: it does not tell of changes.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The device files of one bridge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nodes {
    /// Such as `/dev/i2c-7`.
    pub i2c: PathBuf,
    /// Such as `/dev/gpiochip1`.
    pub gpio: PathBuf,
}

/// Why a bridge has no device files.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// The driver did not come.
    #[error(
        "the kernel's driver hid-cp2112 did not take the bridge: load it with `sudo modprobe hid_cp2112` (Debian has it in its package linux-image; a cloud kernel has it not) and start this again"
    )]
    NoDriver,
    /// The driver is there and made nothing.
    #[error("hid-cp2112 took the bridge and made no {what}: `sudo dmesg | grep -i cp2112` says why")]
    Nothing {
        /// What is missing.
        what: &'static str,
    },
    /// There is a bus without a device file.
    #[error("the bus is there, but {} is not: load `sudo modprobe i2c-dev`", .0.display())]
    NoDeviceFile(PathBuf),
}

/// Waits for the device files of the bridge with this `HID_UNIQ`.
pub(super) fn wait_for(unique: &str) -> Result<Nodes, NodesError> {
    let begin = Instant::now();
    loop {
        let missing = match look(Path::new(HID_DEVICES), Path::new("/dev"), unique) {
            Ok(nodes) => return Ok(nodes),
            Err(missing) => missing,
        };
        if begin.elapsed() > LIMIT {
            return Err(missing);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

fn look(devices: &Path, dev: &Path, unique: &str) -> Result<Nodes, NodesError> {
    let device = children(devices).into_iter().find(|device| has_unique(device, unique));
    let device = device.filter(|device| driver(device) == Some(DRIVER.into())).ok_or(NodesError::NoDriver)?;
    // In either order of their coming: the lines come last, so look for the bus first.
    let i2c = child(&device, "i2c-").ok_or(NodesError::Nothing { what: "I2C bus" })?;
    let gpio = child(&device, "gpiochip").ok_or(NodesError::Nothing { what: "GPIO chip" })?;
    let nodes = Nodes { i2c: dev.join(i2c), gpio: dev.join(gpio) };
    for node in [&nodes.i2c, &nodes.gpio] {
        if !node.exists() {
            return Err(NodesError::NoDeviceFile(node.clone()));
        }
    }
    Ok(nodes)
}

fn children(folder: &Path) -> Vec<PathBuf> {
    // A folder that cannot be read holds nothing for us; who waits says in the end what is missing.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn has_unique(device: &Path, unique: &str) -> bool {
    let wanted = format!("HID_UNIQ={unique}");
    fs::read_to_string(device.join("uevent")).is_ok_and(|text| text.lines().any(|line| line == wanted))
}

fn driver(device: &Path) -> Option<String> {
    let target = fs::read_link(device.join("driver")).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// The name of the child that is `prefix` and a number.
fn child(device: &Path, prefix: &str) -> Option<String> {
    let names = children(device).into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    names.into_iter().find(|name| {
        name.strip_prefix(prefix)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A sysfs with a foreign device and ours, as far as `steps` go.
    fn sysfs(steps: usize) -> TempDir {
        let root = TempDir::new().unwrap();
        let at = |path: &str| root.path().join(path);
        for (device, unique) in [("0003:10C4:EA90.0001", "other"), ("0003:10C4:EA90.0002", "ours")] {
            fs::create_dir_all(at(&format!("devices/{device}"))).unwrap();
            fs::write(at(&format!("devices/{device}/uevent")), format!("DRIVER=cp2112\nHID_UNIQ={unique}\n"))
                .unwrap();
        }
        fs::create_dir(at("dev")).unwrap();
        let ours = at("devices/0003:10C4:EA90.0002");
        let act: [&dyn Fn(); 5] = [
            &|| symlink("../../drivers/cp2112", ours.join("driver")).unwrap(),
            &|| fs::create_dir(ours.join("i2c-7")).unwrap(),
            &|| fs::create_dir(ours.join("gpio")).unwrap(),
            &|| fs::create_dir(ours.join("gpiochip1")).unwrap(),
            &|| ["i2c-7", "gpiochip1"].iter().for_each(|node| fs::write(at("dev").join(node), "").unwrap()),
        ];
        act.iter().take(steps).for_each(|step| step());
        root
    }

    fn found(steps: usize) -> Result<Nodes, String> {
        let root = sysfs(steps);
        let nodes = look(&root.path().join("devices"), &root.path().join("dev"), "ours");
        nodes.map_err(|error| error.to_string())
    }

    #[test]
    fn the_files_are_those_of_the_device_with_our_name() {
        let nodes = found(5).unwrap();
        assert!(nodes.i2c.ends_with("dev/i2c-7") && nodes.gpio.ends_with("dev/gpiochip1"), "{nodes:?}");
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        for (steps, words) in
            [(0, "modprobe hid_cp2112"), (1, "no I2C bus"), (3, "no GPIO chip"), (4, "modprobe i2c-dev")]
        {
            let message = found(steps).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }
}
