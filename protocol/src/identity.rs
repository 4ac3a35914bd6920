//! Names that tell one device, one outbox, one command from another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_ID_CHARS;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// What was being named, such as `device`.
    pub what: &'static str,
    /// The text that was refused.
    pub text: String,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a valid {} identifier: use 1 to {MAX_ID_CHARS} of a-z, A-Z, 0-9, '-', '_' and '.', beginning with a letter or digit",
            self.text, self.what
        )
    }
}

impl std::error::Error for InvalidId {}

fn is_identifier(text: &str) -> bool {
    text.len() <= MAX_ID_CHARS
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Kept once however often it is copied: a manager has a hundred thousand devices, and holds each by its name in a dozen
/// places.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(
            feature = "openapi",
            derive(utoipa::ToSchema),
            schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_identifier(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, text })
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// One printer controller: the common name of its certificate.
    DeviceId,
    "device"
);
identifier!(
    /// One life of a device's outbox. A device that lost its outbox begins a new epoch, so that its
    /// sequence numbers can begin again without being taken for repeats.
    Epoch,
    "epoch"
);
identifier!(
    /// One command, named by the manager.
    CommandId,
    "command"
);
identifier!(
    /// One event at the device, named by the device: raising and clearing share it.
    AlertId,
    "alert"
);
identifier!(
    /// One order, named by the device: a repeat of it is the same order.
    OrderId,
    "order"
);
identifier!(
    /// One service call, named by the device: a repeat of it is the same call.
    ServiceCallId,
    "service call"
);
identifier!(
    /// One try to install one program on one device, named by the manager.
    AttemptId,
    "attempt"
);
identifier!(
    /// A program, such as `platen-agent`, whatever its version.
    ProgramName,
    "program"
);
identifier!(
    /// Who installs a program, such as `agent-package`: the name of an installer on the device.
    ProgramKind,
    "kind of program"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_could_be_a_path_or_markup_is_refused() {
        for text in ["", "../etc", "a b", "<b>", ".hidden", "-x", &"x".repeat(MAX_ID_CHARS + 1)] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?}");
        }
        assert!("lobby-mfp.3".parse::<DeviceId>().is_ok());
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in ".{0,70}") {
            if let Ok(id) = text.parse::<DeviceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
