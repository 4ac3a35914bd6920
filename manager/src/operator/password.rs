//! Passwords: hashed with Argon2id, and checked in the same time whether the operator is known or not. The
//! manager checks them on threads of their own ([`super::hasher`]).

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use platen_protocol::text::{self, MAX_OPERATOR_CHARS};

use crate::secret::{self, NoRandom};

/// The shortest password that is taken, in characters.
pub const MIN_CHARS: usize = 10;
/// The longest, in bytes: hashing is work that a stranger can ask for.
pub const MAX_BYTES: usize = 256;
/// Bytes of the salt.
const SALT_BYTES: usize = 16;
/// What an unknown operator's password is compared with: the hash of a random one that nobody knows, so
/// that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$1D7mMdsyFgzkXhLqIx3v7o7w1nQ8zQz3b1Z0mY4kPp0";

/// Why a name or a password cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The name is empty, too long, or holds what is no name.
    #[error(
        "{0:?} cannot be an operator's name: use 1 to {MAX_OPERATOR_CHARS} letters, digits, '.', '-', '_' and '@'"
    )]
    Name(String),
    /// The password is too short.
    #[error("the password is too short: use {MIN_CHARS} characters or more")]
    TooShort,
    /// The password is too long.
    #[error("the password is too long: use at most {MAX_BYTES} bytes")]
    TooLong,
    /// Hashing failed.
    #[error("the password cannot be hashed: {0}")]
    Hash(#[source] argon2::password_hash::Error),
    /// Checking failed.
    #[error("the password cannot be checked: {0}")]
    Check(#[source] argon2::Error),
    /// What is stored is no hash.
    #[error("the stored hash cannot be read: {0}")]
    Stored(#[from] argon2::password_hash::phc::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// What is stored names a way of hashing that there is none of here.
    #[error("the stored hash cannot be used")]
    Unusable,
    /// The thread that hashes ended.
    #[error("the password cannot be hashed: the thread that hashes has ended")]
    Thread,
}

/// Refuses what is no name.
pub fn check_name(name: &str) -> Result<(), PasswordError> {
    if text::is_operator_name(name) { Ok(()) } else { Err(PasswordError::Name(name.to_owned())) }
}

/// Refuses what is too easily guessed, or too much work.
pub fn check_password(password: &str) -> Result<(), PasswordError> {
    if password.chars().count() < MIN_CHARS {
        Err(PasswordError::TooShort)
    } else if password.len() > MAX_BYTES {
        Err(PasswordError::TooLong)
    } else {
        Ok(())
    }
}

/// Hashes a password.
pub async fn hash(password: String) -> Result<String, PasswordError> {
    let salt = secret::random::<SALT_BYTES>()?;
    tokio::task::spawn_blocking(move || {
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(PasswordError::Hash)
    })
    .await
    .unwrap_or(Err(PasswordError::Thread))
}

/// Whether the password is the one that was hashed; `None` stands for an operator who is not known. The
/// buffer is used again from one check to the next.
pub(super) fn check(
    password: &str,
    hash: Option<&str>,
    buffer: &mut Vec<Block>,
) -> Result<bool, PasswordError> {
    let stored = PasswordHash::new(hash.unwrap_or(NOBODY))?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(PasswordError::Unusable);
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(PasswordError::Hash)?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from);
    let params = Params::try_from(&stored).map_err(PasswordError::Hash)?;
    buffer.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(algorithm, version.map_err(PasswordError::Check)?, params);
    let mut found = [0; Output::MAX_LENGTH];
    let found = found.get_mut(..expected.len()).ok_or(PasswordError::Unusable)?;
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, found, &mut *buffer)
        .map_err(PasswordError::Check)?;
    // Compared in constant time.
    let same = Output::new(found).is_ok_and(|found| found == *expected);
    Ok(hash.is_some() && same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_fits_its_hash() {
        let stored = hash("correct horse".to_owned()).await.unwrap();
        assert!(!stored.contains("correct"));
        let mut buffer = Vec::new();
        assert!(check("correct horse", Some(&stored), &mut buffer).unwrap());
        assert!(!check("correct horsf", Some(&stored), &mut buffer).unwrap());
        assert!(check("correct horse", Some(&stored), &mut buffer).unwrap(), "the buffer is used again");
        assert!(check("correct horse", Some("$5$x$y"), &mut buffer).is_err());
    }

    #[tokio::test]
    async fn an_unknown_operator_costs_the_same_work_and_is_refused() {
        assert!(!check("correct horse", None, &mut Vec::new()).unwrap());
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash("correct horse".to_owned()).await.unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!(nobody.algorithm, real.algorithm);
        assert_eq!(nobody.params, real.params, "the same cost");
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
    }

    #[test]
    fn names_and_passwords_that_cannot_be_used_say_why() {
        for name in ["", "a b", "<b>", "a/b", &"x".repeat(MAX_OPERATOR_CHARS + 1)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("anna.k@example").is_ok());
        assert!(matches!(check_password("short"), Err(PasswordError::TooShort)));
        assert!(matches!(check_password(&"x".repeat(MAX_BYTES + 1)), Err(PasswordError::TooLong)));
    }
}
