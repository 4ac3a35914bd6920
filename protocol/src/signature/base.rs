//! The text that is signed (RFC 9421, section 2.5).

use sfv::{
    BareItem, FieldType as _, InnerList, Integer, Item, KeyRef, ListEntry, Parameters, StringRef, key_ref,
    string_ref,
};

use super::covered::{Answer, Request, When};
use super::{DIGEST_FIELD, INPUT_FIELD, LABEL, SIGNATURE_FIELD};

pub(super) const CREATED: &KeyRef = key_ref("created");
pub(super) const EXPIRES: &KeyRef = key_ref("expires");
pub(super) const NONCE: &KeyRef = key_ref("nonce");
pub(super) const KEY_ID: &KeyRef = key_ref("keyid");
pub(super) const ALG: &KeyRef = key_ref("alg");
pub(super) const TAG: &KeyRef = key_ref("tag");

/// One covered component and its value.
pub(super) struct Line {
    component: Item,
    value: String,
}

impl Line {
    fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { component: Item::new(string_ref(name)), value: value.into() }
    }

    /// Our member of a field of the request that is answered (RFC 9421, sections 2.1.2 and 2.4).
    fn of_request(field: &'static str, value: &str) -> Self {
        let mut parameters = Parameters::new();
        parameters.insert(key_ref("req").to_owned(), BareItem::Boolean(true));
        parameters.insert(key_ref("key").to_owned(), BareItem::from(string_ref(LABEL)));
        Self { component: Item::with_params(string_ref(field), parameters), value: value.to_owned() }
    }
}

/// What of a request is covered. `prefer` is, when there is one, so that nobody makes a request wait
/// that was not to wait, or the other way round.
pub(super) fn request(request: &Request<'_>, digest: &str) -> Vec<Line> {
    let mut lines = vec![
        Line::new("@method", request.method),
        Line::new("@path", request.path),
        Line::new(DIGEST_FIELD, digest),
        Line::new("content-type", request.content_type.trim()),
    ];
    lines.extend(request.prefer.map(|prefer| Line::new("prefer", prefer.trim())));
    lines
}

/// What of an answer is covered: with the request's signature and its parameters, so that it answers
/// that request of that device and no other.
pub(super) fn answer(answer: &Answer<'_>, digest: &str) -> Vec<Line> {
    let mut lines = vec![
        Line::new("@status", answer.status.to_string()),
        Line::new(DIGEST_FIELD, digest),
        Line::new("content-type", answer.content_type.trim()),
    ];
    lines.extend(answer.retry_after.map(|after| Line::new("retry-after", after.trim())));
    lines.push(Line::of_request(INPUT_FIELD, &answer.to.input));
    lines.push(Line::of_request(SIGNATURE_FIELD, &answer.to.signature));
    lines
}

/// Whether a signature covers exactly these.
pub(super) fn covers(member: &InnerList, lines: &[Line]) -> bool {
    member.items.len() == lines.len()
        && member.items.iter().zip(lines).all(|(item, line)| *item == line.component)
}

/// The member of `Signature-Input` that covers these.
pub(super) fn member(lines: &[Line], when: &When<'_>, key_id: &str) -> InnerList {
    let mut parameters = Parameters::new();
    let mut text = |name: &KeyRef, value: &str| {
        // Nothing but digits and names comes here; what were no ASCII would be left out and refused.
        if let Ok(value) = StringRef::from_str(value) {
            parameters.insert(name.to_owned(), BareItem::from(value));
        }
    };
    text(KEY_ID, key_id);
    text(ALG, super::ALGORITHM);
    text(TAG, super::TAG);
    if let Some(nonce) = when.nonce {
        text(NONCE, nonce);
    }
    for (name, value) in [(CREATED, Some(when.created)), (EXPIRES, when.expires)] {
        if let Some(value) = value.and_then(|value| Integer::try_from(value).ok()) {
            parameters.insert(name.to_owned(), BareItem::Integer(value));
        }
    }
    InnerList::with_params(lines.iter().map(|line| line.component.clone()).collect(), parameters)
}

/// A member of `Signature-Input` as text, without its name.
pub(super) fn text(member: &InnerList) -> String {
    vec![ListEntry::InnerList(member.clone())].serialize().unwrap_or_default()
}

/// The signature base. `member` covers `lines`.
pub(super) fn base(lines: &[Line], member: &InnerList) -> String {
    let mut base = String::with_capacity(1024);
    for (line, item) in lines.iter().zip(&member.items) {
        base.push_str(&item.serialize());
        base.push_str(": ");
        base.push_str(&line.value);
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(&text(member));
    base
}

#[cfg(test)]
pub(super) fn any_line(name: &'static str, value: &str) -> Line {
    Line::new(name, value)
}
