//! `/profiles`: settings for many devices.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, RawForm, State};
use axum::response::{Html, Redirect};
use platen_protocol::problem::ProblemKind;
use platen_protocol::settings::SettingKey;

use super::super::problem::Refusal;
use super::super::view::ProfileView;
use super::super::who::Operator;
use super::super::{Operators, Shared, profiles, said};
use super::customers::{After, cut};
use super::details::{choices, chosen};
use super::{Frame, render, words};
use crate::clock;
use crate::store::{CustomerRecord, GroupKind, NewProfile, ProfileRefused, SiteRecord};

/// Profiles on a page.
const ON_A_PAGE: u32 = 100;
/// Devices that did not accept a profile that its page names.
const MAX_REFUSALS: u32 = 50;

/// What stands in the form.
#[derive(Debug, Default)]
struct Filled {
    name: String,
    settings: String,
    tags: String,
    note: String,
    of: Option<ProfileView>,
}

impl Filled {
    fn of(profile: &ProfileView) -> Self {
        Self {
            name: profile.name.clone(),
            settings: profile.settings_text(),
            tags: profile.tags_text(),
            note: profile.note.clone().unwrap_or_default(),
            of: Some(profile.clone()),
        }
    }

    fn is_for(&self, kind: &str, key: i64) -> bool {
        self.of.as_ref().is_some_and(|profile| profile.is_for(kind, key))
    }
}

/// The settings that there are, each with what it is.
fn known_settings() -> Vec<(String, String)> {
    let any = || "NAME".to_owned();
    let keys = [
        SettingKey::SampleInterval,
        SettingKey::UtilisationInterval,
        SettingKey::ProgramsInterval,
        SettingKey::Hysteresis,
        SettingKey::DebounceSamples,
        SettingKey::PartPercent,
        SettingKey::SupplyPercent(any()),
        SettingKey::SupplyPages(any()),
        SettingKey::SupplyDays(any()),
        SettingKey::PartSetPercent(any()),
    ];
    keys.iter().map(|key| (key.to_string(), words::setting(key))).collect()
}

#[derive(Template)]
#[template(path = "profiles/list.html")]
struct ProfilesPage {
    frame: Frame,
    profiles: Vec<ProfileView>,
    next: Option<i64>,
    form: Filled,
    known_settings: Vec<(String, String)>,
    customers: Vec<(CustomerRecord, Vec<SiteRecord>)>,
    cut: bool,
}

/// All profiles.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(After { after }) = after?;
    let mut records = operators.store.profiles(after, ON_A_PAGE + 1).await?;
    let next = cut(&mut records, ON_A_PAGE, |profile| profile.key);
    let progress = operators.store.profile_progress(operator.scope(), None).await?;
    let view = |record: crate::store::ProfileRecord| {
        let come = progress.get(&record.key);
        ProfileView::of(record, come)
    };
    let (customers, cut) = choices(&operators, &operator).await?;
    render(&ProfilesPage {
        frame: Frame::new(Some(operator), false),
        profiles: records.into_iter().map(view).collect(),
        next,
        form: Filled::default(),
        known_settings: known_settings(),
        customers,
        cut,
    })
}

#[derive(Template)]
#[template(path = "profiles/one.html")]
struct ProfilePage {
    frame: Frame,
    profile: ProfileView,
    refusals: Vec<ProfileRefused>,
    refusals_cut: bool,
    form: Filled,
    known_settings: Vec<(String, String)>,
    customers: Vec<(CustomerRecord, Vec<SiteRecord>)>,
    cut: bool,
}

/// One profile.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(key) = id?;
    let record = operators.store.profile(key).await?.ok_or_else(|| Refusal::not_found("profile"))?;
    let progress = operators.store.profile_progress(operator.scope(), Some(key)).await?;
    let profile = ProfileView::with_groups(record, progress.get(&key));
    let mut refusals = operators.store.profile_refusals(operator.scope(), key, MAX_REFUSALS + 1).await?;
    let most = usize::try_from(MAX_REFUSALS).unwrap_or(usize::MAX);
    let refusals_cut = refusals.len() > most;
    refusals.truncate(most);
    let (customers, cut) = choices(&operators, &operator).await?;
    render(&ProfilePage {
        frame: Frame::new(Some(operator), false),
        form: Filled::of(&profile),
        profile,
        refusals,
        refusals_cut,
        known_settings: known_settings(),
        customers,
        cut,
    })
}

