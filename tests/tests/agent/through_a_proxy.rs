//! The agent behind proxies whose answers no real one gives on request, and that forget. Passwords, cuts of what is
//! idle, and everything that passes are shown with squid (`programs/network/proxy.rs`).

use std::time::Duration;

use platen_agent::uplink::connect_trace::{ConnectTrace, Step};
use platen_agent::uplink::dial;
use platen_agent::uplink::segments::Segments;
use platen_agent::uplink::{UplinkConfig, UplinkError};
use platen_tests::rigs::agent::task::Device;
use platen_tests::rigs::manager::scripted::Manager;
use platen_tests::rigs::proxy::faults::FaultProxy;
use platen_tests::rigs::proxy::plan::{Direction, Fault};
use tokio::io::AsyncReadExt as _;

fn behind(proxy: &FaultProxy) -> Device {
    let mut device = Device::with("allow_simulated = true");
    device.config.uplink.proxy = Some(proxy.http_url().parse().unwrap());
    device
}

async fn parked_again(manager: &Manager) {
    let before = manager.state.borrow().ever_parked;
    manager.until("it parks again", |state| (state.ever_parked > before).then_some(())).await;
}

/// What a proxy's answer is told as.
async fn told(answer: &str) -> (String, String, Option<Step>) {
    let proxy = FaultProxy::saying(answer);
    let config = UplinkConfig { proxy: Some(proxy.http_url().parse().unwrap()), ..UplinkConfig::default() };
    let address = "https://[2001:db8::1]:8443".parse().unwrap();
    let trace = ConnectTrace::default();
    let route = dial::route(&config.proxy(), &address, config.ping).unwrap();
    let failed = route.dial(&address, Segments::Whole, &trace).await.err().unwrap();
    assert!(proxy.heads()[0].starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"));
    let trouble = UplinkError::from(failed).trouble();
    (trouble.what, trouble.remedy, trace.last())
}

#[tokio::test]
async fn what_a_proxy_refuses_is_told_in_words_that_its_administrator_understands() {
    let ntlm = "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n";
    for (answer, what_holds, remedy_holds) in [
        (ntlm, "by Negotiate, NTLM", "without authentication"),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n\r\n",
            "by Digest,",
            "Basic",
        ),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n",
            "requires a user name",
            "proxy_user",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "not the manager's", "allow CONNECT to [2001:db8::1]:8443"),
        ("HTTP/1.1 405 Not Allowed\r\n\r\n", "405", "allow CONNECT"),
        (
            "HTTP/1.1 511 Network Authentication Required\r\nContent-Type: text/html\r\n\r\n<html>",
            "this network wants a login",
            "reach [2001:db8::1]:8443 without a login",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/?from=00:11\r\n\r\n",
            "302 Found and sends this device to http://portal.hotel.example instead of opening a tunnel",
            "without a login",
        ),
        ("HTTP/1.1 307 Temporary Redirect\r\nLocation: /login\r\n\r\n", "captive portal", "without a login"),
        ("HTTP/1.0 503 Busy\r\nRetry-After: 60\r\n\r\n", "cannot reach", "reach [2001:db8::1]:8443"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "is not an HTTP proxy", "not SOCKS"),
        ("HTTP/1.1 20", "closed the connection", "works"),
    ] {
        let (what, remedy, step) = told(answer).await;
        assert!(what.contains(what_holds), "{answer}: {what}");
        assert!(remedy.contains(remedy_holds), "{answer}: {remedy}");
        assert_eq!(step, Some(Step::Proxy));
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let (what, ..) = told(&endless).await;
    assert!(what.contains("is not an HTTP proxy"), "{what}");
}

#[tokio::test]
async fn a_proxy_of_the_old_version_of_http_is_good_enough() {
    let proxy = FaultProxy::saying("HTTP/1.0 200 Connection established\r\nProxy-Agent: old\r\n\r\n");
    let config = UplinkConfig { proxy: Some(proxy.http_url().parse().unwrap()), ..UplinkConfig::default() };
    let address = "https://manager.invalid".parse().unwrap();
    let route = dial::route(&config.proxy(), &address, config.ping).unwrap();
    route.dial(&address, Segments::Whole, &ConnectTrace::default()).await.unwrap();
    assert!(proxy.heads()[0].starts_with("CONNECT manager.invalid:443 "));
}

#[tokio::test]
async fn whatever_a_proxy_says_after_its_yes_belongs_to_the_tunnel() {
    let proxy = FaultProxy::saying("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nthe other end");
    let config = UplinkConfig { proxy: Some(proxy.http_url().parse().unwrap()), ..UplinkConfig::default() };
    let address = "https://manager.invalid".parse().unwrap();
    let route = dial::route(&config.proxy(), &address, config.ping).unwrap();
    let mut stream = route.dial(&address, Segments::Whole, &ConnectTrace::default()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "the other end");
}

#[tokio::test]
async fn any_answer_of_success_opens_the_tunnel_and_everything_passes() {
    for granted in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let manager = Manager::start().await;
        let proxy = FaultProxy::http();
        proxy.grants(granted);
        let device = behind(&proxy);
        device.enroll(&manager, &manager.token()).await.unwrap();
        let agent = device.start();
        parked_again(&manager).await;
        agent.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_something_forgot_without_a_word_is_found_and_replaced() {
    let manager = Manager::start().await;
    let proxy = FaultProxy::http();
    let mut device = behind(&proxy);
    device.enroll(&manager, &manager.token()).await.unwrap();
    let second = Duration::from_secs(1);
    let uplink = &mut device.config.uplink;
    (uplink.wait, uplink.wait_least, uplink.wait_most) = (second, second, second);
    let agent = device.start();
    parked_again(&manager).await;
    proxy.strike(Direction::Up, Fault::HalfOpen);
    parked_again(&manager).await;
    agent.stop().await.unwrap();
}
