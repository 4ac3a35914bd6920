//! The agent behind proxies that let it through, that do not, and that cut and forget.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a surprise ends the test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use platen_agent::status::Sort;
use platen_agent::uplink::UplinkConfig;
use platen_agent::uplink::proxy;
use platen_agent::uplink::trail::{Step, Trail};
use platen_simulator::SimCommand;
use support::manager::Manager;
use support::printer::Device;
use support::proxy::Proxy;

/// `Aladdin:open sesame` (RFC 7617, section 2).
const ALADDIN: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

fn behind(proxy: &Proxy) -> Device {
    let mut device = Device::with("allow_simulated = true");
    device.config.uplink.proxy = Some(proxy.url().parse().unwrap());
    device
}

fn with_password(device: &mut Device) {
    let file = device.folder.path().join("proxy-password");
    std::fs::write(&file, "open sesame\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    device.config.uplink.proxy_user = Some("Aladdin".into());
    device.config.uplink.proxy_password_file = Some(file);
}

async fn has_begun(manager: &Manager) {
    manager.until("it has begun", |state| state.of_kind("started").first().map(|_| ())).await;
}

async fn parked_again(manager: &Manager) {
    let before = manager.state.borrow().ever_parked;
    manager.until("it parks again", |state| (state.ever_parked > before).then_some(())).await;
}

#[tokio::test]
async fn a_device_enrols_and_reports_through_a_proxy_that_asks_for_a_password() {
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let manager = Manager::speaking(&[protocol]).await;
        let proxy = Proxy::start().await;
        proxy.state.send_modify(|state| state.wants = Some(ALADDIN));
        let mut device = behind(&proxy);
        with_password(&mut device);
        device.enroll(&manager, &manager.token()).await.unwrap();
        let agent = device.start();
        has_begun(&manager).await;
        agent.act(&SimCommand::Open { switch: "cover".into() });
        manager.until("the cover is open", |state| state.of_kind("alert_raised").first().map(|_| ())).await;
        let shown = agent.until("the proxy is shown", |status| status.contact.proxy.clone()).await;
        assert_eq!(shown, proxy.url());
        let state = proxy.state.borrow();
        assert_eq!(
            state.heads.len(),
            manager.state.borrow().connections.len(),
            "nothing goes round the proxy"
        );
        let target = manager.url().replace("https://", "");
        assert!(state.heads.iter().all(|head| head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n"))));
        drop(state);
        agent.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_the_proxys_and_the_password_is_shown_nowhere() {
    let manager = Manager::start().await;
    let mut device = Device::enrolled(&manager).await;
    let proxy = Proxy::start().await;
    proxy.state.send_modify(|state| state.wants = Some("Basic another"));
    device.config.uplink.proxy = Some(proxy.url().parse().unwrap());
    with_password(&mut device);
    let agent = device.start();
    let trouble = agent.until("it says why", |status| status.contact.trouble.clone()).await;
    assert_eq!(trouble.sort, Sort::Refused);
    assert!(trouble.what.contains("does not accept") && trouble.what.contains(&proxy.url()), "{trouble:?}");
    assert!(!format!("{trouble:?}").contains("sesame"), "{trouble:?}");
    // The password is put right while the agent runs.
    proxy.state.send_modify(|state| state.wants = Some(ALADDIN));
    has_begun(&manager).await;
    agent.stop().await.unwrap();
}

/// What a proxy's answer is told as.
async fn told(answer: &str) -> (String, String, Option<Step>) {
    let proxy = Proxy::saying(answer).await;
    let config = UplinkConfig { proxy: Some(proxy.url().parse().unwrap()), ..UplinkConfig::default() };
    let address = "https://[2001:db8::1]:8443".parse().unwrap();
    let trail = Trail::default();
    let failed = proxy::way(&config, &address).unwrap().dial(&address, &trail).await.err().unwrap();
    assert!(proxy.state.borrow().heads[0].starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"));
    let trouble = failed.trouble();
    (trouble.what, trouble.remedy, trail.last())
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
            "wants a user name",
            "proxy_user",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "not the manager's", "allow CONNECT to [2001:db8::1]:8443"),
        ("HTTP/1.1 405 Not Allowed\r\n\r\n", "405", "allow CONNECT"),
        ("HTTP/1.0 503 Busy\r\nRetry-After: 60\r\n\r\n", "does not get through", "reach [2001:db8::1]:8443"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak like an HTTP proxy", "not SOCKS"),
        ("HTTP/1.1 20", "broke off", "works"),
    ] {
        let (what, remedy, step) = told(answer).await;
        assert!(what.contains(what_holds), "{answer}: {what}");
        assert!(remedy.contains(remedy_holds), "{answer}: {remedy}");
        assert_eq!(step, Some(Step::Proxy));
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let (what, ..) = told(&endless).await;
    assert!(what.contains("does not speak like an HTTP proxy"), "{what}");
}

#[tokio::test]
async fn a_proxy_of_the_old_version_of_http_is_good_enough() {
    let proxy = Proxy::saying("HTTP/1.0 200 Connection established\r\nProxy-Agent: old\r\n\r\n").await;
    let config = UplinkConfig { proxy: Some(proxy.url().parse().unwrap()), ..UplinkConfig::default() };
    let address = "https://manager.invalid".parse().unwrap();
    let way = proxy::way(&config, &address).unwrap();
    way.dial(&address, &Trail::default()).await.unwrap();
    assert!(proxy.state.borrow().heads[0].starts_with("CONNECT manager.invalid:443 "));
}

#[tokio::test]
async fn a_proxy_that_cuts_idle_requests_is_found_out_and_requests_wait_less() {
    let manager = Manager::start().await;
    let proxy = Proxy::start().await;
    let mut device = behind(&proxy);
    device.enroll(&manager, &manager.token()).await.unwrap();
    let least = Duration::from_secs(1);
    device.config.uplink.wait = Duration::from_secs(20);
    device.config.uplink.wait_least = least;
    proxy.state.send_modify(|state| state.patience = Some(Duration::from_secs(6)));
    let agent = device.start();
    let (wait, cut) = agent
        .until("the cut is known", |status| status.contact.wait_seconds.zip(status.contact.cut_seconds))
        .await;
    assert!((1..6).contains(&wait) && cut >= 6, "waits {wait} s, cut at {cut} s");
    // From now on requests are answered before the proxy cuts them.
    parked_again(&manager).await;
    let cuts = proxy.state.borrow().cuts;
    parked_again(&manager).await;
    parked_again(&manager).await;
    assert_eq!(proxy.state.borrow().cuts, cuts);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_something_forgot_without_a_word_is_found_and_replaced() {
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let manager = Manager::speaking(&[protocol]).await;
        let proxy = Proxy::start().await;
        let mut device = behind(&proxy);
        device.enroll(&manager, &manager.token()).await.unwrap();
        let second = Duration::from_secs(1);
        let uplink = &mut device.config.uplink;
        (uplink.wait, uplink.wait_least, uplink.wait_most) = (second, second, second);
        let agent = device.start();
        parked_again(&manager).await;
        proxy.state.send_modify(|state| state.deaf_before = state.heads.len() + 1);
        parked_again(&manager).await;
        agent.stop().await.unwrap();
    }
}
