//! What needs a person, in two browsers of two operators: what one does the other sees at once, by keyboard alone.

use std::path::Path;

use platen_manager::operator::password;
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::manager::client::Client;
use platen_tests::rigs::manager::messages::{
    batch, cleared, condition, full_supply, service_call, started, toner_low,
};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager, now};
use serde_json::{Value, json};

/// The folder into which pictures of the pages go that somebody wants to look at.
const PICTURES: &str = "PLATEN_PICTURES";
const OTHER: &str = "berta";

async fn device(manager: &TestManager, name: &str, bodies: &[Value]) -> Client {
    let client = manager.enrol(name).await;
    let mut all = vec![started("MFP 450")];
    all.extend_from_slice(bodies);
    client.report(manager.device, &batch(1, &all)).await;
    client
}

async fn look(browser: &Browser, name: &str) {
    let spare = tempfile::tempdir().unwrap();
    let folder = std::env::var_os(PICTURES).map_or_else(|| spare.path().to_owned(), Into::into);
    let at = |end: &str| Path::new(&folder).join(format!("{name}-{end}.png"));
    browser.picture(1440, 900, false, &at("desk")).await;
    browser.picture(360, 1400, true, &at("phone")).await;
    let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth;";
    assert_eq!(browser.script(fits).await, true, "{name} is wider than a telephone");
    browser.picture(1440, 900, false, &at("desk")).await;
}

async fn open(url: &str, name: &str, path: &str) -> Browser {
    let browser = Browser::start().await;
    browser.sign_in(url, name, PASSWORD).await;
    browser.open(&format!("{url}{path}")).await;
    browser.see("body[data-live=on][data-script=on]").await;
    // The pointer is nowhere near a list.
    browser.click("h1").await;
    browser.mark().await;
    browser
}

/// What a screen reader was told last.
pub(super) async fn said(browser: &Browser, words: &str) {
    let begin = std::time::Instant::now();
    loop {
        let said = browser.script("return document.getElementById('said').textContent;").await;
        if said.as_str().unwrap().contains(words) {
            return;
        }
        assert!(begin.elapsed().as_secs() < 30, "{said} and not {words:?}");
        tokio::task::yield_now().await;
    }
}

