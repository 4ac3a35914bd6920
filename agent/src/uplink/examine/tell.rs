//! What to tell the administrator of the customer's network: pure.

use std::net::IpAddr;

use super::super::UplinkError;
use super::super::trust::peer_diagnosis::Kind;
use crate::identity::address::Address;

/// In plain words; `cause` is what failed, if anything did, `opened_by` who opens TLS as agreed.
pub(super) fn tell(
    address: &Address,
    through: Option<&str>,
    cause: Option<&UplinkError>,
    opened_by: Option<&str>,
) -> Vec<String> {
    let Address { host, port } = address;
    let mut tell = vec![match through {
        None => format!(
            "This printer needs one outbound connection: TCP to {host}, port {port}, with TLS 1.3 (HTTPS). Please allow it."
        ),
        Some(proxy) => format!(
            "This printer needs one outbound connection: through the proxy {proxy}, which must allow CONNECT to {}, with TLS 1.3 (HTTPS) inside. Please allow it.",
            address.authority()
        ),
    }];
    tell.push(
        "No inbound connection is needed: the service centre never opens a connection to the printer."
            .to_owned(),
    );
    if host.parse::<IpAddr>().is_err() {
        let whose = if through.is_some() { "The proxy" } else { "The printer" };
        tell.push(format!("{whose} must be able to resolve the name {host}."));
    }
    if through.is_some() {
        tell.push(
            "If the proxy requires authentication, it must accept Basic, or admit the printer by its address: NTLM, Kerberos (Negotiate) and Digest are not supported.".to_owned(),
        );
    }
    tell.push(
        "Connections stay open and may be idle for several minutes; the printer adapts if something closes them sooner.".to_owned(),
    );
    if let Some(UplinkError::NotTls { .. }) = cause {
        tell.push(format!(
            "Something in this network answers in the place of {}: please let the printer pass without a login page or a redirection; it cannot fill in a form.",
            address.authority()
        ));
    }
    if let Some(by) = opened_by {
        tell.push(format!(
            "«{by}» inspects the TLS of this printer, as agreed: it reads the traffic, and must pass on method, path, body and the fields Content-Type, Prefer, Retry-After, Content-Digest, Signature, Signature-Input and Platen-Certificate unchanged. An exemption for {} would be better.",
            address.authority()
        ));
        return tell;
    }
    tell.push(match cause {
        Some(UplinkError::WrongPeer { diagnosis, .. })
            if matches!(diagnosis.kind, Kind::Inspected | Kind::KnownProxy(_)) =>
        {
            format!(
                "«{}» intercepts the TLS of this printer and presents a certificate of its own, which the printer does not trust. Please exempt {} from TLS inspection.",
                diagnosis.issuer,
                address.authority()
            )
        }
        _ => "TLS must not be inspected: the printer trusts only the certificate of its own service centre.".to_owned(),
    });
    tell
}

/// Where large packets vanish.
pub(super) fn large_packets(address: &Address) -> String {
    format!(
        "Large packets vanish between this printer and {}: please let ICMP \"fragmentation needed\" (IPv6: \"packet too big\") pass, or clamp the TCP segment size (MSS) at the router.",
        address.authority()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str, through: Option<&str>) -> String {
        tell(&address.parse().unwrap(), through, None, None).join("\n")
    }

    #[test]
    fn an_administrator_hears_host_port_and_direction() {
        let text = told("https://service.example:8443", None);
        for words in [
            "service.example, port 8443",
            "No inbound connection",
            "resolve the name",
            "must not be inspected",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("proxy"), "{text}");
    }

    #[test]
    fn where_tls_is_opened_as_agreed_it_is_said_by_whom_and_what_must_pass_as_it_is() {
        let text = tell(&"https://service.example".parse().unwrap(), None, None, Some("Proxy CA")).join("\n");
        assert!(text.contains("«Proxy CA» inspects") && text.contains("Signature-Input"), "{text}");
        assert!(!text.contains("must not be inspected"), "{text}");
    }

    #[test]
    fn with_a_proxy_it_is_the_proxy_that_has_to_allow_and_to_resolve() {
        let text = told("https://service.example:8443", Some("http://p:3128"));
        for words in
            ["CONNECT to service.example:8443", "http://p:3128", "The proxy must be able to resolve", "Basic"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!told("https://[2001:db8::1]:443", None).contains("resolve"));
    }
}
