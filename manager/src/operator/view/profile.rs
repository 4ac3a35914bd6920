//! A profile, as people and programs see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{GroupKind, ProfileRecord, Progress};

/// Settings that many devices are to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct ProfileView {
    /// Its number.
    pub(in super::super) id: i64,
    /// Its name.
    pub(in super::super) name: String,
    /// Whatever operators want to remember of it.
    pub(in super::super) note: Option<String>,
    /// Values by the names of the settings, in the unit that each name ends with.
    pub(in super::super) settings: BTreeMap<String, u32>,
    /// Rises when the settings change, or when it is sent again.
    pub(in super::super) version: u64,
    /// Whom it is for; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) groups: Option<Vec<GroupView>>,
    /// How far it has come.
    pub(in super::super) progress: Progress,
    /// When it was changed last.
    pub(in super::super) changed: Timestamp,
    /// Who changed it.
    pub(in super::super) changed_by: String,
    /// The mark of this state, which its answer has as `ETag`.
    #[serde(skip)]
    pub(in super::super) mark: String,
}

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct GroupView {
    /// What kind of group.
    pub(in super::super) kind: GroupKind,
    /// The tag, or the number of the site or customer.
    pub(in super::super) name: String,
    /// The same for people.
    pub(in super::super) words: String,
}

impl ProfileView {
    /// Of a profile in a list.
    pub(in super::super) fn of(record: ProfileRecord, progress: Option<&Progress>) -> Self {
        Self {
            id: record.key,
            name: record.name,
            note: record.note,
            settings: record.settings,
            version: record.version,
            groups: None,
            progress: progress.copied().unwrap_or_default(),
            changed: record.changed,
            changed_by: record.changed_by,
            // What a list shows is not changed by it.
            mark: String::new(),
        }
    }

    /// Of one profile, with its groups.
    pub(in super::super) fn with_groups(mut record: ProfileRecord, progress: Option<&Progress>) -> Self {
        let mark = record.mark();
        let groups = std::mem::take(&mut record.groups).into_iter();
        let groups = groups.map(|(group, words)| GroupView { kind: group.kind, name: group.name, words });
        let groups = Some(groups.collect());
        Self { groups, mark, ..Self::of(record, progress) }
    }

    /// Its mark.
    pub(in super::super) fn mark(&self) -> String {
        self.mark.clone()
    }

    /// Its settings as they are typed: one a line.
    pub(in super::super) fn settings_text(&self) -> String {
        let lines: Vec<String> =
            self.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        lines.join("\n")
    }

    /// Its groups of a kind.
    pub(in super::super) fn groups_of(&self, kind: &str) -> Vec<&GroupView> {
        self.groups.iter().flatten().filter(|group| group.kind.word() == kind).collect()
    }

    /// Its tags as they are typed.
    pub(in super::super) fn tags_text(&self) -> String {
        let tags: Vec<&str> = self.groups_of("tag").into_iter().map(|group| group.name.as_str()).collect();
        tags.join(" ")
    }

    /// Whether it is for this site or customer.
    pub(in super::super) fn is_for(&self, kind: &str, key: i64) -> bool {
        self.groups_of(kind).iter().any(|group| group.name == key.to_string())
    }

    /// How far it has come, for people.
    pub(in super::super) fn progress_words(&self) -> String {
        let Progress { devices, accepted, waiting, refused } = self.progress;
        if devices == 0 {
            return "no device has it".to_owned();
        }
        let waiting = if waiting > 0 { format!(", on its way to {waiting}") } else { String::new() };
        let refused = if refused > 0 { format!(", not accepted by {refused}") } else { String::new() };
        format!("accepted by {accepted} of {devices}{waiting}{refused}")
    }
}
