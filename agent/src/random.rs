//! Random numbers from the kernel, for names that must be unique and for jitter. Keys are not made here.

use std::cell::RefCell;
use std::str::FromStr;

use platen_protocol::hex;
use platen_protocol::identity::InvalidId;
use ring::rand::{SecureRandom, SystemRandom};

/// The kernel gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel provides no random numbers")]
pub struct NoRandomness;

/// What a person asked for could not be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotName {
    /// The kernel gave no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// It is no identifier.
    #[error(transparent)]
    Invalid(#[from] InvalidId),
}

/// Fills bytes with what counts as random.
type Source = Box<dyn FnMut(&mut [u8])>;

thread_local! {
    static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
}

/// From now on, what this thread draws comes from `source` and not from the kernel: for a simulation, in
/// which a seed must always give the same run.
pub fn draw_from(source: impl FnMut(&mut [u8]) + 'static) {
    SOURCE.with_borrow_mut(|drawn_from| *drawn_from = Some(Box::new(source)));
}

/// Fills an array with random bytes.
///
/// # Errors
/// When the kernel has none.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0; N];
    let drawn =
        SOURCE.with_borrow_mut(|drawn_from| drawn_from.as_mut().map(|source| source(&mut out)).is_some());
    if drawn {
        return Ok(out);
    }
    if SystemRandom::new().fill(&mut out).is_err() {
        return Err(NoRandomness);
    }
    Ok(out)
}

/// Random bytes in a name: enough that no two of a fleet are the same, whatever became of the outbox in between.
const NAME_BYTES: usize = 8;

/// A name that nothing else has.
///
/// # Errors
/// When the kernel has no random numbers, or the prefix makes no identifier.
pub fn name<T: FromStr<Err = InvalidId>>(prefix: &str) -> Result<T, CannotName> {
    Ok(format!("{prefix}-{}", hex::encode(&bytes::<NAME_BYTES>()?)).parse()?)
}

/// A random number; 0 should the kernel have none, which costs jitter and nothing else.
pub fn number() -> u64 {
    bytes().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_drawn_from_as_it_was_set_and_on_one_thread_only() {
        std::thread::spawn(|| {
            let mut next = 0;
            draw_from(move |bytes| {
                bytes.fill(next);
                next += 1;
            });
            assert_eq!(bytes::<2>(), Ok([0, 0]));
            assert_eq!(number(), 0x0101_0101_0101_0101);
        })
        .join()
        .unwrap();
        assert_ne!(bytes::<16>(), bytes::<16>(), "other threads draw from the kernel");
    }
}