/// A list of which several are chosen comes as several fields of one name.
fn typed(form: &[u8]) -> Result<NewProfile, Refusal> {
    let (mut name, mut settings, mut tags, mut note) =
        (String::new(), String::new(), String::new(), String::new());
    let mut groups = Vec::new();
    for (field, value) in form_urlencoded::parse(form) {
        match field.as_ref() {
            "name" => name = value.into_owned(),
            "settings" => settings = value.into_owned(),
            "tags" => tags = value.into_owned(),
            "note" => note = value.into_owned(),
            "groups" => match chosen(&value)? {
                Some(("site", key)) => groups.push((GroupKind::Site, key.to_string())),
                Some((_, key)) => groups.push((GroupKind::Customer, key.to_string())),
                None => {}
            },
            _ => {}
        }
    }
    groups.extend(said::typed_tags(&tags)?.into_iter().map(|tag| (GroupKind::Tag, tag)));
    profiles::read(&name, Some(&note), lines(&settings)?, groups)
}

/// Settings as they are typed: `name = value`, one a line.
fn lines(text: &str) -> Result<BTreeMap<String, u32>, Refusal> {
    let mut settings = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let refused = |why: &str| {
            let why = format!("settings, line {}: {line:?} {why}", number + 1);
            Refusal::new(ProblemKind::InvalidRequest, why)
        };
        let parts = line.split_once('=').ok_or_else(|| refused("is not NAME = VALUE"))?;
        let (name, value) = (parts.0.trim(), parts.1.trim());
        let value = value.parse();
        let value = value.ok().ok_or_else(|| refused("must end with a whole number of at least 0"))?;
        if settings.insert(name.to_owned(), value).is_some() {
            return Err(refused("names a setting that stands in an earlier line"));
        }
    }
    Ok(settings)
}

fn kept(operators: &Operators, key: i64) -> Redirect {
    operators.bell.ring();
    Redirect::to(&format!("/profiles/{key}"))
}

/// Adds a profile.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    RawForm(form): RawForm,
) -> Result<Redirect, Refusal> {
    let key = operators.store.add_profile(typed(&form)?, operator.name, clock::now()).await??;
    Ok(kept(&operators, key))
}

/// Says something else about a profile.
pub(super) async fn save(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    RawForm(form): RawForm,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.set_profile(key, typed(&form)?, operator.name, clock::now()).await??;
    Ok(kept(&operators, key))
}

/// Sends a profile once more.
pub(super) async fn send(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    if !operators.store.send_profile_again(key, operator.name, clock::now()).await? {
        return Err(Refusal::not_found("profile"));
    }
    Ok(kept(&operators, key))
}

/// Removes a profile.
pub(super) async fn remove(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.remove_profile(key, clock::now()).await??;
    operators.bell.ring();
    Ok(Redirect::to("/profiles"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_line_by_line_and_what_is_wrong_is_said_with_its_line() {
        let read = lines("\nsupply.black.set-percent = 15\r\n judge.part-percent=5\n").unwrap();
        assert_eq!(
            read,
            [("supply.black.set-percent".to_owned(), 15), ("judge.part-percent".to_owned(), 5)].into()
        );
        for (text, word) in [("a = 1\nb", "line 2"), ("a = -1", "whole number"), ("a=1\na=2", "earlier")] {
            let refused = lines(text).unwrap_err().0.detail;
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn a_form_with_several_groups_is_one_profile() {
        let form = b"name=Office&settings=judge.part-percent+%3D+5&tags=vip+floor-2&groups=site%3A3&groups=customer%3A7&note=";
        let profile = typed(form).unwrap();
        let groups: Vec<_> =
            profile.groups.iter().map(|group| format!("{} {}", group.kind.word(), group.name)).collect();
        assert_eq!(groups, ["tag floor-2", "tag vip", "site 3", "customer 7"]);
        assert_eq!((profile.name.as_str(), profile.note), ("Office", None));
    }
}
