//! Directly to the manager: name and TCP.
//!
//! A name may have several addresses, and some of them may be dead: an IPv6 address in a network that does
//! not route IPv6 drops every packet. So the next address is tried soon beside the one before it, and
//! the first that answers is taken (RFC 8305, "Happy Eyeballs").

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;

use super::super::connect_trace::{ConnectTrace, Step};
use super::super::segments::Segments;
use super::{Dial, Dialing, Stream};
use crate::identity::address::Address;

/// The next address is tried after this (RFC 8305, section 5).
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// Who is asked whether it is there, and does not answer, is asked again after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// So often in all.
const ASK_AT_MOST: u32 = 2;
/// More addresses of one name are not tried.
const MAX_ADDRESSES: usize = 8;

/// Why there is no TCP connection.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// The name has no address.
    #[error("the name {host} cannot be resolved: {source}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address answers.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Where, as `host:port`.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Plain TCP.
#[derive(Debug, Clone, Copy)]
pub struct Direct {
    /// When nothing has passed for so long, the kernel asks the manager whether it is there.
    pub ping: Duration,
}

impl Dial for Direct {
    fn dial<'a>(&'a self, address: &'a Address, segments: Segments, trace: &'a ConnectTrace) -> Dialing<'a> {
        Box::pin(async move {
            let tcp = reach(&address.host, address.port, segments, trace).await?;
            ask_when_silent(&tcp, self.ping)
                .map_err(|source| ReachError::Unreachable { address: address.authority(), source })?;
            Ok(Box::new(tcp) as Box<dyn Stream>)
        })
    }
}

