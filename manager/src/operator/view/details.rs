//! What operators say about a device, as people and programs see it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{DetailsRecord, Named, OwnSetting, Retirement};

/// A customer, site or profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct NamedView {
    /// Its number.
    pub(in super::super) id: i64,
    /// Its name.
    pub(in super::super) name: String,
}

impl From<Named> for NamedView {
    fn from(named: Named) -> Self {
        Self { id: named.key, name: named.name }
    }
}

/// The profile that a device has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct ProfileOfDevice {
    /// Its number.
    pub(in super::super) id: i64,
    /// Its name.
    pub(in super::super) name: String,
    /// `true` when the device was given it itself, and has it not by one of its groups.
    pub(in super::super) own: bool,
    /// How the device stands with it: `due`, `waiting`, `done`, `refused`, `failed` or `expired`.
    pub(in super::super) state: String,
    /// Why the device did not accept it; `null` if it did, or has not answered.
    pub(in super::super) reason: Option<String>,
    /// Settings in which the device differs from the profile, because an operator set them by hand.
    pub(in super::super) differing: Vec<String>,
}

/// That a device was taken out of service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in super::super) struct RetirementView {
    /// When an operator retired it.
    pub(in super::super) at: Timestamp,
    /// Which operator.
    pub(in super::super) by: Option<String>,
    /// How the device was told: `waiting`, `delivered`, `done`, `refused`, `failed` or `expired`; `null` when it could
    /// not be told, because it was shut out.
    pub(in super::super) state: Option<String>,
    /// The same for people.
    pub(in super::super) words: String,
}

/// What operators say about a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DetailsView {
    /// Whose it is; `null` if nobody said.
    pub(in super::super) customer: Option<NamedView>,
    /// At which site it stands; `null` if nobody said.
    pub(in super::super) site: Option<NamedView>,
    /// The site's address.
    pub(in super::super) address: Option<String>,
    /// Where at the site it stands, for people.
    pub(in super::super) place: Option<String>,
    /// The time zone there, by its name in the IANA database: its own, else its site's; `null` if nobody said.
    pub(in super::super) time_zone: Option<String>,
    /// Its own time zone; `null` where the site's holds.
    pub(in super::super) own_time_zone: Option<String>,
    /// Tags, in order.
    pub(in super::super) tags: Vec<String>,
    /// Whatever operators want to remember of it.
    pub(in super::super) note: Option<String>,
    /// The profile that it has; `null` without one.
    pub(in super::super) profile: Option<ProfileOfDevice>,
    /// Settings that operators gave to this device alone; profiles leave them alone.
    pub(in super::super) set_by_hand: Vec<OwnSetting>,
    /// When somebody last said something of this.
    pub(in super::super) changed: Option<Timestamp>,
    /// Who that was.
    pub(in super::super) changed_by: Option<String>,
    /// That it was taken out of service; `null` while it is in service.
    pub(in super::super) retired: Option<RetirementView>,
    /// The mark of this state, which its answer has as `ETag`.
    #[serde(skip)]
    pub(in super::super) mark: String,
}

impl From<Retirement> for RetirementView {
    fn from(retirement: Retirement) -> Self {
        let reason = retirement.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let words = match retirement.state.as_deref() {
            None => {
                "It was shut out and could not be told: its key may still be on it, and is refused".to_owned()
            }
            Some("waiting") => {
                "It has not been in contact since: it is told when it comes back, and then removes its key"
                    .to_owned()
            }
            Some("delivered") => "It has been told, and has not answered yet".to_owned(),
            Some("done") => "It has answered that it removes its key, and is refused from now on".to_owned(),
            Some("refused") => {
                format!(
                    "Its agent does not know how to remove its key{reason}; the key is refused from now on"
                )
            }
            Some("failed") => format!("It could not remove its key{reason}; the key is refused from now on"),
            Some(_) => "It was not heard of in time: its key may still be on it, and is refused from now on"
                .to_owned(),
        };
        Self { at: retirement.at, by: retirement.by, state: retirement.state, words }
    }
}

