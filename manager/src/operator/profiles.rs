//! Profiles, as operators write them down.

use std::collections::{BTreeMap, BTreeSet};

use platen_protocol::problem::ProblemKind;

use super::problem::Refusal;
use super::said;
use crate::store::{Group, GroupKind, NewProfile, ProfileRefusal};

/// Groups that one profile may be for.
pub(super) const MAX_GROUPS: usize = 200;

impl From<ProfileRefusal> for Refusal {
    fn from(refusal: ProfileRefusal) -> Self {
        let kind = match &refusal {
            ProfileRefusal::Missing(_) => ProblemKind::NotFound,
            ProfileRefusal::Changed(_) => ProblemKind::ChangedMeanwhile,
            ProfileRefusal::NameTaken(_) | ProfileRefusal::GroupTaken { .. } => ProblemKind::StateConflict,
            ProfileRefusal::NoGroup { .. } => ProblemKind::InvalidRequest,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// A profile of what was sent.
pub(super) fn read(
    name: &str,
    note: Option<&str>,
    settings: BTreeMap<String, u32>,
    groups: impl IntoIterator<Item = (GroupKind, String)>,
) -> Result<NewProfile, Refusal> {
    let groups: BTreeSet<Group> = groups
        .into_iter()
        .map(|(kind, name)| {
            let name = if kind == GroupKind::Tag { said::tag(&name)? } else { name };
            Ok(Group { kind, name })
        })
        .collect::<Result<_, Refusal>>()?;
    if groups.len() > MAX_GROUPS {
        let why = format!("{} groups are given; a profile is for at most {MAX_GROUPS}", groups.len());
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    Ok(NewProfile {
        name: said::name("the name", name)?,
        note: said::note(note.unwrap_or(""))?,
        settings: said::settings(settings)?,
        groups,
    })
}