/// Makes a TCP connection to a name or an address.
pub(super) async fn reach(
    host: &str,
    port: u16,
    segments: Segments,
    trace: &ConnectTrace,
) -> Result<TcpStream, ReachError> {
    trace.enter(Step::Name, host);
    let found = lookup_host((host, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|source| ReachError::Name { host: host.to_owned(), source })?.collect();
    let numbers = in_turns(found);
    if numbers.is_empty() {
        let source = io::Error::other("it has no address");
        return Err(ReachError::Name { host: host.to_owned(), source });
    }
    trace.found(list(&numbers));
    trace.enter(Step::Tcp, list(&numbers));
    let unreachable = |source| ReachError::Unreachable { address: Address::authority_of(host, port), source };
    let tcp = first(numbers, segments).await.map_err(unreachable)?;
    // Reports are small and wanted at once.
    tcp.set_nodelay(true).map_err(unreachable)?;
    trace.found(ends(&tcp).map_err(unreachable)?);
    Ok(tcp)
}

/// The kernel asks the other end whether it is there when nothing has passed for `ping`, and ends the connection when it
/// does not answer. So a request that is parked hears soon that its connection is gone, and what stands between, which
/// forgets connections that are idle, sees that this one is not.
pub(super) fn ask_when_silent(tcp: &TcpStream, ping: Duration) -> io::Result<()> {
    let asking = TcpKeepalive::new().with_time(ping).with_interval(ASK_AGAIN_AFTER).with_retries(ASK_AT_MOST);
    SockRef::from(tcp).set_tcp_keepalive(&asking)
}

fn ends(tcp: &TcpStream) -> io::Result<String> {
    Ok(format!("{} answers, from {}", tcp.peer_addr()?, tcp.local_addr()?.ip()))
}

fn list(numbers: &[SocketAddr]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The order of the resolver, but IPv6 and IPv4 in turns, once each.
fn in_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        found.into_iter().partition(|number| number.is_ipv6() == first_is_v6);
    let mut numbers = Vec::new();
    while numbers.len() < MAX_ADDRESSES && !(one.is_empty() && other.is_empty()) {
        for number in [one.pop_front(), other.pop_front()].into_iter().flatten() {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    numbers
}

/// The first that answers; if none does, the error of the last one.
async fn first(numbers: Vec<SocketAddr>, segments: Segments) -> io::Result<TcpStream> {
    let mut left = numbers.into_iter();
    let mut tries = JoinSet::new();
    let mut failed = io::Error::other("there is no address to try");
    loop {
        if let Some(number) = left.next() {
            tries.spawn(connect(number, segments));
        }
        tokio::select! {
            ended = tries.join_next() => match ended {
                Some(Ok(Ok(tcp))) => return Ok(tcp),
                Some(Ok(Err(cause))) => failed = cause,
                Some(Err(cause)) => failed = io::Error::other(cause),
                None => return Err(failed),
            },
            () = tokio::time::sleep(NEXT_AFTER), if left.len() > 0 => {}
        }
    }
}

/// The size goes to the other end with the first packet, and so holds both ways (RFC 9293, section 3.7.1).
async fn connect(number: SocketAddr, segments: Segments) -> io::Result<TcpStream> {
    let socket = if number.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if let Some(bytes) = segments.limit(number) {
        SockRef::from(&socket).set_tcp_mss(bytes)?;
    }
    socket.connect(number).await
}

#[cfg(test)]
mod tests {
    use super::super::super::segments::{SMALL_V4, SMALL_V6};
    use super::*;
    use tokio::net::TcpListener;

    fn number(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// A port that nobody else can take, and at which nobody listens yet.
    fn port_of_our_own() -> TcpSocket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(number("127.0.0.1:0")).unwrap();
        socket
    }

    #[test]
    fn ipv6_and_ipv4_are_tried_in_turns_and_none_twice() {
        let found = ["[::1]:1", "[::2]:1", "[::1]:1", "10.0.0.1:1"].map(number).to_vec();
        assert_eq!(in_turns(found), ["[::1]:1", "10.0.0.1:1", "[::2]:1"].map(number));
        assert!(in_turns(Vec::new()).is_empty());
        let many = (1..=200).map(|last| number(&format!("10.0.0.{last}:1"))).collect();
        assert!(in_turns(many).len() <= MAX_ADDRESSES + 1);
    }

    #[tokio::test]
    async fn a_number_that_refuses_does_not_hide_one_that_answers() {
        let closed = port_of_our_own();
        let dead = closed.local_addr().unwrap();
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = open.local_addr().unwrap();
        let tcp = first(vec![dead, alive], Segments::Whole).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), alive);
        assert_eq!(
            first(vec![dead], Segments::Whole).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[tokio::test]
    async fn a_number_that_swallows_does_not_hold_up_one_that_answers() {
        // A queue of one that is full, and nobody takes from it: further connections are not answered.
        let full = port_of_our_own().listen(0).unwrap();
        let silent = full.local_addr().unwrap();
        let _queued = TcpStream::connect(silent).await.unwrap();
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = open.local_addr().unwrap();
        let tcp = first(vec![silent, alive], Segments::Whole).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), alive);
    }

    #[tokio::test]
    async fn small_segments_are_small_at_both_ends_of_a_connection() {
        for (loopback, most) in [("127.0.0.1:0", SMALL_V4), ("[::1]:0", SMALL_V6)] {
            let open = TcpListener::bind(loopback).await.unwrap();
            let number = open.local_addr().unwrap();
            let tcp = first(vec![number], Segments::Small).await.unwrap();
            let (other, _) = open.accept().await.unwrap();
            for end in [&tcp, &other] {
                let bytes = SockRef::from(end).tcp_mss().unwrap();
                assert!(bytes <= most, "{loopback}: {bytes}");
            }
            let whole = first(vec![number], Segments::Whole).await.unwrap();
            assert!(SockRef::from(&whole).tcp_mss().unwrap() > most);
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_as_such() {
        let trace = ConnectTrace::default();
        let failed = reach("no-such-host.invalid", 1, Segments::Whole, &trace).await.unwrap_err();
        assert!(matches!(failed, ReachError::Name { .. }), "{failed}");
        assert_eq!(trace.last(), Some(Step::Name));
    }
}
