//! `kill -9` of agents and manager under load: nothing that was acknowledged is lost, nothing acts twice, and
//! every sequence is accounted for. Then the checker itself, on what that run left.
//!
//! `PLATEN_CRASH_KILLS` says how many, `PLATEN_CRASH_SEED` which.

use std::path::Path;
use std::time::{Duration, Instant};

use platen_tests::oracles::books::held::Held;
use platen_tests::oracles::check::{Allowed, check};
use platen_tests::rigs::fleet::{AtRest, TestFleet};
use platen_tests::rigs::random::Random;
use platen_tests::rigs::random::number;
use rusqlite::Connection;

/// Kills of `make test`.
const KILLS: u32 = 25;
const PRINTERS: usize = 3;
/// Of so many kills one is the manager's.
const MANAGER_ONE_IN: u32 = 4;
/// Between two kills, at most.
const PAUSE_MS: u32 = 900;
/// How long a program stays away, at most.
const DOWN_MS: u32 = 400;

#[test]
fn killed_at_random_under_load_nothing_is_lost_and_nothing_acts_twice() {
    let (kills, seed) = (number("PLATEN_CRASH_KILLS", KILLS), number("PLATEN_CRASH_SEED", 4));
    println!("{kills} kills by seed {seed}; again with PLATEN_CRASH_KILLS={kills} PLATEN_CRASH_SEED={seed}");
    let begin = Instant::now();
    let mut fleet = TestFleet::start(PRINTERS, seed.into(), "");
    fleet.use_it(seed.into());
    let mut random = Random::new(seed.into(), 7);
    let (mut agents, mut managers) = (0, 0);
    for kill in 0..kills {
        let pause = Duration::from_millis(random.below(PAUSE_MS).into());
        let down = Duration::from_millis(random.below(DOWN_MS).into());
        let victim = random.below(u32::try_from(PRINTERS).unwrap()) as usize;
        let manager = random.below(MANAGER_ONE_IN) == 0;
        // Now and then it dies before it is up again.
        if random.below(5) > 0 {
            (0..PRINTERS).for_each(|place| fleet.until_it_answers(place));
        }
        std::thread::sleep(pause);
        let at = begin.elapsed().as_secs_f32();
        if manager {
            println!("[{at:>6.1} s] kill {}: the manager, away for {down:?}", kill + 1);
            fleet.kill_manager(down);
            managers += 1;
        } else {
            println!("[{at:>6.1} s] kill {}: printer-{victim}'s agent, away for {down:?}", kill + 1);
            fleet.kill_agent(victim, down);
            agents += 1;
        }
    }
    (0..PRINTERS).for_each(|place| fleet.until_it_answers(place));
    let rest = fleet.come_to_rest();
    let figures = rest.must_agree(Allowed::default());
    println!(
        "{agents} kills of agents and {managers} of the manager in {} s: {figures}",
        begin.elapsed().as_secs()
    );
    assert!(
        figures.reports > u64::from(kills) && figures.commands > 0 && figures.kept > 0,
        "too little happened"
    );
    the_checker_finds_what_is_wrong(&rest);
}

/// What is done to a store that is right, and must be found.
const DAMAGES: &[(&str, &str)] = &[
    ("a report is missing", "DELETE FROM reports WHERE key = (SELECT key FROM reports WHERE kind = '{}' LIMIT 1)"),
    (
        "a report is there twice",
        "INSERT INTO reports (device, epoch, sequence, kind, received, previous, body)
         SELECT device, epoch, sequence, kind, received, previous, body FROM reports WHERE kind = '{}' LIMIT 1",
    ),
    (
        "a report is there again under another sequence",
        "INSERT INTO reports (device, epoch, sequence, kind, received, previous, body)
         SELECT device, epoch, a + 1, kind, received, previous, json_set(body, '$.sequence', a + 1) FROM
         (SELECT r.*, e.acknowledged AS a FROM reports r JOIN epochs e ON e.key = r.epoch WHERE kind = '{}' LIMIT 1)",
    ),
    (
        "a report is told out of order",
        "UPDATE reports SET body = json_set(body, '$.sequence', 1) WHERE key =
         (SELECT key FROM reports WHERE kind = '{}' AND sequence > 1 LIMIT 1)",
    ),
];

