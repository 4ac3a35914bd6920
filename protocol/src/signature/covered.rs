//! What a signature covers, and when it was made.

/// What of a request is covered, beside its body.
///
/// The host is not: proxies write it in their own way, and a manager may have several names. For whom a
/// request is says the certificate in its signature, which only one manager has given.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path; a request with a query is not signed.
    pub path: &'a str,
    /// The field `Content-Type`.
    pub content_type: &'a str,
    /// The field `Prefer`, if there is one.
    pub prefer: Option<&'a str>,
}

/// What of an answer is covered, beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The field `Content-Type`.
    pub content_type: &'a str,
    /// The field `Retry-After`, if there is one.
    pub retry_after: Option<&'a str>,
    /// Which request it answers.
    pub to: &'a Bond,
}

/// What ties an answer to its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// The request's components and parameters, the nonce and the certificate's name among them.
    pub(super) input: String,
    /// The request's signature.
    pub(super) signature: String,
}

/// When, by the signer's clock, in seconds since 1970; and once.
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// When it is signed.
    pub created: i64,
    /// When it is no longer to be taken.
    pub expires: Option<i64>,
    /// Tells it from all others.
    pub nonce: Option<&'a str>,
}
