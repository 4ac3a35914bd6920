//! Operators behind a reverse proxy: what `docs/reverse-proxy.md` says, with Debian's own proxies.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::manager::process::{Manager, OPERATOR, PASSWORD};
use platen_tests::rigs::process::{run_ok, until};
use platen_tests::rigs::reverse_proxy::{Kind, Person, ReverseProxy, SITE, manager_lines, origin};
use tempfile::TempDir;

/// Where people sit.
const OLGA: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const OTTO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 10);

/// Another operator.
const SECOND: &str = "otto";

fn add_second(manager: &Manager) {
    run_ok(manager.command().args(["operator", "add", SECOND, "--password-stdin"]), PASSWORD);
}

/// Signs in, sees the fleet, and hears of a printer that starts meanwhile.
fn works_for(person: Person<'_>, manager: &Manager) {
    let cookie = person.sign_in(OPERATOR, PASSWORD, &[]).cookie();
    let fleet = person.get("/", &[&format!("Cookie: {cookie}")]);
    assert_eq!(fleet.status, 200, "{fleet:?}");
    let folder = TempDir::new().unwrap();
    let log: PathBuf = folder.path().join("events");
    let events = person.events(&cookie, &log);
    // The first comment has come through before anything happens: nobody waits for a buffer to be full.
    until("the stream begins", || events.log().contains(": listening").then_some(()));
    let _device = Device::enrolled("lobby", manager);
    until("the printer's start is told", || events.log().contains("\"kind\":\"started\"").then_some(()));
}

fn guesses(person: Person<'_>, headers: &[&str]) -> Vec<u16> {
    (0..10).map(|_| person.sign_in(OPERATOR, "wrong horse", headers).status).collect()
}

/// Everything that the guide promises for one of its configurations.
fn as_documented(kind: Kind) {
    let manager = Manager::start_with(&manager_lines());
    let proxy = ReverseProxy::documented(kind, &manager);
    works_for(proxy.person(OLGA), &manager);

    // Whoever fails is locked out alone, is told for how long, and cannot pretend to be somebody else.
    assert_eq!(guesses(proxy.person(OTTO), &[]), [401; 10]);
    for pretending in [&[][..], &["X-Forwarded-For: 192.0.2.77"], &["Forwarded: for=192.0.2.77"]] {
        let refused = proxy.person(OTTO).sign_in(OPERATOR, PASSWORD, pretending);
        assert_eq!(refused.status, 429, "{pretending:?} {refused:?}");
        assert!((1..=60).contains(&refused.retry_after()), "{refused:?}");
    }
    proxy.person(OLGA).sign_in(OPERATOR, PASSWORD, &[]).cookie();
    let log = manager.log();
    assert!(log.contains(&format!("a sign-in failed remote={OTTO}")), "{log}");
    assert!(!log.contains("not among trusted_proxies"), "{log}");
}

#[test]
fn by_the_guides_nginx_people_sign_in_hear_of_events_and_are_counted_each_alone() {
    as_documented(Kind::Nginx);
}

#[test]
fn by_the_guides_caddy_people_sign_in_hear_of_events_and_are_counted_each_alone() {
    as_documented(Kind::Caddy);
}

#[test]
fn by_the_guides_haproxy_people_sign_in_hear_of_events_and_are_counted_each_alone() {
    as_documented(Kind::Haproxy);
}

/// As nginx comes, it rewrites `Host`, buffers, speaks HTTP/1.0 and names no client.
const AS_IT_COMES: &str = "proxy_pass https://127.0.0.1:8080;\nproxy_ssl_protocols TLSv1.3;";

#[test]
fn with_nothing_configured_but_tls_events_pass_nginx_browsers_are_let_in_and_ten_failures_lock_out_one_name()
{
    let manager = Manager::start();
    let proxy = ReverseProxy::nginx(AS_IT_COMES, &manager);
    let person = proxy.person(OLGA);
    add_second(&manager);

    // A browser that does not say how its page's site compares with ours: the words say what is to be configured.
    let refused = person.sign_in(OPERATOR, PASSWORD, &[]);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("public_origin"), "{refused:?}");
    let log = manager.log();
    assert!(log.contains(&origin()) && log.contains("public_origin"), "{log}");

    let of_browsers = ["Sec-Fetch-Site: same-origin"];
    let cookie = person.sign_in(OPERATOR, PASSWORD, &of_browsers).cookie();
    let folder = TempDir::new().unwrap();
    let events = person.events(&cookie, &folder.path().join("events"));
    until("the stream begins", || events.log().contains(": listening").then_some(()));

    assert_eq!(guesses(proxy.person(OTTO), &of_browsers), [401; 10]);
    let refused = person.sign_in(OPERATOR, PASSWORD, &of_browsers);
    assert_eq!(refused.status, 429, "everybody behind this proxy has one address: {refused:?}");
    assert!((1..=60).contains(&refused.retry_after()), "{refused:?}");
    person.sign_in(SECOND, PASSWORD, &of_browsers).cookie();
}

