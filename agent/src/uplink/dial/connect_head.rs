//! The answer to `CONNECT` (RFC 9110, section 9.3.6), read by httparse and not by hyper: any 2xx opens the tunnel, and
//! hyper opens none on a 204.
//!
//! What the head of a 2xx says of a body is not meant: whatever follows it belongs to the tunnel.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::refusal::Fault;

/// The head of a proxy's answer is not longer, with the interim answers before it, and has not more fields.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// Bytes that are read at once: an ordinary head has a tenth of it.
const PIECE: usize = 2 * 1024;

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    /// What the proxy says.
    pub(super) status: StatusCode,
    /// The fields that can be read; others are left out.
    pub(super) fields: HeaderMap,
}

/// Reads the final answer; returns it with the bytes after its head.
pub(super) async fn read(proxy: &mut (impl AsyncRead + Unpin)) -> Result<(Head, Vec<u8>), Fault> {
    let mut bytes = Vec::new();
    loop {
        if let Some((head, end)) = decode(&bytes)? {
            let rest = bytes.get(end..).unwrap_or_default().to_vec();
            return Ok((head, rest));
        }
        if bytes.len() >= MAX_HEAD_BYTES {
            return Err(Fault::TooLong(MAX_HEAD_BYTES));
        }
        let mut piece = [0; PIECE];
        match proxy.read(&mut piece).await.map_err(Fault::Broken)? {
            0 => return Err(Fault::Closed),
            count => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
    }
}

/// The final answer and where its head ends; `None` while more has to come. Pure.
fn decode(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut begin = 0;
    loop {
        let Some((head, length)) = one(bytes.get(begin..).unwrap_or_default())? else { return Ok(None) };
        begin += length;
        // An interim answer goes before the final one (RFC 9110, section 15.2).
        if !head.status.is_informational() {
            return Ok(Some((head, begin)));
        }
    }
}

fn one(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    // Old proxies are not strict with their fields, and of these only few matter here.
    let mut rules = httparse::ParserConfig::default();
    rules
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let length = match rules.parse_response(&mut answer, bytes).map_err(Fault::NotHttp)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Fault::NotHttp(httparse::Error::Status))?;
    let mut known = HeaderMap::new();
    for field in answer.headers {
        let (name, value) =
            (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value));
        if let (Ok(name), Ok(value)) = (name, value) {
            known.append(name, value);
        }
    }
    Ok(Some((Head { status, fields: known }, length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<(u16, String)> {
        let (head, end) = decode(text.as_bytes()).unwrap()?;
        Some((head.status.as_u16(), text[end..].to_owned()))
    }

    #[test]
    fn what_follows_the_head_belongs_to_the_tunnel_whatever_the_head_says_of_a_body() {
        for head in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 201\r\nContent-Length: 4\r\n\r\n",
            "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n",
        ] {
            let (status, rest) = decoded(&format!("{head}early")).unwrap();
            assert!((200..300).contains(&status), "{head}");
            assert_eq!(rest, "early", "{head}");
        }
    }

    #[test]
    fn an_interim_answer_is_passed_over_and_a_field_that_cannot_be_read_is_left_out() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(decoded(text), Some((200, String::new())));
        let text = "HTTP/1.1 407 No\r\nbad field: x\r\nProxy-Authenticate : Basic\r\nX: a\r\n b\r\n\r\n";
        let (head, _) = decode(text.as_bytes()).unwrap().unwrap();
        assert_eq!(head.fields.get("proxy-authenticate").unwrap(), "Basic");
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_given_up_at_the_limit() {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD_BYTES * 4));
        let mut left = endless.as_bytes();
        assert!(matches!(read(&mut left).await, Err(Fault::TooLong(_))));
        assert!(endless.len() - left.len() <= MAX_HEAD_BYTES + PIECE);
        assert!(matches!(read(&mut &b"HTTP/1.1 20"[..]).await, Err(Fault::Closed)));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(MAX_FIELDS + 1));
        assert!(matches!(read(&mut many.as_bytes()).await, Err(Fault::NotHttp(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_do_worse_than_be_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_head_is_the_same_in_whatever_pieces_it_comes(cut in 0_usize..60, rest in "[a-z]{0,10}") {
            let text = format!("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n{rest}");
            let cut = cut.min(text.len());
            if let Some((head, end)) = decode(&text.as_bytes()[..cut]).unwrap() {
                prop_assert_eq!(head.status.as_u16(), 302);
                prop_assert!(end <= cut);
            }
            prop_assert_eq!(decoded(&text), Some((302, rest)));
        }
    }
}
