//! What a program must fit: printer, controller and processor.

use std::path::Path;

use platen_protocol::limits::MAX_MODEL_CHARS;
use platen_protocol::programs::Hardware;
use platen_protocol::text;

/// How kernels name the controller: by its device tree, or by its firmware.
const BOARD_NAMES: [&str; 2] = ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"];

/// Of a printer of this model.
pub(super) fn hardware(model: &str) -> Hardware {
    Hardware {
        model: line(model).unwrap_or_else(|| "unknown".to_owned()),
        board: BOARD_NAMES.iter().find_map(|file| board(Path::new(file))),
        architecture: architecture(std::env::consts::ARCH).to_owned(),
    }
}

fn board(file: &Path) -> Option<String> {
    let name = std::fs::read(file).ok()?;
    line(String::from_utf8_lossy(&name).trim_matches(['\0', '\n', ' ']))
}

/// One line that the manager takes.
fn line(words: &str) -> Option<String> {
    let one = words.replace(['\n', '\t'], " ");
    let fitted = text::fitted(one.trim(), MAX_MODEL_CHARS);
    text::check_line(&fitted, MAX_MODEL_CHARS).is_ok().then(|| fitted.into_owned())
}

/// As Debian names it.
fn architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "x86" => "i386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_name_of_the_controller_ends_with_a_null_that_is_no_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model");
        std::fs::write(&file, "Raspberry Pi 4 Model B Rev 1.4\0").unwrap();
        assert_eq!(board(&file).as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        std::fs::write(&file, "\0\n").unwrap();
        assert_eq!(board(&file), None);
        assert_eq!(board(&folder.path().join("none")), None);
    }

    #[test]
    fn whatever_a_board_file_says_the_manager_takes_it() {
        for model in ["MFP 450", "", "two\nlines", "bell\u{7}", &"ä".repeat(2 * MAX_MODEL_CHARS)] {
            let found = hardware(model);
            assert_eq!(text::check_line(&found.model, MAX_MODEL_CHARS), Ok(()), "{model:?}");
        }
        assert_eq!(
            (architecture("aarch64"), architecture("x86_64"), architecture("riscv64")),
            ("arm64", "amd64", "riscv64")
        );
    }
}
