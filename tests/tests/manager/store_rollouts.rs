//! The suite of the store over rollouts; on each engine.

use jiff::{SignedDuration, Timestamp};
use platen_manager::rollouts::plan::{HaltAt, Plan, Wave};
use platen_manager::rollouts::window::Window;
use platen_manager::store::{
    Act, ActRefusal, Asked, CreateRefusal, Deletion, DetailsChange, DeviceStanding, FleetFilter, Grouping,
    NewCustomer, NewHold, NewProgram, NewRollout, Publication, RolloutId, RolloutPart, RolloutRecord,
    RolloutState, RolloutWhat, Scope, Stepped, Store, To,
};
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::programs::RunningProgram;
use serde_json::json;

use platen_tests::rigs::manager::messages::batch;
use platen_tests::rigs::postgres::Cluster;

use super::store::{ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;

/// Publishes these versions of one program; what is left out is revoked.
async fn publish(store: &Store, programs: &[(&str, &str)]) {
    let program = |(name, version): &(&str, &str)| NewProgram {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        kind: "engine-firmware".parse().unwrap(),
        hardware: vec!["MFP 450".into()],
        size: 3,
        room: 1,
        sha256: format!("sum of {name} {version}"),
    };
    let publication = Publication { metadata: Vec::new(), programs: programs.iter().map(program).collect() };
    store.publish(publication, "anna".into(), now()).await.unwrap().unwrap();
}

/// Lets so many devices in, which are called `d0` and on.
async fn fleet(store: &Store, devices: usize) -> Vec<DeviceId> {
    let names: Vec<DeviceId> = (0..devices).map(|number| format!("d{number}").parse().unwrap()).collect();
    for name in &names {
        let_in(store, name).await;
    }
    names
}

fn rollout(id: &str) -> RolloutId {
    id.parse().unwrap()
}

fn waves(devices: &[u32]) -> Vec<Wave> {
    devices.iter().map(|devices| Wave { percent: None, devices: Some(*devices) }).collect()
}

/// A plan without pauses, of which each step shows.
fn plan(change: impl FnOnce(&mut Plan)) -> Plan {
    let halt_at = HaltAt { failures: Some(2), percent: None, of_at_least: 1 };
    let mut plan = Plan { pause_seconds: 0, enough_percent: 100, halt_at, ..Plan::default() };
    change(&mut plan);
    plan
}

/// Plans a rollout of the engine's 2.0 to these devices.
async fn planned(store: &Store, id: &str, devices: &[DeviceId], plan: Plan) -> RolloutRecord {
    planned_of(store, id, ("engine", "2.0"), devices, plan).await
}

async fn planned_of(
    store: &Store,
    id: &str,
    (name, version): (&str, &str),
    devices: &[DeviceId],
    plan: Plan,
) -> RolloutRecord {
    let to = To::Devices(devices.to_vec());
    create(store, id, (name, version), to, plan).await.unwrap()
}

async fn create(
    store: &Store,
    id: &str,
    (name, version): (&str, &str),
    to: To,
    plan: Plan,
) -> Result<RolloutRecord, CreateRefusal> {
    let program = (name.to_owned(), version.to_owned());
    let new = NewRollout { id: rollout(id), program, note: None, plan, to, by: "anna".into() };
    store.create_rollout(ALL, new, now()).await.unwrap()
}

async fn act(store: &Store, id: &str, act: Act) -> Result<RolloutRecord, ActRefusal> {
    store.act_on_rollout(ALL, rollout(id), (act, Some("so".into())), "berta".into(), now()).await.unwrap()
}

async fn started(store: &Store, id: &str, devices: &[DeviceId], plan: Plan) -> i64 {
    let key = planned(store, id, devices, plan).await.key;
    act(store, id, Act::Start).await.unwrap();
    key
}

/// Goes on with a rollout at a moment, as the job does, until there is nothing to do: all devices are in contact.
async fn go_on(store: &Store, key: i64, now: Timestamp) -> Vec<Stepped> {
    let mut all = Vec::new();
    loop {
        let wants = store.rollout_wants(key, now).await.unwrap();
        let candidates = store.rollout_candidates(key, wants.wave, (0, 100), now).await.unwrap();
        let offers = usize::try_from(wants.offers).unwrap();
        let named = candidates.into_iter().take(offers);
        let named = named.map(|one| (one.key, attempt(key, &one.device, now))).collect();
        let stepped = store.step_rollout(key, named, now).await.unwrap().unwrap();
        let more = stepped.more;
        all.push(stepped);
        if !more {
            return all;
        }
    }
}

fn attempt(rollout: i64, device: &DeviceId, at: Timestamp) -> AttemptId {
    format!("try-{rollout}-{device}-{}", at.as_second()).parse().unwrap()
}

/// A device fetches what is offered to it.
async fn fetches(store: &Store, device: &DeviceId) -> AttemptId {
    let offers = store.on_offer(device).await.unwrap();
    let offer = offers.iter().find(|offer| offer.step.is_none()).unwrap();
    assert!(store.program_given(device.clone(), offer.key, now()).await.unwrap());
    offer.attempt.clone()
}

/// A device fetches what is offered to it, and tells how that ended.
async fn ends(store: &Store, device: &DeviceId, step: &str) {
    let attempt = fetches(store, device).await;
    tells(store, device, &attempt, step).await;
}

async fn tells(store: &Store, device: &DeviceId, attempt: &AttemptId, step: &str) {
    let program = json!({"attempt_id": attempt, "step": step, "reason": "so it is"});
    let mut batch = batch(1, &[json!({"kind": "program", "program": program})]);
    // In a life of its own, so that no sequence is given twice.
    batch["epoch"] = json!(format!("{attempt}-{step}"));
    ingest(store, device, batch).await.unwrap();
}

async fn record(store: &Store, id: &str) -> RolloutRecord {
    store.rollout(ALL, rollout(id)).await.unwrap().unwrap()
}

/// How the devices of a rollout stand, in their order.
async fn stand(store: &Store, key: i64) -> Vec<(DeviceStanding, String)> {
    let found = store.rollout_devices(ALL, key, RolloutPart::default(), (None, 100)).await.unwrap();
    found.into_iter().map(|one| (one.state, one.reason.unwrap_or_default())).collect()
}

fn in_seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// What follows from the time, for all devices alike.
async fn settle(store: &Store, at: Timestamp, heard: bool) -> usize {
    let overdue = store.overdue_rollout_devices(at, 100).await.unwrap();
    store.settle_overdue(overdue.into_iter().map(|one| (one.key, heard)).collect(), at).await.unwrap().len()
}

mod suite {
    use DeviceStanding::{Held, Offered, Skipped};

    use super::*;

    pub(super) async fn a_rollout_goes_wave_by_wave_to_its_end(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 5).await;
        let key = planned(&store, "r-1", &devices, plan(|plan| plan.waves = waves(&[1, 2]))).await.key;
        let wanted = record(&store, "r-1").await;
        assert_eq!(
            (wanted.state, wanted.waves.len(), wanted.counts().waiting),
            (RolloutState::Planned, 3, 5)
        );
        assert!(store.live_rollouts().await.unwrap().is_empty());
        act(&store, "r-1", Act::Start).await.unwrap();
        assert_eq!(store.live_rollouts().await.unwrap(), [key]);
        let stepped = go_on(&store, key, now()).await;
        assert_eq!(stepped[0].offered, [devices[0].clone()]);
        assert!(store.has_new_offer(&devices[0]).await && !store.has_new_offer(&devices[1]).await);
        let offer = store.offers_of(devices[0].clone()).await.unwrap().remove(0);
        assert_eq!(offer.rollout, Some(rollout("r-1")));
        assert_eq!(offer.offered_by, "anna (rollout r-1)");
        ends(&store, &devices[0], "kept").await;
        assert_eq!(stand(&store, key).await[0].0, DeviceStanding::Proving);
        assert!(go_on(&store, key, now()).await[0].offered.is_empty(), "it must be heard of first");
        assert_eq!(settle(&store, in_seconds(3_599), true).await, 0);
        let later = in_seconds(3_600);
        assert_eq!(settle(&store, later, true).await, 1);
        go_on(&store, key, later).await;
        assert_eq!(record(&store, "r-1").await.wave, 1);
        for device in &devices[1..3] {
            ends(&store, device, "kept").await;
        }
        settle(&store, later, true).await;
        go_on(&store, key, later).await;
        for device in &devices[3..] {
            ends(&store, device, "kept").await;
        }
        settle(&store, later, true).await;
        go_on(&store, key, later).await;
        let done = record(&store, "r-1").await;
        assert_eq!((done.state, done.counts().kept, done.ended), (RolloutState::Finished, 5, Some(later)));
        let log = store.rollout_log(ALL, key, (None, 100)).await.unwrap();
        let whats: Vec<RolloutWhat> = log.iter().rev().map(|entry| entry.what).collect();
        let mut wanted = vec![RolloutWhat::Planned, RolloutWhat::Started];
        wanted.extend([[RolloutWhat::WaveEnded, RolloutWhat::WaveBegan]; 2].concat());
        wanted.push(RolloutWhat::Finished);
        assert_eq!(whats, wanted);
        assert_eq!((log[6].who.as_deref(), log[5].who.as_deref()), (Some("anna"), Some("berta")));
        assert_eq!(log[6].words.as_deref(), Some("5 devices in 3 waves"));
        assert_eq!(log[0].who, None);
    }

    pub(super) async fn failures_and_silence_halt_it_and_only_a_person_lifts_that(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 8).await;
        let key = started(&store, "r-1", &devices, plan(|plan| plan.at_once = 3)).await;
        go_on(&store, key, now()).await;
        ends(&store, &devices[0], "rolled_back").await;
        let silent = fetches(&store, &devices[1]).await;
        go_on(&store, key, now()).await;
        assert_eq!(record(&store, "r-1").await.counts().at_once(), 3, "the next one is under way instead");
        let late = in_seconds(6 * 3600);
        // The offers that nobody has fetched are over, too.
        assert_eq!(settle(&store, late, false).await, 3);
        let stepped = go_on(&store, key, late).await;
        assert!(matches!(stepped[0].news[0], (RolloutWhat::Halted, _)), "{stepped:?}");
        let halted = record(&store, "r-1").await;
        assert_eq!(halted.why.as_deref(), Some("2 of 2 devices failed; it halts at 2"));
        let standing = stand(&store, key).await;
        assert_eq!(standing[0], (DeviceStanding::Failed, "went back: so it is".into()));
        assert_eq!(standing[1].0, DeviceStanding::Silent);
        assert!(standing[1].1.contains("no end within 21600 s; last it was fetching"), "{}", standing[1].1);
        assert_eq!(standing[2].1, "it did not fetch it in time, and is offered it again later");
        assert!(store.on_offer(&devices[2]).await.unwrap().is_empty());
        // It stays so, whatever is told.
        tells(&store, &devices[1], &silent, "kept").await;
        go_on(&store, key, late).await;
        assert_eq!(record(&store, "r-1").await.state, RolloutState::Halted);
        assert_eq!(stand(&store, key).await[1].0, DeviceStanding::Proving, "it was late, and is well");
        assert!(matches!(act(&store, "r-1", Act::Resume).await, Err(ActRefusal::State { .. })));
        let lifted = act(&store, "r-1", Act::Lift).await.unwrap();
        assert_eq!((lifted.state, lifted.why, lifted.verdicts.failures), (RolloutState::Running, None, 0));
        go_on(&store, key, in_seconds(10 * 3600)).await;
        assert_eq!(record(&store, "r-1").await.counts().offered, 3);
        // One more failure is the first since then.
        let mut failed = 0;
        for device in &devices[2..] {
            if failed < 2 && store.has_new_offer(device).await {
                ends(&store, device, "failed").await;
                failed += 1;
                go_on(&store, key, in_seconds(10 * 3600)).await;
                let state = if failed == 1 { RolloutState::Running } else { RolloutState::Halted };
                assert_eq!(record(&store, "r-1").await.state, state);
            }
        }
        let counts = record(&store, "r-1").await.counts();
        assert_eq!((counts.offered, counts.failed), (0, 3), "what nobody has fetched is taken back");
    }

    pub(super) async fn what_people_do_is_done_and_written_down_or_refused(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 4).await;
        assert_eq!(act(&store, "r-1", Act::Start).await, Err(ActRefusal::NoRollout(rollout("r-1"))));
        let key = started(&store, "r-1", &devices[..3], plan(|plan| plan.at_once = 2)).await;
        assert!(matches!(act(&store, "r-1", Act::Start).await, Err(ActRefusal::State { .. })));
        go_on(&store, key, now()).await;
        act(&store, "r-1", Act::Pause).await.unwrap();
        assert_eq!(store.live_rollouts().await.unwrap(), [key], "there are offers to be taken back");
        go_on(&store, key, now()).await;
        assert_eq!(record(&store, "r-1").await.counts().waiting, 3);
        assert!(!store.has_new_offer(&devices[0]).await);
        act(&store, "r-1", Act::Resume).await.unwrap();
        act(&store, "r-1", Act::Skip(devices[0].clone())).await.unwrap();
        go_on(&store, key, in_seconds(1)).await;
        let attempt = fetches(&store, &devices[1]).await;
        let given = act(&store, "r-1", Act::Skip(devices[1].clone())).await;
        assert_eq!(given, Err(ActRefusal::Device { state: DeviceStanding::UnderWay }));
        let stranger = act(&store, "r-1", Act::Skip(devices[3].clone())).await;
        assert_eq!(stranger, Err(ActRefusal::NoDevice(devices[3].clone())));
        assert_eq!(act(&store, "r-1", Act::RetryFailed).await, Err(ActRefusal::NothingFailed));
        tells(&store, &devices[1], &attempt, "refused").await;
        act(&store, "r-1", Act::RetryFailed).await.unwrap();
        act(&store, "r-1", Act::Retry(devices[0].clone())).await.unwrap();
        go_on(&store, key, in_seconds(2)).await;
        let counts = record(&store, "r-1").await.counts();
        assert_eq!((counts.offered, counts.waiting, counts.failed, counts.skipped), (2, 1, 0, 0));
        act(&store, "r-1", Act::Cancel).await.unwrap();
        go_on(&store, key, in_seconds(2)).await;
        assert_eq!(record(&store, "r-1").await.counts().waiting, 3);
        assert!(matches!(
            act(&store, "r-1", Act::Retry(devices[0].clone())).await,
            Err(ActRefusal::State { .. })
        ));
        let log = store.rollout_log(ALL, key, (None, 100)).await.unwrap();
        let skipped = log.iter().find(|entry| entry.what == RolloutWhat::Skipped).unwrap();
        assert_eq!((skipped.who.as_deref(), skipped.device.as_ref()), (Some("berta"), Some(&devices[0])));
        assert_eq!(store.rollout_log(ALL, key, (Some(log[1].key), 1)).await.unwrap()[0], log[2]);
    }

    pub(super) async fn a_finished_rollout_is_taken_up_again_for_who_failed(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 2).await;
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        go_on(&store, key, now()).await;
        ends(&store, &devices[0], "refused").await;
        act(&store, "r-1", Act::Skip(devices[1].clone())).await.unwrap();
        go_on(&store, key, now()).await;
        assert_eq!(record(&store, "r-1").await.state, RolloutState::Finished);
        act(&store, "r-1", Act::RetryFailed).await.unwrap();
        go_on(&store, key, in_seconds(1)).await;
        assert_eq!(record(&store, "r-1").await.state, RolloutState::Running);
        ends(&store, &devices[0], "kept").await;
        assert_eq!(settle(&store, in_seconds(3600), true).await, 1);
        go_on(&store, key, in_seconds(3600)).await;
        let done = record(&store, "r-1").await;
        assert_eq!((done.state, done.counts().kept, done.counts().skipped), (RolloutState::Finished, 1, 1));
    }

    pub(super) async fn a_program_that_is_revoked_halts_its_rollouts(store: Store) {
        publish(&store, &[("engine", "2.0"), ("panel", "1.0")]).await;
        let devices = fleet(&store, 2).await;
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        planned_of(&store, "r-2", ("panel", "1.0"), &devices, plan(|_| {})).await;
        act(&store, "r-2", Act::Start).await.unwrap();
        go_on(&store, key, now()).await;
        fetches(&store, &devices[0]).await;
        publish(&store, &[("panel", "1.0")]).await;
        let halted = record(&store, "r-1").await;
        assert_eq!(
            (halted.state, halted.why.as_deref()),
            (RolloutState::Halted, Some("anna revoked engine 2.0"))
        );
        assert_eq!((halted.counts().under_way, halted.counts().waiting), (1, 1));
        assert_eq!(record(&store, "r-2").await.state, RolloutState::Running);
        assert!(store.on_offer(&devices[1]).await.unwrap().is_empty());
        for refused in [Act::Lift, Act::Retry(devices[1].clone())] {
            assert!(matches!(act(&store, "r-1", refused).await, Err(ActRefusal::Revoked { .. })));
        }
        let again = create(&store, "r-3", ("engine", "2.0"), To::Devices(devices), plan(|_| {})).await;
        assert!(matches!(again, Err(CreateRefusal::Revoked { .. })));
        publish(&store, &[("panel", "1.0"), ("engine", "2.0")]).await;
        act(&store, "r-1", Act::Lift).await.unwrap();
    }

    pub(super) async fn of_two_rollouts_for_a_device_the_older_goes_first(store: Store) {
        publish(&store, &[("engine", "2.0"), ("panel", "1.0")]).await;
        let devices = fleet(&store, 1).await;
        let first = started(&store, "r-1", &devices, plan(|_| {})).await;
        let second = planned_of(&store, "r-2", ("panel", "1.0"), &devices, plan(|_| {})).await.key;
        act(&store, "r-2", Act::Start).await.unwrap();
        go_on(&store, second, now()).await;
        go_on(&store, first, now()).await;
        let turns = store.rollouts_of_device(ALL, devices[0].clone()).await.unwrap();
        let shown: Vec<_> =
            turns.iter().map(|one| (one.rollout.as_str(), one.state, one.behind.clone())).collect();
        assert_eq!(
            shown,
            [("r-1", DeviceStanding::Offered, None), ("r-2", DeviceStanding::Waiting, Some(rollout("r-1")))]
        );
        ends(&store, &devices[0], "kept").await;
        go_on(&store, second, now()).await;
        assert_eq!(record(&store, "r-2").await.counts().waiting, 1, "the first must prove itself");
        settle(&store, in_seconds(3600), true).await;
        go_on(&store, second, in_seconds(3600)).await;
        assert_eq!(record(&store, "r-2").await.counts().offered, 1);
        assert_eq!(store.offers_of(devices[0].clone()).await.unwrap()[0].name.as_str(), "panel");
    }

    pub(super) async fn a_newer_rollout_of_a_program_replaces_what_has_not_begun(store: Store) {
        publish(&store, &[("engine", "2.0"), ("engine", "3.0")]).await;
        let devices = fleet(&store, 3).await;
        let old = started(&store, "r-1", &devices, plan(|plan| plan.at_once = 2)).await;
        go_on(&store, old, now()).await;
        fetches(&store, &devices[0]).await;
        let new = planned_of(&store, "r-2", ("engine", "3.0"), &devices, plan(|_| {})).await.key;
        go_on(&store, old, now()).await;
        assert_eq!(record(&store, "r-1").await.counts().skipped, 0, "nobody has started it");
        act(&store, "r-2", Act::Start).await.unwrap();
        go_on(&store, old, now()).await;
        go_on(&store, new, now()).await;
        let left = stand(&store, old).await;
        let superseded = (DeviceStanding::Skipped, "superseded by the rollout r-2".to_owned());
        assert_eq!(left, [(DeviceStanding::UnderWay, String::new()), superseded.clone(), superseded]);
        let counts = record(&store, "r-2").await.counts();
        assert_eq!((counts.offered, counts.waiting), (2, 1), "what has begun is waited for");
        assert_eq!(store.offers_of(devices[1].clone()).await.unwrap()[0].version.as_str(), "3.0");
    }

    pub(super) async fn who_is_held_stays_until_let_go_and_a_pin_lets_its_version_through(store: Store) {
        publish(&store, &[("engine", "2.0"), ("engine", "1.0")]).await;
        let devices = fleet(&store, 3).await;
        let (held, pinned, timed) = (&devices[0], &devices[1], &devices[2]);
        let leave_alone = async |device: &DeviceId, hold: NewHold| {
            assert!(store.hold(ALL, device.clone(), hold, "anna".into(), now()).await.unwrap());
        };
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        go_on(&store, key, now()).await;
        // What was offered and nobody has fetched is taken back.
        leave_alone(held, NewHold { why: Some("fair".into()), ..NewHold::default() }).await;
        assert!(store.on_offer(held).await.unwrap().is_empty());
        let version = Some("1.0".parse().unwrap());
        leave_alone(pinned, NewHold { name: Some("engine".parse().unwrap()), version, ..NewHold::default() })
            .await;
        leave_alone(timed, NewHold { until: Some(in_seconds(60)), ..NewHold::default() }).await;
        go_on(&store, key, in_seconds(1)).await;
        let standing = stand(&store, key).await;
        assert_eq!(standing[0], (DeviceStanding::Held, "held by anna: fair".into()));
        assert_eq!(standing[1], (DeviceStanding::Held, "held on 1.0 by anna".into()));
        assert_eq!(record(&store, "r-1").await.state, RolloutState::Finished, "nothing is left to do");
        let holds = store.holds_of(ALL, pinned.clone()).await.unwrap().unwrap();
        assert_eq!((holds.len(), holds[0].version.as_ref().unwrap().as_str()), (1, "1.0"));
        assert!(!store.end_hold(ALL, held.clone(), Some("engine".parse().unwrap()), now()).await.unwrap());
        assert!(store.end_hold(ALL, held.clone(), None, now()).await.unwrap());
        assert!(store.holds_of(ALL, held.clone()).await.unwrap().unwrap().is_empty());
        assert!(store.holds_of(ALL, "nobody".parse().unwrap()).await.unwrap().is_none());
        // Another rollout, of the version on which one is pinned.
        let pin = planned_of(&store, "r-2", ("engine", "1.0"), &devices, plan(|_| {})).await.key;
        act(&store, "r-2", Act::Start).await.unwrap();
        go_on(&store, pin, in_seconds(2)).await;
        let states: Vec<_> = stand(&store, pin).await.into_iter().map(|(state, _)| state).collect();
        assert_eq!(states, [Offered, Offered, Held]);
        assert_eq!(settle(&store, in_seconds(60), true).await, 1);
        go_on(&store, pin, in_seconds(60)).await;
        assert_eq!(stand(&store, pin).await[2].0, Offered);
    }

    pub(super) async fn who_does_not_fit_is_left_out_and_a_preview_says_so_before(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 5).await;
        let says = async |device: &DeviceId, model: &str, running: &[&str]| {
            let running = running.iter().map(|one| one.parse::<RunningProgram>().unwrap()).collect();
            let hardware = serde_json::from_value(json!({"model": model, "architecture": "arm64"})).unwrap();
            let asked = Asked { hardware, running, tried: Vec::new() };
            store.keep_told(device.clone(), asked, now()).await.unwrap();
        };
        says(&devices[0], "MFP 900", &[]).await;
        says(&devices[1], "MFP 450", &["engine-firmware/engine/2.0"]).await;
        says(&devices[2], "MFP 450", &["engine-firmware/engine/2.10"]).await;
        says(&devices[3], "MFP 450", &["engine-firmware/engine/1.9"]).await;
        let to = || To::Fleet(Box::default());
        let program = || ("engine".to_owned(), "2.0".to_owned());
        let two = plan(|plan| plan.waves = waves(&[2]));
        let preview = store.preview_rollout(ALL, program(), to(), two.clone(), now()).await.unwrap().unwrap();
        assert_eq!((preview.waves.as_slice(), preview.at_once, preview.bytes), (&[2, 3][..], 2, 3));
        let reasons: Vec<_> = preview.unfit.iter().map(|one| (one.devices, one.reason.as_str())).collect();
        assert_eq!(reasons[0], (1, "it is for MFP 450, and the device is MFP 900"));
        assert_eq!(reasons[1], (1, "it runs engine 2.0 already"));
        assert!(reasons[2].1.contains("2.10, which is later"), "{reasons:?}");
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        go_on(&store, key, now()).await;
        let states: Vec<_> = stand(&store, key).await.into_iter().map(|(state, _)| state).collect();
        assert_eq!(states, [Skipped, Skipped, Skipped, Offered, Offered]);
        let down = plan(|plan| plan.downgrade = true);
        let preview = store.preview_rollout(ALL, program(), to(), down, now()).await.unwrap().unwrap();
        assert_eq!(preview.at_once, 3);
        // By the fleet each device is there once, in one wave or another.
        let by_fleet = create(&store, "r-2", ("engine", "2.0"), to(), two).await.unwrap();
        assert_eq!(by_fleet.waves.iter().map(|wave| wave.waiting).collect::<Vec<_>>(), [2, 3]);
        let taken = create(&store, "r-2", ("engine", "2.0"), to(), plan(|_| {})).await;
        assert_eq!(taken.unwrap_err(), CreateRefusal::NameTaken(rollout("r-2")));
        let none = FleetFilter { tag: Some("nobody".into()), ..FleetFilter::default() };
        let nobody = create(&store, "r-3", ("engine", "2.0"), To::Fleet(Box::new(none)), plan(|_| {})).await;
        assert_eq!(nobody.unwrap_err(), CreateRefusal::Nobody);
        let stranger = To::Devices(vec!["nobody".parse().unwrap()]);
        let stranger = create(&store, "r-3", ("engine", "2.0"), stranger, plan(|_| {})).await;
        assert!(matches!(stranger, Err(CreateRefusal::NoDevice(_))));
        assert!(matches!(
            create(&store, "r-3", ("engine", "9"), to(), plan(|_| {})).await,
            Err(CreateRefusal::NoProgram { .. })
        ));
    }

    pub(super) async fn a_window_that_is_shut_is_waited_for_and_takes_back_what_was_not_fetched(
        store: Store,
    ) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 1).await;
        // It is ten o'clock.
        let window = Window { days: Vec::new(), from: "10:00".into(), to: "10:30".into(), time_zone: None };
        let key = started(&store, "r-1", &devices, plan(|plan| plan.window = Some(window))).await;
        go_on(&store, key, now()).await;
        assert_eq!(record(&store, "r-1").await.counts().offered, 1);
        let shut = in_seconds(1800);
        assert_eq!(settle(&store, shut, true).await, 1);
        assert!(store.on_offer(&devices[0]).await.unwrap().is_empty());
        let later = in_seconds(1800 + 3600);
        go_on(&store, key, later).await;
        let found = store.rollout_devices(ALL, key, RolloutPart::default(), (None, 10)).await.unwrap();
        assert_eq!(found[0].reason.as_deref(), Some("its window is shut"));
        let tomorrow = in_seconds(24 * 3600);
        assert_eq!(found[0].not_before, Some(tomorrow));
        assert!(store.rollout_candidates(key, 0, (0, 10), later).await.unwrap().is_empty());
        go_on(&store, key, tomorrow).await;
        assert_eq!(record(&store, "r-1").await.counts().offered, 1);
    }

    pub(super) async fn an_offer_that_somebody_else_made_is_part_of_it(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 2).await;
        let by_hand: Vec<_> = devices.iter().map(|one| (one.clone(), attempt(0, one, now()))).collect();
        let program = ("engine".to_owned(), "2.0".to_owned());
        store.offer(ALL, program, by_hand, "anna".into(), now()).await.unwrap().unwrap();
        fetches(&store, &devices[0]).await;
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        go_on(&store, key, now()).await;
        let counts = record(&store, "r-1").await.counts();
        assert_eq!((counts.under_way, counts.offered), (1, 1));
        let found = store.rollout_devices(ALL, key, RolloutPart::default(), (None, 10)).await.unwrap();
        assert_eq!(found[1].attempt, Some(attempt(0, &devices[1], now())));
        // Whoever takes it back by hand leaves that device out.
        let program = store.program("engine".into(), "2.0".into()).await.unwrap().unwrap().key;
        assert!(store.take_offer_back(ALL, program, devices[1].clone(), now()).await.unwrap());
        let left_out = (DeviceStanding::Skipped, "an operator took the offer back".to_owned());
        assert_eq!(stand(&store, key).await[1], left_out);
    }

    pub(super) async fn a_scope_sees_its_own_devices_of_a_rollout_and_no_other_rollouts(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 3).await;
        let customer = NewCustomer { name: "Nord".into(), note: None };
        let nord = store.add_customer(customer).await.unwrap().unwrap();
        let change = DetailsChange { customer: Some(Some(nord)), ..Default::default() };
        store.set_details(ALL, devices[0].clone(), change, "anna".into(), now()).await.unwrap().unwrap();
        let scope = &Scope::Of { customers: [nord].into(), sites: [].into() };
        let mixed = started(&store, "r-1", &devices[..2], plan(|_| {})).await;
        planned(&store, "r-2", &devices[2..], plan(|_| {})).await;
        let seen = store.rollouts(scope, None, 10).await.unwrap();
        assert_eq!(seen.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["r-1"]);
        assert_eq!(seen[0].counts().all(), 1);
        assert_eq!(store.rollouts(ALL, None, 1).await.unwrap()[0].id.as_str(), "r-2", "the newest first");
        assert!(store.rollout(scope, rollout("r-2")).await.unwrap().is_none());
        let found = store.rollout_devices(scope, mixed, RolloutPart::default(), (None, 10)).await.unwrap();
        assert_eq!((found.len(), &found[0].device), (1, &devices[0]));
        assert!(store.rollouts_of_device(scope, devices[1].clone()).await.unwrap().is_empty());
        let act = async |id: &str, act: Act| {
            store.act_on_rollout(scope, rollout(id), (act, None), "carl".into(), now()).await.unwrap()
        };
        assert_eq!(act("r-1", Act::Halt).await, Err(ActRefusal::NotAll(rollout("r-1"))));
        assert_eq!(act("r-2", Act::Start).await, Err(ActRefusal::NoRollout(rollout("r-2"))));
        let theirs = Act::Skip(devices[1].clone());
        assert_eq!(act("r-1", theirs).await, Err(ActRefusal::NoDevice(devices[1].clone())));
        act("r-1", Act::Skip(devices[0].clone())).await.unwrap();
        let hold = async |device: &DeviceId| {
            store.hold(scope, device.clone(), NewHold::default(), "carl".into(), now()).await.unwrap()
        };
        assert!(hold(&devices[0]).await && !hold(&devices[1]).await);
        let other = To::Devices(vec![devices[1].clone()]);
        let program = ("engine".to_owned(), "2.0".to_owned());
        let refused = store.preview_rollout(scope, program, other, plan(|_| {}), now()).await.unwrap();
        assert_eq!(refused.unwrap_err(), CreateRefusal::NoDevice(devices[1].clone()));
    }

    pub(super) async fn of_a_device_that_is_deleted_nothing_stays_in_a_rollout(store: Store) {
        publish(&store, &[("engine", "2.0")]).await;
        let devices = fleet(&store, 2).await;
        let key = started(&store, "r-1", &devices, plan(|_| {})).await;
        act(&store, "r-1", Act::Skip(devices[0].clone())).await.unwrap();
        store.hold(ALL, devices[0].clone(), NewHold::default(), "anna".into(), now()).await.unwrap();
        let expires = now() + SignedDuration::from_hours(1);
        let (id, action) = ("retire".parse().unwrap(), Action::Retire);
        let command = Command { id, issued: now(), expires, action, issued_by: None };
        store.retire(devices[0].clone(), command, "anna".into(), now()).await.unwrap().unwrap();
        store.begin_deletion(devices[0].clone(), "anna".into(), now()).await.unwrap().unwrap();
        while store.delete_some().await.unwrap() != Deletion::Nothing {}
        assert!(store.rows_of_nobody().await.unwrap().is_empty());
        assert_eq!(record(&store, "r-1").await.counts().all(), 1);
        let log = store.rollout_log(ALL, key, (None, 10)).await.unwrap();
        assert!(log.iter().all(|entry| entry.what != RolloutWhat::Skipped), "its name is gone with it");
    }
}

on_every_store! {
    a_rollout_goes_wave_by_wave_to_its_end,
    failures_and_silence_halt_it_and_only_a_person_lifts_that,
    what_people_do_is_done_and_written_down_or_refused,
    a_finished_rollout_is_taken_up_again_for_who_failed,
    a_program_that_is_revoked_halts_its_rollouts,
    of_two_rollouts_for_a_device_the_older_goes_first,
    a_newer_rollout_of_a_program_replaces_what_has_not_begun,
    who_is_held_stays_until_let_go_and_a_pin_lets_its_version_through,
    who_does_not_fit_is_left_out_and_a_preview_says_so_before,
    a_window_that_is_shut_is_waited_for_and_takes_back_what_was_not_fetched,
    an_offer_that_somebody_else_made_is_part_of_it,
    a_scope_sees_its_own_devices_of_a_rollout_and_no_other_rollouts,
    of_a_device_that_is_deleted_nothing_stays_in_a_rollout,
}
