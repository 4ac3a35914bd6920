//! What people type: messages, notes, names. One rule for the device, which refuses what cannot be sent
//! while the person is still there, and for the manager, which would refuse it later. What a program composed is
//! fitted instead, for nobody is there to write it again.

use std::borrow::Cow;
use std::fmt;

/// The longest name of an operator, in characters.
pub const MAX_OPERATOR_CHARS: usize = 64;

/// Why a text cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidText {
    /// Nothing but blanks, where something must stand.
    Empty,
    /// Longer than allowed.
    TooLong {
        /// How many characters it has.
        chars: usize,
        /// How many it may have.
        most: usize,
    },
    /// A character that is for machines, such as U+0007.
    Control(char),
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { chars, most } => write!(f, "has {chars} characters; at most {most} are allowed"),
            Self::Control(found) => {
                write!(f, "contains a control character (U+{:04X})", u32::from(*found))
            }
        }
    }
}

impl std::error::Error for InvalidText {}

/// A text without the byte order mark that editors of some systems put first in a file.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The secret that a file or a line of input holds: without a byte order mark and without the end of its line. Neither is
/// seen on a screen, and neither is part of a token or password.
pub fn secret_line(text: &str) -> &str {
    let text = without_mark(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Checks a text of several lines: line feeds and tabs are its only control characters.
///
/// # Errors
/// When it is longer than `most` characters or holds another control character.
pub fn check(text: &str, most: usize) -> Result<(), InvalidText> {
    length(text, most)?;
    control(text, |c| matches!(c, '\n' | '\t'))
}

/// Checks a text of one line, such as a name or a model: it is not empty and has no control characters.
///
/// # Errors
/// When it is blank, longer than `most` characters, or holds a control character.
pub fn check_line(text: &str, most: usize) -> Result<(), InvalidText> {
    if text.trim().is_empty() {
        return Err(InvalidText::Empty);
    }
    length(text, most)?;
    control(text, |_| false)
}

/// What a person wrote, as it is sent: without blanks around it, and with line feeds alone as ends of lines.
/// Blanks alone are nothing.
///
/// # Errors
/// When what is left cannot be sent (see [`check`]).
pub fn written(text: Option<String>, most: usize) -> Result<Option<String>, InvalidText> {
    let text = text.map(|text| text.trim().replace("\r\n", "\n")).filter(|text| !text.is_empty());
    text.as_deref().map_or(Ok(()), |text| check(text, most))?;
    Ok(text)
}

/// A text that a program composed of what others said (a kernel, a chip, a path), as it can be sent: what is for
/// machines becomes a blank, and what is too long ends with an ellipsis.
pub fn fitted(text: &str, most: usize) -> Cow<'_, str> {
    if check(text, most).is_ok() {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c });
    let mut fitted: String = plain.take(most).collect();
    if text.chars().nth(most).is_some() {
        fitted.pop();
        fitted.push('…');
    }
    Cow::Owned(fitted)
}

/// Whether a name can be an operator's: 1 to [`MAX_OPERATOR_CHARS`] letters, digits, `.`, `-`, `_` and `@`.
/// It is shown on devices, in logs and in addresses.
pub fn is_operator_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= MAX_OPERATOR_CHARS
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'))
}

fn length(text: &str, most: usize) -> Result<(), InvalidText> {
    let chars = text.chars().count();
    if chars > most { Err(InvalidText::TooLong { chars, most }) } else { Ok(()) }
}

fn control(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), InvalidText> {
    match text.chars().find(|c| c.is_control() && !allowed(*c)) {
        Some(found) => Err(InvalidText::Control(found)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_adds_around_a_secret_is_no_part_of_it_and_blanks_are() {
        for text in ["s3cret", "s3cret\n", "s3cret\r\n", "\u{feff}s3cret", "\u{feff}s3cret\r\n"] {
            assert_eq!(secret_line(text), "s3cret", "{text:?}");
        }
        assert_eq!(secret_line(" a b \n"), " a b ");
        assert_eq!(secret_line("two\nlines\n"), "two\nlines");
        assert_eq!(secret_line("\u{feff}"), "");
    }
    use proptest::prelude::*;

    const MOST: usize = 20;

    #[test]
    fn what_a_person_wrote_loses_its_blanks_and_keeps_its_lines() {
        assert_eq!(written(None, MOST), Ok(None));
        assert_eq!(written(Some(" \n\t".into()), MOST), Ok(None));
        assert_eq!(written(Some("  two\r\nlines \n".into()), MOST), Ok(Some("two\nlines".to_owned())));
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        let why = |text: &str| written(Some(text.to_owned()), MOST).unwrap_err().to_string();
        assert_eq!(why("ring\u{7}me"), "contains a control character (U+0007)");
        assert_eq!(why(&"ä".repeat(MOST + 1)), "has 21 characters; at most 20 are allowed");
        assert_eq!(check_line("two\nlines", MOST), Err(InvalidText::Control('\n')));
        assert_eq!(check_line(" ", MOST), Err(InvalidText::Empty));
    }

    #[test]
    fn an_operators_name_has_letters_digits_and_four_signs() {
        for name in ["anna", "Jörg.K", "ops_1@example"] {
            assert!(is_operator_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "a\n", &"x".repeat(MAX_OPERATOR_CHARS + 1)] {
            assert!(!is_operator_name(name), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_sent_and_stays_the_same(text in "\\PC{0,10}[\\r\\n\\t\\x00-\\x20]{0,4}\\PC{0,10}") {
            if let Ok(Some(sent)) = written(Some(text), MOST) {
                prop_assert_eq!(check(&sent, MOST), Ok(()));
                prop_assert_eq!(written(Some(sent.clone()), MOST), Ok(Some(sent.clone())));
            }
        }

        #[test]
        fn what_is_fitted_can_be_sent_and_what_could_be_sent_stays(text in "(?s).{0,50}", most in 1_usize..30) {
            let sent = fitted(&text, most);
            prop_assert_eq!(check(&sent, most), Ok(()));
            prop_assert!(check(&text, most).is_err() || sent == text);
        }

        #[test]
        fn a_good_line_is_a_good_text(text in ".{0,25}") {
            prop_assert!(check_line(&text, MOST).is_err() || check(&text, MOST).is_ok());
        }
    }
}
