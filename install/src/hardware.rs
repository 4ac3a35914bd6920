//! What this hardware is called: the names by which a maker says for what a program is.

use std::path::Path;

use serde::Deserialize;

use crate::directories::Directories;

/// The longest board file that is read, in bytes.
const BOARD_LIMIT: u64 = 1024 * 1024;

/// What is wanted of the board file; the rest is the agent's matter.
#[derive(Deserialize)]
struct Board {
    model: String,
}

/// The printer's model by the board file, and the controller's by the kernel. Whatever cannot be read names nothing, and
/// a program for certain hardware is then refused.
pub fn names(directories: &Directories) -> Vec<String> {
    let board = read(&directories.board).and_then(|text| toml::from_str::<Board>(&text).ok());
    let machine = read(&directories.machine).map(|text| text.trim_end_matches('\0').to_owned());
    board.map(|board| board.model).into_iter().chain(machine).filter(|name| !name.is_empty()).collect()
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(BOARD_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printer_and_controller_have_names_and_what_cannot_be_read_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::under(folder.path());
        assert!(names(&directories).is_empty());
        for path in [&directories.board, &directories.machine] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        std::fs::write(&directories.board, "backend = \"linux\"\nmodel = \"MFP 3000\"\n").unwrap();
        std::fs::write(&directories.machine, "Raspberry Pi 4 Model B Rev 1.5\0").unwrap();
        assert_eq!(names(&directories), ["MFP 3000", "Raspberry Pi 4 Model B Rev 1.5"]);
        std::fs::write(&directories.board, "model = 7").unwrap();
        assert_eq!(names(&directories), ["Raspberry Pi 4 Model B Rev 1.5"]);
    }
}
