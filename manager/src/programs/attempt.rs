//! Names for attempts: whoever offers a program names what will come of it.

use platen_protocol::identity::{AttemptId, InvalidId};

use crate::secret::{self, NoRandom};

/// Random bytes of a name, and what is before them.
const ID_BYTES: usize = 12;
const ID_BEGINS: &str = "try-";

/// Why there is no name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAttempt {
    #[error(transparent)]
    Random(#[from] NoRandom),
    #[error(transparent)]
    Name(#[from] InvalidId),
}

/// A name that no attempt has yet.
pub(crate) fn new_attempt() -> Result<AttemptId, NoAttempt> {
    Ok(format!("{ID_BEGINS}{}", secret::random_hex::<ID_BYTES>()?).parse()?)
}
