//! Problem documents (RFC 9457): why a request was not accepted, for a person and for a program.

use serde::{Deserialize, Serialize};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How the URI of each kind begins.
const URI_PREFIX: &str = "urn:platen:problem:";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What kind of problem.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The HTTP status that it came with.
    pub status: u16,
    /// The kind, in words.
    pub title: String,
    /// What was wrong this time, where, and what to do.
    pub detail: String,
}

macro_rules! problem_kinds {
    ($($variant:ident $status:literal $uri:tt $title:literal,)*) => {
        /// Kinds of problems; each has its URI.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ProblemKind {
            $(
                #[doc = concat!($title, " (status ", stringify!($status), ").")]
                #[serde(rename = $uri)]
                $variant,
            )*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The last part of its URI.
            pub fn word(self) -> &'static str {
                let uri = match self { $(Self::$variant => $uri,)* };
                uri.strip_prefix(URI_PREFIX).unwrap_or(uri)
            }

            /// The HTTP status of this kind.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

problem_kinds! {
    NotJson 400 "urn:platen:problem:not-json" "The body is not the JSON expected here",
    WrongVersion 400 "urn:platen:problem:wrong-version" "The message version is not supported",
    SequenceBackwards 400 "urn:platen:problem:sequence-backwards" "The sequences of the batch do not increase",
    InvalidReport 400 "urn:platen:problem:invalid-report" "A report contains an impossible value",
    InvalidCsr 400 "urn:platen:problem:invalid-csr" "The certificate request cannot be used",
    InvalidRequest 400 "urn:platen:problem:invalid-request" "The request is invalid",
    NotSignedIn 401 "urn:platen:problem:not-signed-in" "Not signed in",
    SignatureInvalid 401 "urn:platen:problem:signature-invalid" "The message is not signed by a device that is known here",
    SignatureStale 401 "urn:platen:problem:signature-stale" "The signature is too old, or was used before",
    TokenWrong 403 "urn:platen:problem:token-wrong" "The enrolment token is not known",
    TokenUsed 403 "urn:platen:problem:token-used" "The enrolment token has been used",
    TokenExpired 403 "urn:platen:problem:token-expired" "The enrolment token has expired",
    OtherDevice 403 "urn:platen:problem:other-device" "The request is for another device",
    NoCertificate 403 "urn:platen:problem:no-certificate" "The connection has no device certificate",
    UnknownDevice 403 "urn:platen:problem:unknown-device" "The device is not known here",
    CertificateExpired 403 "urn:platen:problem:certificate-expired" "The device's certificate has expired",
    CertificateSuperseded 403 "urn:platen:problem:certificate-superseded" "The device has used a newer certificate since",
    CertificateNewer 403 "urn:platen:problem:certificate-newer" "The manager was restored from a backup that is older than the certificate",
    DeviceRevoked 403 "urn:platen:problem:device-revoked" "The device has been revoked",
    OtherOrigin 403 "urn:platen:problem:other-origin" "The request comes from another site",
    RightMissing 403 "urn:platen:problem:right-missing" "The right to do this is missing",
    NotFound 404 "urn:platen:problem:not-found" "Not found",
    MethodNotAllowed 405 "urn:platen:problem:method-not-allowed" "The method is not allowed here",
    SequenceConflict 409 "urn:platen:problem:sequence-conflict" "The sequence is already used by another report",
    StateConflict 409 "urn:platen:problem:state-conflict" "This cannot be done in the present state",
    ChangedMeanwhile 412 "urn:platen:problem:changed-meanwhile" "Somebody has changed it meanwhile",
    BodyTooLarge 413 "urn:platen:problem:body-too-large" "The body is too large",
    UnsupportedMediaType 415 "urn:platen:problem:unsupported-media-type" "The body is of another media type",
    RangeNotSatisfiable 416 "urn:platen:problem:range-not-satisfiable" "The body has no such range",
    KeyUsed 422 "urn:platen:problem:key-used" "The key was used for something else",
    VersionMissing 428 "urn:platen:problem:version-missing" "The request does not say which version it is about",
    TooMany 429 "urn:platen:problem:too-many" "Too many requests",
    OverQuota 429 "urn:platen:problem:over-quota" "The device is over its quota",
    Internal 500 "urn:platen:problem:internal" "The manager failed",
    Unavailable 503 "urn:platen:problem:unavailable" "The manager is temporarily unavailable",
}

impl Problem {
    /// A problem of a kind, with what was wrong this time.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, status: kind.status(), title: kind.title().to_owned(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole text, so that a changed word is seen in review.
    #[test]
    fn every_kind_of_problem_reads_as_it_was_reviewed() {
        let line = |kind: &ProblemKind| {
            let name = serde_json::to_string(kind).unwrap();
            format!("{} {}\n    {}\n", kind.status(), name.trim_matches('"'), kind.title())
        };
        insta::assert_snapshot!(ProblemKind::ALL.iter().map(line).collect::<String>());
    }
}