/// Where the focus is.
pub(super) async fn focus(browser: &Browser) -> String {
    let id = browser.script("return document.activeElement.id;").await;
    id.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_one_operator_does_by_keyboard_another_sees_at_once() {
    let manager = TestManager::start().await;
    let hash = password::hash(PASSWORD.to_owned()).await.unwrap();
    manager.store.set_operator(OTHER.to_owned(), hash, now()).await.unwrap();
    let mut low = toner_low("a1");
    low["alert"]["supply"] = full_supply(4);
    let lobby = device(&manager, "lobby", &[low, service_call("it rattles")]).await;
    let url = format!("https://localhost:{}", manager.operator.port());
    let (anna, berta) = (open(&url, OPERATOR, "/now").await, open(&url, OTHER, "/now").await);
    let listed = manager.api("/api/v1/now").await;
    let id = |at: usize| listed["items"][at]["id"].as_i64().unwrap();
    let (call, alert) = (id(0), id(1));
    let item = |list: &str, id: i64| format!("#{list} #item-{id}");
    anna.see(&item("items", alert)).await;
    let line = anna.text(&item("items", alert)).await;
    for words in ["Black toner almost empty", "lobby", "4 %", "TK-8335K", "Any user can fix it"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    look(&anna, "now").await;

    // By keys alone: down to the second line, taken; for her it stays where it is, and for the other it is below at once.
    anna.script("document.querySelector('#items li').focus();").await;
    anna.press("j").await;
    assert_eq!(focus(&anna).await, format!("item-{alert}"));
    anna.press("t").await;
    anna.see(&format!("#item-{alert}[data-state=taken] [data-taken-by={OPERATOR}]")).await;
    assert_eq!(focus(&anna).await, format!("item-{alert}"));
    said(&anna, "Taken: Black toner almost empty, lobby").await;
    berta.see(&format!("{} [data-taken-by={OPERATOR}]", item("taken", alert))).await;
    berta.see("#state-taken[data-count='1']").await;

    // A comment, typed.
    anna.press("c").await;
    assert_eq!(focus(&anna).await, format!("words-{alert}"));
    anna.type_into(&format!("#words-{alert}"), "a new <b>cartridge</b> is on its way").await;
    anna.script(&format!("document.getElementById('comment-{alert}').focus();")).await;
    anna.press("\u{e007}").await;
    anna.see(&format!("#item-{alert} [data-comment]")).await;
    said(&anna, "Comment added").await;
    berta.see(&format!("#item-{alert} [data-comment]")).await;
    let comment = berta.text(&format!("#item-{alert} [data-comment]")).await;
    assert!(comment.contains("a new <b>cartridge</b> is on its way"), "{comment}");

    // What comes meanwhile is announced, and comes in on a click: nothing moves while she is in the list.
    let _cellar = device(&manager, "cellar", &[condition("a2", "jam", "mediaPath", "path")]).await;
    // That her own line would stand elsewhere may have been announced before.
    while !anna.text("#news").await.starts_with("1 new") {
        tokio::task::yield_now().await;
    }
    assert_eq!(anna.script("return document.querySelector('#items li').id;").await, format!("item-{call}"));
    anna.click("#news").await;
    anna.see("#items li:first-child[data-urgency=stopped]").await;
    anna.see(&item("taken", alert)).await;

    // Asleep by keys, and back.
    anna.script(&format!("document.getElementById('item-{call}').focus();")).await;
    anna.press("s").await;
    assert_eq!(focus(&anna).await, format!("hours-{call}"));
    anna.script(&format!("document.getElementById('snooze-{call}').focus();")).await;
    anna.press("\u{e007}").await;
    anna.see(&format!("#item-{call}[data-state=snoozed]")).await;
    berta.see_no(&item("items", call)).await;
    anna.press("b").await;
    anna.see(&format!("#item-{call}[data-state=waiting]")).await;
    said(&anna, "Put back").await;

    // Closed: the call is handled, and the alert ends by itself.
    anna.press("x").await;
    anna.see(&format!("#item-{call}[data-state=over]")).await;
    assert_eq!(manager.api("/api/v1/service-calls").await["items"][0]["state"], "done");
    lobby.report(manager.device, &batch(4, &[cleared("a1")])).await;
    berta.see_no(&format!("#item-{alert}")).await;

    assert!(anna.is_marked().await && berta.is_marked().await, "a page was loaded again");

    // Two who act at once: the second is told, and nothing of it is done.
    berta.open(&format!("{url}/now")).await;
    berta.see("body[data-live=on][data-script=on] [data-urgency=stopped]").await;
    let jam = berta.script("return document.querySelector('[data-urgency=stopped]').dataset.item;").await;
    let jam = jam.as_str().unwrap().to_owned();
    berta.script(&format!("document.querySelector('#item-{jam} [name=version]').value = '9';")).await;
    berta.click(&format!("#take-{jam}")).await;
    berta.see(&format!("#item-{jam} [data-refused]:not([hidden])")).await;
    said(&berta, "Nothing of yours was done").await;

    // Its own page has the history.
    anna.open(&format!("{url}/now/{alert}")).await;
    anna.see("#log [data-what=over]").await;
    let log = anna.text("#log").await;
    assert!(log.contains(&format!("{OPERATOR} took it")), "{log}");
    look(&anna, "now-one").await;
    anna.close().await;
    berta.close().await;
}

#[tokio::test]
async fn the_wall_shows_the_ten_most_urgent_at_once_and_says_when_it_is_not_live() {
    let mut manager = TestManager::start().await;
    for number in 0..11 {
        device(&manager, &format!("d{number}"), &[toner_low("a1")]).await;
    }
    let url = format!("https://localhost:{}", manager.operator.port());
    let wall = open(&url, OPERATOR, "/now/wall").await;
    let count = "return document.querySelectorAll('#items li').length;";
    assert_eq!(wall.script(count).await, 10);
    let scrolls = "return document.documentElement.scrollHeight > document.documentElement.clientHeight;";
    look(&wall, "wall-first").await;
    assert_eq!(wall.script(scrolls).await, false, "it scrolls");
    let _jammed = device(&manager, "jammed", &[condition("a2", "jam", "mediaPath", "path")]).await;
    wall.see("#items li:first-child.critical").await;
    assert_eq!(wall.script(count).await, 10);
    look(&wall, "wall").await;
    let hidden = "return getComputedStyle(document.querySelector('.wall-off')).display;";
    assert_eq!(wall.script(hidden).await, "none");
    manager.ask_to_stop();
    manager.stopped().await;
    wall.see("body[data-live=off]").await;
    assert_eq!(wall.script(hidden).await, "grid", "it says that it is not live");
    assert_eq!(wall.script("return document.getElementById('sound').hidden;").await, json!(false));
    wall.close().await;
}
