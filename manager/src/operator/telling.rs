//! What people are told, and by which ways, as operators write it down.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::objects::only_objects;
use super::problem::Refusal;
use super::{Operators, said};
use crate::clock;
use crate::deliver::{Delivered, WebhookUrl, addresses_of, new_secret};
use crate::secret::random_hex;
use crate::store::{ChannelKind, Muted, NewChannel, NewMute, TellingRefusal, Way};
use crate::telling::message::Message;
use crate::telling::rule::{Rule, RuleError};

/// Random bytes of the id of a test.
const TEST_ID_BYTES: usize = 16;
/// The longest mute: maintenance that lasts longer is written down again.
const LONGEST_MUTE_DAYS: i64 = 92;

impl From<TellingRefusal> for Refusal {
    fn from(refusal: TellingRefusal) -> Self {
        let kind = match &refusal {
            TellingRefusal::Missing { .. } => ProblemKind::NotFound,
            TellingRefusal::Changed(_) => ProblemKind::ChangedMeanwhile,
            _ => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<RuleError> for Refusal {
    fn from(error: RuleError) -> Self {
        Self::new(ProblemKind::InvalidRequest, error.to_string())
    }
}

/// A channel, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ChannelForm {
    /// Name; no other channel has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// How messages go out.
    kind: ChannelKind,
    /// Addresses of e-mail with commas between, or a URL that begins with `https://`.
    #[schema(min_length = 1, max_length = 2000)]
    address: String,
}

/// A mute, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct MuteForm {
    /// The device; this or the site.
    #[serde(default)]
    device: Option<DeviceId>,
    /// Number of the site.
    #[serde(default)]
    site: Option<i64>,
    /// Until when.
    until: Timestamp,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    note: Option<String>,
}

only_objects!(ChannelForm, MuteForm);

fn invalid(words: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, words)
}

impl ChannelForm {
    pub(super) const fn new(name: String, kind: ChannelKind, address: String) -> Self {
        Self { name, kind, address }
    }

    pub(super) fn read(self) -> Result<NewChannel, Refusal> {
        let address = self.address.trim().to_owned();
        match self.kind {
            ChannelKind::Email => addresses_of(&address).map(drop).map_err(invalid)?,
            ChannelKind::Webhook => WebhookUrl::read(&address).map(drop).map_err(invalid)?,
        }
        Ok(NewChannel { name: said::name("the name", &self.name)?, kind: self.kind, address })
    }
}

impl MuteForm {
    pub(super) const fn new(
        device: Option<DeviceId>,
        site: Option<i64>,
        until: Timestamp,
        note: Option<String>,
    ) -> Self {
        Self { device, site, until, note }
    }

    pub(super) fn read(self, now: Timestamp) -> Result<NewMute, Refusal> {
        let what = match (self.device, self.site) {
            (Some(device), None) => Muted::Device(device),
            (None, Some(site)) => Muted::Site(site),
            _ => return Err(invalid("name a device or a site, and not both")),
        };
        let latest = now + jiff::SignedDuration::from_hours(24 * LONGEST_MUTE_DAYS);
        if self.until <= now || self.until > latest {
            return Err(invalid(format!("until must be in the future, and within {LONGEST_MUTE_DAYS} days")));
        }
        Ok(NewMute { what, until: self.until, note: said::note(self.note.as_deref().unwrap_or(""))? })
    }
}

/// A rule, as it is sent: an object with names.
#[derive(Debug)]
pub(super) struct RuleForm(Rule);

impl<'de> Deserialize<'de> for RuleForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> serde::de::Visitor<'de> for Fields {
            type Value = Rule;

            fn expecting(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                text.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, fields: A) -> Result<Rule, A::Error> {
                Rule::deserialize(MapAccessDeserializer::new(fields))
            }
        }
        from.deserialize_map(Fields).map(Self)
    }
}

impl RuleForm {
    pub(super) const fn new(rule: Rule) -> Self {
        Self(rule)
    }

    pub(super) fn read(mut self) -> Result<Rule, Refusal> {
        self.0.check()?;
        self.0.name = said::name("the name", &self.0.name)?;
        Ok(self.0)
    }
}

/// A channel that was added, with what is shown once.
pub(super) struct Added {
    pub(super) key: i64,
    pub(super) secret: Option<String>,
}

/// Adds a channel; a webhook with a secret that is shown this once.
pub(super) async fn add_channel(
    operators: &Operators,
    form: ChannelForm,
    by: String,
) -> Result<Added, Refusal> {
    let new = form.read()?;
    let secret = match new.kind {
        ChannelKind::Email => None,
        ChannelKind::Webhook => Some(new_secret().map_err(|error| Refusal::internal(&error))?),
    };
    let key = operators.store.add_channel(new, secret.clone(), by, clock::now()).await??;
    Ok(Added { key, secret })
}

/// Gives a webhook another secret, which is shown this once.
pub(super) async fn new_channel_secret(
    operators: &Operators,
    key: i64,
    by: String,
) -> Result<String, Refusal> {
    let secret = new_secret().map_err(|error| Refusal::internal(&error))?;
    operators.store.set_channel_secret(key, secret.clone(), by, clock::now()).await??;
    Ok(secret)
}

/// How a test went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tested {
    /// Whether the message was taken.
    pub(super) delivered: bool,
    /// What happened, for people.
    pub(super) words: String,
    /// The number of a ticket, if the other system answered with one.
    pub(super) ticket: Option<String>,
}

/// Sends a message that only says that it came, now, and says what happened.
pub(super) async fn test_channel(operators: &Operators, key: i64) -> Result<Tested, Refusal> {
    let to: Way = operators.store.way_to(key).await?.ok_or_else(|| Refusal::not_found("channel"))?;
    let id = random_hex::<TEST_ID_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let now = clock::now();
    let message = Message::test(id, to.name.clone(), now);
    let (delivered, words, ticket) = match operators.deliver.message(&message, &to, now).await {
        Delivered::Taken(ticket) => (true, "The message was taken.".to_owned(), ticket),
        Delivered::Later(why) => (false, format!("Not now: {why}. A message would be tried again."), None),
        Delivered::Never(why) => (false, format!("Never: {why}. A message would be given up."), None),
    };
    Ok(Tested { delivered, words, ticket })
}
