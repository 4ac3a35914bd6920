//! Finds an I2C adapter by the name that the kernel gives it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Adapters that have a device file, each with a file `name`. (The older `/sys/class/i2c-adapter` is not in
/// newer kernels any more.)
pub(crate) const CLASS: &str = "/sys/class/i2c-dev";

/// The device file of the adapter with a name; else an error that lists the names that there are.
pub(crate) fn device_of(class: &Path, wanted: &str) -> io::Result<PathBuf> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(class) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none_named(wanted, &names)),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // An adapter that went away between the two calls is none.
        let Ok(name) = fs::read_to_string(entry.path().join("name")) else { continue };
        if name.trim_end() == wanted {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
        names.push(format!("{:?} (/dev/{})", name.trim_end(), entry.file_name().to_string_lossy()));
    }
    Err(none_named(wanted, &names))
}

fn none_named(wanted: &str, names: &[String]) -> io::Error {
    let mut names = names.to_vec();
    names.sort();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let what = format!("no I2C adapter has the name {wanted:?}; there are: {there}");
    io::Error::new(io::ErrorKind::NotFound, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(adapters: &[(&str, &str)]) -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        for (device, name) in adapters {
            fs::create_dir(class.path().join(device)).unwrap();
            fs::write(class.path().join(device).join("name"), format!("{name}\n")).unwrap();
        }
        class
    }

    #[test]
    fn an_adapter_is_found_by_its_whole_name() {
        let class = class(&[("i2c-1", "bcm2835 (i2c@7e804000)"), ("i2c-4", "i2c-1-mux (chan_id 2)")]);
        let found = device_of(class.path(), "i2c-1-mux (chan_id 2)").unwrap();
        assert_eq!(found, Path::new("/dev/i2c-4"));
    }

    #[test]
    fn a_name_that_no_adapter_has_is_answered_with_those_that_there_are() {
        let class = class(&[("i2c-1", "bcm2835 (i2c@7e804000)")]);
        let message = device_of(class.path(), "bcm2835").unwrap_err().to_string();
        assert!(
            message.contains("\"bcm2835\"; there are: \"bcm2835 (i2c@7e804000)\" (/dev/i2c-1)"),
            "{message}"
        );
        let message = device_of(Path::new("/nonexistent"), "x").unwrap_err().to_string();
        assert!(message.ends_with("there are: none"), "{message}");
    }
}
