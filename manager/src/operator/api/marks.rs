//! The mark of what is shown, as `ETag`, and of what is changed, as `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1): who
//! sends it back changes only what was seen.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required};

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

/// `If-Match`, which may be left out.
pub(super) struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r#"^("[0-9a-f]{16}"|\*)$"#));
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The `ETag` with which you saw it: if somebody has changed it since, nothing is done. Without it, whatever is there now is changed.",
            ))
            .schema(Some::<RefOr<utoipa::openapi::Schema>>(schema.build().into()));
        vec![parameter.build()]
    }
}