impl DetailsView {
    /// Of a device, and of its retirement if it was retired.
    pub(crate) fn new(record: DetailsRecord, retirement: Option<Retirement>) -> Self {
        let mark = record.mark();
        let time_zone = record.time_zone().map(ToOwned::to_owned);
        let own = record.own_profile.is_some();
        let profile = record.profile.zip(record.application).map(|(named, stands)| ProfileOfDevice {
            id: named.key,
            name: named.name,
            own,
            state: stands.state,
            reason: stands.reason,
            differing: stands.differing,
        });
        Self {
            customer: record.customer.map(NamedView::from),
            site: record.site.map(NamedView::from),
            address: record.address,
            place: record.place,
            time_zone,
            own_time_zone: record.own_time_zone,
            tags: record.tags,
            note: record.note,
            profile,
            set_by_hand: record.by_hand,
            changed: record.changed,
            changed_by: record.changed_by,
            retired: retirement.map(RetirementView::from),
            mark,
        }
    }

    /// Its mark.
    pub(in super::super) fn mark(&self) -> String {
        self.mark.clone()
    }

    /// Where it stands, from the narrow to the wide, in one line.
    pub(in super::super) fn where_words(&self) -> Option<String> {
        let name = |named: &Option<NamedView>| named.as_ref().map(|named| named.name.clone());
        let parts: Vec<String> =
            [self.place.clone(), name(&self.site), name(&self.customer)].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    /// All of it as names and values, for the command line.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let name = |named: &Option<NamedView>| named.as_ref().map(|named| named.name.clone());
        let retired = self.retired.as_ref().map(|retired| {
            let by = retired.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{}{by}. {}", retired.at.strftime("%Y-%m-%d %H:%M UTC"), retired.words)
        });
        let profile = self.profile.as_ref().map(|profile| format!("{} ({})", profile.name, profile.words()));
        let by_hand: Vec<String> = self
            .set_by_hand
            .iter()
            .map(|own| format!("{} = {}, by {}", own.name, own.value, own.set_by))
            .collect();
        let some = |text: String| (!text.is_empty()).then_some(text);
        [
            ("customer", name(&self.customer)),
            ("site", name(&self.site)),
            ("address", self.address.clone()),
            ("place", self.place.clone()),
            ("time zone", self.time_zone.clone()),
            ("tags", some(self.tags_words())),
            ("profile", profile),
            ("by hand", some(by_hand.join("\n"))),
            ("note", self.note.clone()),
            ("retired", retired),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or_else(|| "-".to_owned())))
        .collect()
    }

    /// The tags as they are typed.
    pub(in super::super) fn tags_words(&self) -> String {
        self.tags.join(" ")
    }

    /// Whether this is its site.
    pub(in super::super) fn is_site(&self, key: i64) -> bool {
        self.site.as_ref().is_some_and(|site| site.id == key)
    }

    /// Whether this is its customer, and it stands at none of its sites.
    pub(in super::super) fn is_customer_only(&self, key: i64) -> bool {
        self.site.is_none() && self.customer.as_ref().is_some_and(|customer| customer.id == key)
    }

    /// Whether it was given this profile itself.
    pub(in super::super) fn is_own_profile(&self, key: i64) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.own && profile.id == key)
    }
}

impl ProfileOfDevice {
    /// How the device stands with it, for people.
    pub(in super::super) fn words(&self) -> String {
        let reason = self.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        match self.state.as_str() {
            "done" => "accepted".to_owned(),
            "refused" => format!("refused by the device{reason}"),
            "failed" => format!("could not be set{reason}"),
            "expired" => "not fetched in time; it is sent again".to_owned(),
            _ => "on its way to the device".to_owned(),
        }
    }
}
