//! Whose connection a load balancer passes on, as it says before anything else: the PROXY protocol, versions 1 and 2.
//!
//! What follows is TLS, so the header is read to its last byte and no further. Where that is follows from its first
//! bytes; what it means is read by `proxy-header`.

use std::io;
use std::net::SocketAddr;

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Of version 1: how it begins, and how long it is at least and at most.
const LINE: &[u8] = b"PROXY ";
const SHORTEST_LINE: usize = b"PROXY UNKNOWN\r\n".len();
const LONGEST_LINE: usize = 107;
/// Of version 2: how it begins, and how much says how long it is.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
/// The longest header of version 2 that is read. It may have 64 KiB; the addresses take 52 bytes of it, and what balancers
/// add is of no use here.
const LONGEST_HEADER: usize = 4096;
/// Version 2, and a connection of the balancer's own.
const LOCAL: u8 = 0x20;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of who came to the balancer from there.
    Of(SocketAddr),
    /// The balancer's own, such as the one by which it finds out whether the manager is there; or it does not say.
    Balancer,
}

/// Why a connection has no introduction.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotIntroduced {
    /// It is only seen whether somebody listens.
    #[error("it ended before anything was said")]
    Silent,
    /// It begins with something else.
    #[error("it does not begin with a PROXY header")]
    NoHeader,
    /// It is none that the protocol has, or for something other than TCP.
    #[error("its PROXY header is malformed")]
    Malformed(#[source] Error),
    /// More than is read.
    #[error("its PROXY header is longer than {LONGEST_HEADER} bytes")]
    TooLong,
    /// It is not there in time.
    #[error("its PROXY header did not come in time")]
    Late,
    /// It ended too early.
    #[error("its PROXY header did not come whole")]
    Unfinished(#[source] io::Error),
}

/// Reads what a balancer says of a connection, and nothing of what follows.
pub(super) async fn introduction(stream: &mut (impl AsyncRead + Unpin)) -> Result<Whose, NotIntroduced> {
    let mut header = Vec::new();
    loop {
        let missing = missing(&header)?;
        if missing == 0 {
            return whose(&header);
        }
        let mut next = (&mut *stream).take(u64::try_from(missing).unwrap_or(1));
        let ended = match next.read_buf(&mut header).await {
            Ok(0) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => continue,
            Err(error) => error,
        };
        return Err(if header.is_empty() { NotIntroduced::Silent } else { NotIntroduced::Unfinished(ended) });
    }
}

/// How many more bytes there are at least in the header of which these are the first; none if these are all.
fn missing(header: &[u8]) -> Result<usize, NotIntroduced> {
    let may_be = |begin: &[u8]| header.iter().zip(begin).all(|(is, wanted)| is == wanted);
    match header {
        [] => Ok(SHORTEST_LINE.min(FIXED)),
        [..] if may_be(SIGNATURE) => {
            let Some([high, low]) = header.get(FIXED - 2..FIXED) else { return Ok(FIXED - header.len()) };
            let whole = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
            if whole > LONGEST_HEADER {
                Err(NotIntroduced::TooLong)
            } else {
                Ok(whole.saturating_sub(header.len()))
            }
        }
        [..] if !may_be(LINE) => Err(NotIntroduced::NoHeader),
        [..] if header.len() < SHORTEST_LINE => Ok(SHORTEST_LINE - header.len()),
        [.., b'\r', b'\n'] => Ok(0),
        // It ends with these two, so as long as neither is there, both are missing.
        [.., b'\r'] if header.len() < LONGEST_LINE => Ok(1),
        [..] if header.len() + 2 <= LONGEST_LINE => Ok(2),
        [..] => Err(NotIntroduced::Malformed(Error::Invalid)),
    }
}

/// What a whole header says.
fn whose(header: &[u8]) -> Result<Whose, NotIntroduced> {
    // Then whatever else stands in it is to be passed over.
    if header.starts_with(SIGNATURE) && header.get(SIGNATURE.len()) == Some(&LOCAL) {
        return Ok(Whose::Balancer);
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let (said, length) = ProxyHeader::parse(header, config).map_err(NotIntroduced::Malformed)?;
    match said.proxied_address() {
        _ if length != header.len() => Err(NotIntroduced::Malformed(Error::Invalid)),
        None => Ok(Whose::Balancer),
        Some(address) if address.protocol == Protocol::Stream => Ok(Whose::Of(address.source)),
        Some(_) => Err(NotIntroduced::Malformed(Error::Invalid)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, Tlv};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const TLS: &[u8] = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";

    /// What is made of bytes that come in such pieces, and what is left of them.
    fn read(bytes: &[u8], piece: usize) -> (Result<Whose, NotIntroduced>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut theirs, mut ours) = tokio::io::duplex(piece);
            let say = async {
                theirs.write_all(bytes).await.unwrap();
                drop(theirs);
            };
            let hear = async {
                let whose = introduction(&mut ours).await;
                let mut rest = Vec::new();
                ours.read_to_end(&mut rest).await.unwrap();
                (whose, rest)
            };
            tokio::join!(say, hear).1
        })
    }

    /// Version 2 by hand: version and command, family and transport, and what follows.
    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn of(address: &str) -> Whose {
        Whose::Of(address.parse().unwrap())
    }

    #[test]
    fn a_header_of_either_version_names_who_came_to_the_balancer_and_the_rest_is_left() {
        let four = [192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x67, 0x20, 0xfb];
        let six =
            ["2001:db8::1", "2001:db8::2"].map(|text| text.parse::<std::net::Ipv6Addr>().unwrap().octets());
        let six = [&six.concat()[..], &[0x12, 0x67, 0x20, 0xfb]].concat();
        let with_more = [&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (header, whose) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 8443\r\n".to_vec(), of("192.0.2.1:4711")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 8443\r\n".to_vec(), of("[2001:db8::1]:4711")),
            (b"PROXY TCP6 :: :: 1 1\r\n".to_vec(), of("[::]:1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Whose::Balancer),
            (b"PROXY UNKNOWN 192.0.2.1 198.51.100.7 4711 8443\r\n".to_vec(), Whose::Balancer),
            (version_2(0x21, 0x11, &four), of("192.0.2.1:4711")),
            (version_2(0x21, 0x11, &with_more), of("192.0.2.1:4711")),
            (version_2(0x21, 0x21, &six), of("[2001:db8::1]:4711")),
            (version_2(0x20, 0, &[]), Whose::Balancer),
            (version_2(0x20, 0x11, &four), Whose::Balancer),
            (version_2(0x20, 0x11, &[]), Whose::Balancer),
            (version_2(0x21, 0, &[]), Whose::Balancer),
            (version_2(0x21, 0x31, &[0; 216]), Whose::Balancer),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                let (found, rest) = read(&[&header, TLS].concat(), piece);
                assert_eq!(found.unwrap(), whose, "{header:?}");
                assert_eq!(rest, TLS, "{header:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header_or_a_broken_one_is_refused_and_told_apart() {
        let four = [192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x67, 0x20, 0xfb];
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let told = |bytes: &[u8]| read(bytes, 1000).0.unwrap_err().to_string();
        for bytes in [TLS, b"GET / HTTP/1.1\r\n\r\n", b"PROX", b"\r\n\r\nQUIT"] {
            let told = told(bytes);
            let is_begun = bytes == b"PROX";
            assert!(told.contains(if is_begun { "did not come whole" } else { "does not begin" }), "{told}");
        }
        for bytes in [
            &endless,
            &b"PROXY TCP4 192.0.2.1 198.51.100.7 4711\r\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 99999\r\n",
            b"PROXY TCP6 192.0.2.1 198.51.100.7 4711 8443\r\n",
            b"PROXY UDP4 192.0.2.1 198.51.100.7 4711 8443\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.7 4711 8443\n\n\n\r\n",
            &version_2(0x21, 0x12, &four),
            &version_2(0x21, 0x11, &[0; 11]),
            &version_2(0x21, 0x41, &four),
            &version_2(0x22, 0x11, &four),
            &version_2(0x11, 0x11, &four),
        ] {
            assert!(told(bytes).contains("malformed"), "{bytes:?}: {}", told(bytes));
        }
        for bytes in [&b"PROXY TCP4 192.0.2.1"[..], &version_2(0x21, 0x11, &four)[..20]] {
            assert!(told(bytes).contains("did not come whole"), "{bytes:?}");
        }
        assert!(told(&version_2(0x21, 0x11, &[0; LONGEST_HEADER])).contains("longer than 4096"));
        assert!(matches!(read(b"", 1).0, Err(NotIntroduced::Silent)));
    }

    /// Where the header ends, if it is one at all.
    fn end(bytes: &[u8]) -> usize {
        if bytes.starts_with(SIGNATURE) {
            return 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        }
        2 + bytes.windows(2).position(|pair| pair == b"\r\n").unwrap()
    }

    /// Bytes that are a header, or have something of one.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let some = || prop::collection::vec(any::<u8>(), 0..150);
        let line = "PROXY (TCP4|TCP6|UNKNOWN|UDP4)?[ -~\r\n]{0,110}(\r\n)?[ -~]{0,20}";
        let valid =
            "PROXY TCP4 192\\.0\\.2\\.[0-9]{1,2} 198\\.51\\.100\\.7 [1-9][0-9]{0,3} 8443\r\n[ -~]{0,20}";
        let binary =
            (0x1f_u8..0x23, any::<u8>(), 0_u16..80, some()).prop_map(|(command, family, length, rest)| {
                [SIGNATURE, &[command, family], &length.to_be_bytes(), &rest].concat()
            });
        prop_oneof![some(), line.prop_map(String::into_bytes), valid.prop_map(String::into_bytes), binary]
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_pieces_nothing_after_a_header_is_taken(bytes in bytes(), piece in 1_usize..200) {
            let (whose, rest) = read(&bytes, piece);
            if whose.is_ok() {
                prop_assert_eq!(&rest, &bytes[end(&bytes)..]);
            }
        }

        #[test]
        fn every_header_that_a_balancer_writes_is_understood(
            source: std::net::SocketAddrV4, destination: std::net::SocketAddrV4, six: bool, second: bool,
            unique in prop::collection::vec(any::<u8>(), 0..128), piece in 1_usize..200,
        ) {
            let address = |four: std::net::SocketAddrV4| if six {
                SocketAddr::new(four.ip().to_ipv6_mapped().into(), four.port())
            } else {
                four.into()
            };
            let mut header =
                ProxyHeader::with_address(ProxiedAddress::stream(address(source), address(destination)));
            let mut written = Vec::new();
            if second {
                header.append_tlv(Tlv::UniqueId(unique.into()));
                header.encode_v2(&mut written).unwrap();
            } else {
                header.encode_v1(&mut written).unwrap();
            }
            let (whose, rest) = read(&[&written, TLS].concat(), piece);
            prop_assert_eq!(whose.unwrap(), Whose::Of(address(source)));
            prop_assert_eq!(rest, TLS);
        }
    }
}
