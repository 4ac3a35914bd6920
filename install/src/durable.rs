//! Files that are there whole or not at all, whenever the power goes.
//!
//! A file is written beside its place, forced to the disk, moved over the old one, and then its folder is forced too: only
//! after that it counts. What cannot be read any more is set aside under another name, so that it stops nothing and can
//! still be looked at.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is being written, until it is moved to its place.
const UNFINISHED: &str = "new";
/// What could not be read.
const UNREADABLE: &str = "unreadable";
/// For everybody to read.
const PUBLIC: u32 = 0o644;

/// What became of a file that was to be read.
#[derive(Debug)]
pub enum Read<T> {
    /// What is in it.
    Whole(T),
    /// There is none.
    Missing,
    /// It makes no sense, and lies aside now; why, for people.
    SetAside(String),
}

impl<T> Read<T> {
    /// What is in it, or nothing; that it was set aside is logged.
    pub fn or_none(self) -> Option<T> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Missing => None,
            Self::SetAside(why) => {
                tracing::error!("{why}");
                None
            }
        }
    }
}

/// Says which file an error is about.
fn about(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Forces to the disk which files a folder has.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(about(folder))
}

/// The name of a file with something added.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// Writes a file; when it returns, the file is there whatever happens.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let unfinished = beside(path, UNFINISHED);
    let written = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(PUBLIC).open(&unfinished)?;
        file.write_all(contents)?;
        file.sync_all()
    };
    written().map_err(about(&unfinished))?;
    rename(&unfinished, path)
}

/// Moves a file that is forced to the disk already to its place.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to).map_err(about(to))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Removes a file; one that is gone already is removed.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        done => done.map_err(about(path))?,
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Writes a record.
pub fn write_record<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    write(path, &text)
}

/// Reads a record of at most `limit` bytes. One that cannot be understood is set aside.
pub fn read_record<T: DeserializeOwned>(path: &Path, limit: u64) -> io::Result<Read<T>> {
    let mut text = Vec::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Missing),
        file => file.map_err(about(path))?,
    };
    file.take(limit.saturating_add(1)).read_to_end(&mut text).map_err(about(path))?;
    let told = if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit {
        Err(format!("it has more than {limit} bytes"))
    } else {
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    };
    match told {
        Ok(record) => Ok(Read::Whole(record)),
        Err(why) => {
            let aside = beside(path, UNREADABLE);
            rename(path, &aside)?;
            Ok(Read::SetAside(format!(
                "{} cannot be understood ({why}); it lies in {} now",
                path.display(),
                aside.display()
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        for number in 0..3_u32 {
            write_record(&path, &number).unwrap();
            assert!(matches!(read_record::<u32>(&path, 100).unwrap(), Read::Whole(read) if read == number));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(matches!(read_record::<u32>(&path, 100).unwrap(), Read::Missing));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_set_aside_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        for contents in ["", "[1,2", "\0\0\0\0", "12345678901"] {
            std::fs::write(&path, contents).unwrap();
            let Read::SetAside(why) = read_record::<u32>(&path, 10).unwrap() else { panic!("{contents:?}") };
            assert!(why.contains("record.json.unreadable"), "{why}");
            assert!(!path.exists());
            let aside = folder.path().join("record.json.unreadable");
            assert_eq!(std::fs::read_to_string(aside).unwrap(), contents);
        }
    }

    #[test]
    fn an_error_says_which_file_it_is_about() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let path = missing.join("record.json");
        let errors = [
            write(&path, b"").unwrap_err(),
            sync_folder(&missing).unwrap_err(),
            rename(&path, &missing).unwrap_err(),
            remove(folder.path()).unwrap_err(),
            read_record::<u32>(folder.path(), 100).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().starts_with(&*folder.path().to_string_lossy()), "{error}");
        }
    }

    #[test]
    fn what_a_power_cut_left_half_written_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_record(&path, &1).unwrap();
        std::fs::write(beside(&path, UNFINISHED), "2").unwrap();
        assert!(matches!(read_record::<u32>(&path, 100).unwrap(), Read::Whole(1)));
        write_record(&path, &3).unwrap();
        assert!(matches!(read_record::<u32>(&path, 100).unwrap(), Read::Whole(3)));
    }
}
