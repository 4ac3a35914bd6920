//! From the text of a board file to a board that can be.

use std::path::Path;

use super::check::check;
use super::{BoardConfig, ConfigError};

/// What to do about a line that the reader does not understand.
const REMEDY: &str = "correct that line (board.md, beside this program's documentation, explains each key)";

/// Reads and checks a board file.
///
/// # Errors
/// It cannot be read, or what stands in it cannot be right: with the line and what to do.
pub fn load(file: &Path) -> Result<BoardConfig, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, file)
}

/// Reads and checks the text of a board file; `file` is for the messages, and what the text names by a relative path
/// is relative to its folder.
///
/// # Errors
/// What stands in it cannot be right: with the line and what to do.
pub fn parse(text: &str, file: &Path) -> Result<BoardConfig, ConfigError> {
    let wrong = |(at, what): (usize, String)| ConfigError::wrong(file, text, at, what);
    let mut config: BoardConfig = toml::from_str(text)
        .map_err(|e| wrong((e.span().map_or(0, |span| span.start), format!("{}; {REMEDY}", e.message()))))?;
    text.clone_into(&mut config.text);
    check(&config).map_err(wrong)?;
    config.folder = file.parent().map(Path::to_owned).unwrap_or_default();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LineRef;
    use crate::config::check::tests::GOOD;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        parse(text, Path::new("board.toml")).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_board_is_read() {
        let config = parse(GOOD, Path::new("board.toml")).unwrap();
        assert_eq!(config.supplies.len(), 1);
        assert_eq!(config.service_lamp.unwrap().line, LineRef::Name("SERVICE_LAMP".into()));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let text = GOOD.replace("chip = \"24c02\"", "chip = \"24c02\"\ncolour = \"black\"");
        let message = refusal(&text);
        assert!(message.starts_with("board.toml:11: "), "{message}");
        assert!(message.contains("colour"), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = load(Path::new("/nonexistent/board.toml")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/board.toml"), "{message}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]=\"0-9x\n .-]{0,200}") {
            let _ = parse(&text, Path::new("board.toml"));
        }
    }
}
