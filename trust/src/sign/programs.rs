//! The targets file: programs are added and taken away, each time as a new version, which offline keys sign.

use std::collections::HashMap;

use jiff::Timestamp;
use tuf::metadata::{Delegations, TargetDescription, TargetPath, TargetsMetadata};
use tuf::pouf::{Pouf as _, Pouf1};

use super::{Draft, SignError, after};
use crate::document::bounded;
use crate::limits::MAX_PROGRAMS;
use crate::program::Program;
use crate::role::Role;
use crate::signed::told;
use crate::time::for_tuf;

/// The next version of the targets file, with these programs more and those paths less. `current` is the one that is
/// published; without one, this is the first. Without changes it renews the time of expiry.
pub fn change(
    current: Option<&Draft>,
    add: &[Program],
    remove: &[&str],
    until: Timestamp,
) -> Result<Draft, SignError> {
    let before = current.and_then(Draft::targets_metadata);
    let mut programs = before.map(|targets| targets.targets().clone()).unwrap_or_default();
    for path in remove {
        if programs.remove(*path).is_none() {
            return Err(SignError::Program { path: (*path).to_owned(), cause: "it is not there" });
        }
    }
    for program in add {
        insert(&mut programs, program)?;
    }
    bounded("the targets", programs.len(), "programs", MAX_PROGRAMS)?;
    let version = current.map_or(Ok(1), |current| after(current.version()))?;
    let delegations =
        Delegations::new(HashMap::new(), Vec::new()).map_err(|error| told(error, Role::Targets))?;
    let targets = TargetsMetadata::new(version, for_tuf(until).into(), programs, delegations, HashMap::new());
    Draft::unsigned(Role::Targets, targets.and_then(|targets| Pouf1::serialize(&targets)))
}

/// One version is one program for ever: another file under its path has to have another version.
fn insert(programs: &mut HashMap<TargetPath, TargetDescription>, program: &Program) -> Result<(), SignError> {
    let (path, target) = program.describe()?;
    match programs.get(&path) {
        Some(there) if *there != target => Err(SignError::Program {
            path: program.path(),
            cause: "another program is there under this version",
        }),
        _ => {
            programs.insert(path, target);
            Ok(())
        }
    }
}
