//! The mark of what is shown, as `ETag`, and of what is changed, as `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1): who
//! sends it back changes only what was seen.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use platen_protocol::problem::ProblemKind;
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required};

use super::super::problem::Refusal;
use super::super::view::{DetailsView, OperatorView, ProfileView};
use crate::store::{ChannelRecord, CustomerRecord, RuleRecord, SiteRecord};

/// Something that has a mark.
pub(super) trait Marked {
    fn mark(&self) -> String;
}

macro_rules! marked {
    ($($record:ty),*) => {
        $(impl Marked for $record {
            fn mark(&self) -> String {
                <$record>::mark(self)
            }
        })*
    };
}
marked!(ChannelRecord, CustomerRecord, DetailsView, OperatorView, ProfileView, RuleRecord, SiteRecord);

/// One record, with its mark.
pub(super) struct One<T>(pub(super) T);

impl<T: Marked + Serialize> IntoResponse for One<T> {
    fn into_response(self) -> Response {
        let mark = format!("\"{}\"", self.0.mark());
        ([(header::ETAG, mark)], Json(self.0)).into_response()
    }
}

/// `If-Match` of something that has a mark; it may be left out.
pub(super) struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let described = "The `ETag` with which you saw it: if somebody has changed it since, nothing is done. Without it, whatever is there now is changed.";
        vec![if_match(Required::False, described, r#"^("[!#-~]*"|\*)$"#)]
    }
}

/// `If-Match` of something that counts its versions; it must be there.
pub(super) struct MustMatch;

impl IntoParams for MustMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![if_match(Required::True, "Its `ETag`, or `*`.", VERSION)]
    }
}

/// The same where it may be left out.
pub(super) struct MayMatch;

impl IntoParams for MayMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let described = "Its `ETag`; left out or `*`, whatever others did meanwhile does not matter.";
        vec![if_match(Required::False, described, VERSION)]
    }
}

/// What `If-Match` looks like of something that counts its versions.
const VERSION: &str = r#"^("[1-9][0-9]{0,17}"|\*)$"#;

fn if_match(required: Required, described: &str, pattern: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(described))
        .schema(Some::<RefOr<utoipa::openapi::Schema>>(schema.build().into()))
        .build()
}

/// The version that the person saw, by `If-Match`; none for any (`*`).
pub(super) fn seen(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(header) = headers.get(header::IF_MATCH) else {
        return Err(Refusal::new(
            ProblemKind::VersionMissing,
            "send the item's ETag as If-Match, so that you do not undo what somebody else did meanwhile",
        ));
    };
    let text = header.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|digits| digits.parse().ok())
        .filter(|version: &i64| *version > 0);
    version.map(Some).ok_or_else(|| {
        Refusal::new(
            ProblemKind::InvalidRequest,
            format!(
                "If-Match: {text:?} is no ETag of an item: send it as it came, such as \"3\" with its quotes"
            ),
        )
    })
}

/// The same where it may be left out.
pub(super) fn seen_perhaps(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    if headers.contains_key(header::IF_MATCH) { seen(headers) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_was_seen_is_an_etag_and_there_must_be_one() {
        let seen = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, text.parse().unwrap());
            seen(&headers)
        };
        assert_eq!(seen("\"3\"").unwrap(), Some(3));
        assert_eq!(seen("*").unwrap(), None);
        for wrong in ["3", "\"\"", "\"0\"", "\"x\"", "W/\"3\"", ""] {
            assert_eq!(seen(wrong).unwrap_err().0.kind, ProblemKind::InvalidRequest, "{wrong}");
        }
        let missing = super::seen(&HeaderMap::new()).unwrap_err().0;
        assert_eq!((missing.kind, missing.status), (ProblemKind::VersionMissing, 428));
    }
}