#[test]
fn a_public_origin_lets_older_browsers_in_where_the_host_is_rewritten_and_no_other_site() {
    let manager = Manager::start_with(&format!("[operators]\npublic_origin = \"{}\"\n", origin()));
    let proxy = ReverseProxy::nginx(AS_IT_COMES, &manager);
    let person = proxy.person(OLGA);
    person.sign_in(OPERATOR, PASSWORD, &[]).cookie();
    let elsewhere = person.sign_in(OPERATOR, PASSWORD, &["Sec-Fetch-Site: cross-site"]);
    assert_eq!(elsewhere.status, 403, "{elsewhere:?}");
}

#[test]
fn a_proxy_that_is_not_on_the_list_is_named_in_the_log_and_not_believed() {
    let manager = Manager::start();
    let proxy = ReverseProxy::documented(Kind::Nginx, &manager);
    assert_eq!(guesses(proxy.person(OTTO), &[]), [401; 10]);
    assert_eq!(proxy.person(OLGA).sign_in(OPERATOR, PASSWORD, &[]).status, 429);
    let log = manager.log();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("not among trusted_proxies")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("127.0.0.1"), "{log}");
}

#[test]
fn a_proxy_that_speaks_tls_1_2_gets_nowhere_and_the_log_says_what_to_write() {
    let manager = Manager::start();
    let old = "proxy_pass https://127.0.0.1:8080;\nproxy_ssl_protocols TLSv1.2;";
    let proxy = ReverseProxy::nginx(old, &manager);
    assert_eq!(proxy.person(OLGA).get("/sign-in", &[]).status, 502);
    // The proxy may have its answer before the manager has written why.
    until("the log says what to write", || {
        let log = manager.log();
        (log.contains("TLS 1.2 at most") && log.contains("proxy_ssl_protocols TLSv1.3;")).then_some(())
    });
    assert!(proxy.log().contains("SSL_do_handshake() failed"), "{}", proxy.log());
}

/// More than the connections that a browser has to a site by HTTP/1.1, which are six.
const TABS: usize = 9;

/// Counts the events that come from the page that listens for all.
const COUNT: &str = "window.heard = 0;
    window.counting = new BroadcastChannel('platen-events');
    window.counting.onmessage = (told) => { if (told.data.data) window.heard += 1; };";

#[tokio::test]
async fn nine_tabs_of_a_browser_work_by_http_1_1_and_go_on_when_the_one_that_listens_is_closed() {
    let manager = Manager::start_with(&manager_lines());
    let device = Device::enrolled("lobby", &manager);
    let proxy = ReverseProxy::documented(Kind::Nginx, &manager);
    let (live, page) = ("body[data-live=on]", format!("{}/", proxy.url()));
    let browser = Browser::start().await;
    browser.sign_in(&proxy.url(), OPERATOR, PASSWORD).await;
    browser.see(live).await;
    let protocol =
        browser.script("return performance.getEntriesByType('navigation')[0].nextHopProtocol;").await;
    assert_eq!(protocol, "http/1.1", "{SITE}");
    let mut tabs = vec![browser.tab().await];
    for _ in 1..TABS {
        let tab = browser.open_tab().await;
        browser.open(&page).await;
        browser.see(live).await;
        tabs.push(tab);
    }
    for tab in &tabs {
        browser.look_at(tab).await;
        browser.script(COUNT).await;
    }
    device.platen(&["sim", "set", "black", "4"]);
    let all_hear_and_see = async |tabs: &[_], percent: u32| {
        for tab in tabs {
            browser.look_at(tab).await;
            browser.see(live).await;
            browser.see(&format!("[data-device=lobby] [data-supply=black][data-percent='{percent}']")).await;
            assert_ne!(browser.script("return window.heard;").await, 0, "by the shared stream");
        }
    };
    all_hear_and_see(&tabs, 4).await;

    // The first page has listened for all.
    browser.look_at(&tabs[0]).await;
    browser.close_tab().await;
    let rest = &tabs[1..];
    for tab in rest {
        browser.look_at(tab).await;
        browser.see(live).await;
        browser.script("window.heard = 0;").await;
    }
    device.platen(&["sim", "set", "black", "90"]);
    all_hear_and_see(rest, 90).await;
    browser.close().await;
}
