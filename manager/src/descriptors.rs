//! File descriptors: each connection takes one. The service manager gives a program few at first and lets
//! it ask for more.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::limits::Limits;

/// Descriptors for everything but devices: the database, its readers, operators, and those who are told
/// that there is no room.
const RESERVED: u64 = 512;

/// How many connections of devices there are descriptors for.
fn room(connections: u32, descriptors: u64) -> u32 {
    // However few there are, some device is served: half of what there is.
    let room = descriptors.saturating_sub(RESERVED).max(descriptors / 2).max(1);
    connections.min(u32::try_from(room).unwrap_or(u32::MAX))
}

/// Asks for as many descriptors as the system lets the program have, and brings the limit of connections
/// down to what there are descriptors for, so that the manager says "not now" instead of being unable to
/// say anything.
pub(crate) fn fit(limits: &mut Limits) {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors cannot be read");
            return;
        }
    };
    let raised = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors cannot be raised");
            soft
        }
    };
    let room = room(limits.connections, raised);
    if room < limits.connections {
        tracing::warn!(
            wanted = limits.connections,
            room,
            descriptors = raised,
            "there are too few file descriptors for limits.connections: raise LimitNOFILE of the service"
        );
        limits.connections = room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn connections_never_take_the_descriptors_that_everything_else_needs(
            connections in 1_u32..1_000_000, descriptors in 2_u64..2_000_000,
        ) {
            let room = room(connections, descriptors);
            prop_assert!(room >= 1 && room <= connections && u64::from(room) < descriptors);
            if descriptors >= 2 * RESERVED {
                prop_assert!(u64::from(room) + RESERVED <= descriptors);
            }
        }
    }
}