/// The same, of one kind of report only.
const ALTERATIONS: &[(&str, &str)] = &[
    ("an order's quantity is altered", "UPDATE reports SET body = json_set(body, '$.body.quantity', 98) WHERE kind = 'order'"),
    ("an order is altered for operators", "UPDATE orders SET quantity = 98"),
    ("an order is missing for operators", "DELETE FROM orders WHERE key = (SELECT min(key) FROM orders)"),
    (
        "an order is there twice for operators",
        "INSERT INTO orders (device, id, report, received, simulated, body, quantity, note, entered_by, state)
         SELECT device, 'again', (SELECT max(key) FROM reports), received, simulated, body, quantity, note,
         entered_by, state FROM orders LIMIT 1",
    ),
    ("a call's message is altered", "UPDATE service_calls SET message = 'other words' WHERE message IS NOT NULL"),
    ("a call is missing for operators", "DELETE FROM service_calls"),
    ("what was acknowledged is altered", "UPDATE epochs SET acknowledged = acknowledged + 1"),
    ("an epoch is unknown", "UPDATE epochs SET epoch = 'other'"),
    (
        "an alert is of something else",
        "UPDATE reports SET body = json_set(body, '$.body.alert.subject', 'interlock') WHERE kind = 'alert_raised'",
    ),
    ("an alert is missing for operators", "DELETE FROM alerts WHERE key = (SELECT min(key) FROM alerts)"),
    ("an alert stands again", "UPDATE alerts SET cleared = NULL"),
    (
        "a counter is altered",
        "UPDATE reports SET body = json_set(body, '$.body.readings.counters[0].value.value', 1) WHERE kind = 'readings'",
    ),
    (
        "a level is altered",
        "UPDATE reports SET body = json_set(body, '$.body.readings.supplies[0].level.amount', 2999) WHERE kind = 'readings'",
    ),
    ("a command's end is altered", "UPDATE commands SET state = 'expired' WHERE state = 'done'"),
    (
        "a command's outcome is altered",
        "UPDATE reports SET body = json_set(body, '$.body.result', json('{\"state\":\"expired\"}')) WHERE kind = 'outcome'",
    ),
    ("a command is missing", "DELETE FROM commands WHERE key = (SELECT min(key) FROM commands)"),
    ("a gap is recorded where nothing is missing", "INSERT INTO gaps (device, epoch, first, last, recorded, reason, kinds)
      SELECT device, key, 2, 2, 0, 'other', '{}' FROM epochs"),
];

const KINDS: &[&str] =
    &["order", "service_call", "outcome", "alert_raised", "alert_cleared", "readings", "started"];

/// A store with something missing, doubled or altered must be found, and found as a mistake of the right kind.
fn the_checker_finds_what_is_wrong(rest: &AtRest) {
    let folder = tempfile::TempDir::new().unwrap();
    let mut found = 0;
    let mut damage = |what: &str, sql: &str| {
        let copy = folder.path().join("damaged.sqlite");
        std::fs::copy(rest.store(), &copy).unwrap();
        let changed = spoil(&copy, sql);
        assert!(changed > 0, "{what}: nothing of the kind is in the store");
        let mut mistakes = Vec::new();
        for place in 0..rest.printers() {
            let mut books = rest.books(place, Allowed::default());
            books.held = Held::read(&copy, rest.name(place));
            mistakes.extend(check(&books).mistakes);
        }
        assert!(!mistakes.is_empty(), "{what}: the checker did not find it");
        println!("{what}: {}", mistakes[0]);
        found += 1;
    };
    for (what, sql) in DAMAGES {
        for kind in KINDS {
            damage(&format!("{what} ({kind})"), &sql.replace("{}", kind));
        }
    }
    for (what, sql) in ALTERATIONS {
        damage(what, sql);
    }
    println!("the checker found all of {found} damages to the store");
}

fn spoil(store: &Path, sql: &str) -> usize {
    let db = Connection::open(store).unwrap();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    db.pragma_update(None, "ignore_check_constraints", true).unwrap();
    db.execute(sql, []).unwrap()
}
