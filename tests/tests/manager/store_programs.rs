//! The suite of the store over programs; on each engine.

use jiff::SignedDuration;
use platen_manager::store::{
    Asked, Deletion, Grouping, MetadataFile, NewProgram, NewlyTold, OfferRefusal, Offered, ProgramCounts,
    Publication, PublishRefusal, Scope, Store,
};
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::programs::{ProgramStep, RunningProgram, TriedProgram};
use serde_json::json;

use platen_tests::rigs::manager::messages::batch;
use platen_tests::rigs::postgres::Cluster;

use super::store::{device, ingest, let_in, now, on_every_store, on_postgres};

const ALL: &Scope = &Scope::All;

fn program(version: &str) -> NewProgram {
    NewProgram {
        name: "engine-firmware".parse().unwrap(),
        version: version.parse().unwrap(),
        kind: "engine-firmware".parse().unwrap(),
        hardware: vec!["MFP 450".into()],
        size: 3,
        room: 1,
        sha256: format!("sum of {version}"),
    }
}

fn metadata(role: &str, version: u64, body: &str) -> MetadataFile {
    let expires = now() + SignedDuration::from_hours(24 * 7);
    MetadataFile { role: role.into(), version, body: body.into(), expires }
}

async fn publish(store: &Store, version: u64, programs: &[&str]) -> platen_manager::store::Published {
    let metadata = ["targets", "snapshot", "timestamp"].map(|role| metadata(role, version, "{}"));
    let programs = programs.iter().map(|version| program(version)).collect();
    let publication = Publication { metadata: metadata.into(), programs };
    store.publish(publication, "anna".into(), now()).await.unwrap().unwrap()
}

async fn offer(store: &Store, version: &str, devices: &[&DeviceId]) -> Result<Offered, OfferRefusal> {
    let named = |device: &&DeviceId| ((*device).clone(), attempt(device, version));
    let devices = devices.iter().map(named).collect();
    store.offer(ALL, ("engine-firmware".into(), version.into()), devices, "anna".into(), now()).await.unwrap()
}

fn attempt(device: &DeviceId, version: &str) -> AttemptId {
    format!("try-{device}-{version}").parse().unwrap()
}

fn asked(running: &[&str]) -> Asked {
    let running = running.iter().map(|program| program.parse::<RunningProgram>().unwrap()).collect();
    let hardware = serde_json::from_value(json!({"model": "MFP 450", "architecture": "arm64"})).unwrap();
    Asked { hardware, running, tried: Vec::new() }
}

async fn counts(store: &Store, version: &str) -> ProgramCounts {
    let record = store.program("engine-firmware".into(), version.into()).await.unwrap().unwrap();
    store.program_counts(ALL, vec![record]).await.unwrap()[0].1
}

async fn tell(store: &Store, sequence: u64, step: &str) {
    let program = json!({"attempt_id": attempt(&device(), "1.0"), "step": step, "reason": "so"});
    let report = json!({"kind": "program", "program": program});
    ingest(store, &device(), batch(sequence, &[report])).await.unwrap();
}

mod suite {
    use super::*;

    pub(super) async fn what_is_published_is_given_and_what_is_not_named_any_more_is_revoked(store: Store) {
        assert_eq!(store.program_changes().await.unwrap(), 0);
        let published = publish(&store, 1, &["1.0", "2.0"]).await;
        assert_eq!(published.added.len(), 2);
        let (changes, files, programs) = store.given_programs().await.unwrap();
        assert_eq!((changes, files.len(), programs.len()), (1, 3, 2));
        assert_eq!((programs[0].hardware.as_slice(), programs[0].room), (&["MFP 450".to_owned()][..], 1));
        let published = publish(&store, 2, &["2.0", "3.0"]).await;
        assert_eq!(published.revoked, [("engine-firmware".to_owned(), "1.0".to_owned())]);
        assert_eq!(published.added, [("engine-firmware".to_owned(), "3.0".to_owned())]);
        let gone = store.program("engine-firmware".into(), "1.0".into()).await.unwrap().unwrap();
        assert_eq!((gone.revoked, gone.revoked_by.as_deref()), (Some(now()), Some("anna")));
        let all = store.programs(None, 2).await.unwrap();
        let older = store.programs(Some(all[1].key), 10).await.unwrap();
        assert_eq!((all.len(), older.len()), (2, 1));
        // It may come back, but never as something else.
        publish(&store, 3, &["1.0", "2.0", "3.0"]).await;
        assert_eq!(store.given_programs().await.unwrap().2.len(), 3);
        let other = NewProgram { sha256: "other".into(), ..program("1.0") };
        let other = Publication { metadata: Vec::new(), programs: vec![other] };
        let refused = store.publish(other, "anna".into(), now()).await.unwrap();
        assert!(matches!(refused, Err(PublishRefusal::OtherBytes { .. })));
        let forked = Publication { metadata: vec![metadata("targets", 3, "other")], programs: Vec::new() };
        let refused = store.publish(forked, "anna".into(), now()).await.unwrap();
        assert!(matches!(refused, Err(PublishRefusal::OtherContent { version: 3, .. })));
        assert_eq!(store.program_changes().await.unwrap(), 3, "what is refused is no change");
    }

    pub(super) async fn a_timestamp_is_renewed_once_and_old_ones_go_when_they_have_expired(store: Store) {
        publish(&store, 1, &["1.0"]).await;
        let next = || metadata("timestamp", 2, "mine");
        assert!(store.renew_metadata(vec![next()], now()).await.unwrap());
        let theirs = vec![metadata("timestamp", 2, "theirs"), metadata("snapshot", 2, "theirs")];
        assert!(!store.renew_metadata(theirs, now()).await.unwrap());
        let files = store.program_metadata().await.unwrap();
        assert_eq!(
            files.iter().map(|file| (file.role.as_str(), file.version)).collect::<Vec<_>>(),
            [("snapshot", 1), ("targets", 1), ("timestamp", 1), ("timestamp", 2)]
        );
        let later = now() + SignedDuration::from_hours(24 * 8);
        store.renew_metadata(vec![metadata("timestamp", 3, "{}")], later).await.unwrap();
        let files = store.program_metadata().await.unwrap();
        assert_eq!(files.len(), 3, "the newest of each role stays, expired or not: {files:?}");
    }

    pub(super) async fn a_program_is_offered_to_all_named_devices_or_to_none(store: Store) {
        let other: DeviceId = "cellar".parse().unwrap();
        let_in(&store, &device()).await;
        let_in(&store, &other).await;
        publish(&store, 1, &["1.0"]).await;
        let nobody: DeviceId = "nobody".parse().unwrap();
        let refused = offer(&store, "1.0", &[&device(), &nobody]).await;
        assert_eq!(refused, Err(OfferRefusal::NoDevice(nobody)));
        assert!(matches!(offer(&store, "9.0", &[&device()]).await, Err(OfferRefusal::NoProgram { .. })));
        assert!(store.on_offer(&device()).await.unwrap().is_empty());
        assert!(!store.has_new_offer(&device()).await);
        let offered = offer(&store, "1.0", &[&device(), &other]).await.unwrap();
        assert_eq!(offered.new.len(), 2);
        assert!(store.has_new_offer(&device()).await);
        assert_eq!(offer(&store, "1.0", &[&device()]).await.unwrap().already, [device()]);
        let found = store.on_offer(&device()).await.unwrap();
        assert_eq!((found.len(), &found[0].attempt), (1, &attempt(&device(), "1.0")));
        let program = found[0].program;
        assert_eq!(store.offers_of_program(ALL, program, None, 10).await.unwrap().len(), 2);
        let none = Scope::Of { customers: [1].into(), sites: [].into() };
        assert!(store.offers_of_program(&none, program, None, 10).await.unwrap().is_empty());
        assert!(!store.take_offer_back(&none, program, device(), now()).await.unwrap());
        assert!(store.take_offer_back(ALL, program, device(), now()).await.unwrap());
        assert!(store.on_offer(&device()).await.unwrap().is_empty());
        assert_eq!(counts(&store, "1.0").await.offered, 1);
        let revoked = publish(&store, 2, &[]).await;
        assert_eq!(revoked.taken_back, [other.clone()].into());
        assert!(store.on_offer(&other).await.unwrap().is_empty());
        assert!(matches!(offer(&store, "1.0", &[&device()]).await, Err(OfferRefusal::Revoked { .. })));
    }

    pub(super) async fn several_programs_are_counted_at_once_each_by_itself(store: Store) {
        let other: DeviceId = "cellar".parse().unwrap();
        let_in(&store, &device()).await;
        let_in(&store, &other).await;
        publish(&store, 1, &["1.0", "2.0", "3.0"]).await;
        offer(&store, "1.0", &[&device(), &other]).await.unwrap();
        offer(&store, "2.0", &[&device()]).await.unwrap();
        store.keep_told(other, asked(&["engine-firmware/engine-firmware/3.0"]), now()).await.unwrap();
        let records = store.programs(None, 10).await.unwrap();
        let counted = store.program_counts(ALL, records.clone()).await.unwrap();
        let found: Vec<_> = counted
            .iter()
            .map(|(program, counts)| (program.version.as_str(), counts.offered, counts.running))
            .collect();
        assert_eq!(found, [("3.0", 0, 1), ("2.0", 1, 0), ("1.0", 2, 0)]);
        let none = Scope::Of { customers: [1].into(), sites: [].into() };
        let counted = store.program_counts(&none, records).await.unwrap();
        assert!(counted.iter().all(|(_, counts)| *counts == ProgramCounts::default()));
        assert!(store.program_counts(ALL, Vec::new()).await.unwrap().is_empty());
    }

    pub(super) async fn an_attempt_goes_from_what_is_given_to_its_end(store: Store) {
        let_in(&store, &device()).await;
        publish(&store, 1, &["1.0"]).await;
        offer(&store, "1.0", &[&device()]).await.unwrap();
        let offered = store.on_offer(&device()).await.unwrap();
        store.offer_waits(device(), offered[0].key, Some("too full".into())).await.unwrap();
        assert!(!store.has_new_offer(&device()).await, "something is in the way");
        assert!(store.program_given(device(), offered[0].key, now()).await.unwrap());
        assert!(store.program_given(device(), offered[0].key, now()).await.unwrap(), "it still stands");
        let given = store.on_offer(&device()).await.unwrap();
        assert_eq!((given[0].step, given[0].waits.clone()), (Some(ProgramStep::Fetching), None));
        assert_eq!(counts(&store, "1.0").await.trying, 1);
        tell(&store, 1, "installing").await;
        assert_eq!(store.on_offer(&device()).await.unwrap()[0].step, Some(ProgramStep::Installing));
        tell(&store, 2, "failed").await;
        tell(&store, 3, "kept").await;
        assert!(store.on_offer(&device()).await.unwrap().is_empty());
        assert!(!store.program_given(device(), offered[0].key, now()).await.unwrap());
        let attempts = store.attempts(ALL, Some(device()), None, (None, 10)).await.unwrap();
        let found = &attempts[0];
        assert_eq!(
            (attempts.len(), found.step, found.reason.as_deref()),
            (1, ProgramStep::Failed, Some("so"))
        );
        let of_program = Some(("engine-firmware".to_owned(), "1.0".to_owned()));
        assert_eq!(store.attempts(ALL, None, of_program, (None, 10)).await.unwrap(), attempts);
        let counted = counts(&store, "1.0").await;
        assert_eq!((counted.failed, counted.trying, counted.kept), (1, 0, 0));
    }

    pub(super) async fn what_a_device_says_of_itself_is_kept_when_it_is_news(store: Store) {
        let_in(&store, &device()).await;
        publish(&store, 1, &["1.0"]).await;
        offer(&store, "1.0", &[&device()]).await.unwrap();
        let first = asked(&["agent-package/platen-agent/0.1", "board-file/board/7"]);
        assert!(!store.is_told(device(), first.clone()).await.unwrap());
        let told = store.keep_told(device(), first.clone(), now()).await.unwrap();
        assert_eq!(told, NewlyTold { runs: true, ended: false });
        assert!(store.is_told(device(), first.clone()).await.unwrap());
        assert_eq!(store.keep_told(device(), first, now()).await.unwrap(), NewlyTold::default());
        let mut second = asked(&["engine-firmware/engine-firmware/1.0", "agent-package/platen-agent/0.1"]);
        let tried = json!({"attempt_id": attempt(&device(), "1.0"), "outcome": "kept"});
        second.tried = vec![serde_json::from_value::<TriedProgram>(tried).unwrap()];
        assert!(!store.is_told(device(), second.clone()).await.unwrap());
        let later = now() + SignedDuration::from_secs(60);
        let told = store.keep_told(device(), second.clone(), later).await.unwrap();
        assert_eq!(told, NewlyTold { runs: true, ended: true });
        assert!(store.is_told(device(), second).await.unwrap());
        let running = store.running_of(device()).await.unwrap();
        let names: Vec<_> = running.iter().map(|one| (one.name.as_str(), one.since)).collect();
        assert_eq!(
            names,
            [("platen-agent", now()), ("engine-firmware", later)],
            "what stays is as old as it was"
        );
        assert_eq!(store.hardware_of(device()).await.unwrap().unwrap().model, "MFP 450");
        assert!(store.on_offer(&device()).await.unwrap().is_empty(), "the offer has ended with the attempt");
        let counted = counts(&store, "1.0").await;
        assert_eq!((counted.running, counted.kept, counted.offered), (1, 1, 0));
    }

    pub(super) async fn the_newest_attempts_of_a_device_are_kept(store: Store) {
        let_in(&store, &device()).await;
        for number in 0..60 {
            let mut asked = asked(&[]);
            let tried = json!({
                "attempt_id": format!("try-{number}"), "outcome": "refused",
                "program": {"kind": "k", "name": "n", "version": "1"}
            });
            asked.tried = vec![serde_json::from_value(tried).unwrap()];
            store.keep_told(device(), asked, now()).await.unwrap();
        }
        let attempts = store.attempts(ALL, Some(device()), None, (None, 100)).await.unwrap();
        assert_eq!((attempts.len(), attempts[0].attempt.as_str()), (50, "try-59"));
    }

    pub(super) async fn pieces_are_kept_while_a_program_is_given_and_for_a_day(store: Store) {
        let sum = || "sum of 1.0".to_owned();
        for (place, bytes) in [(0, b"abc".to_vec()), (1, b"d".to_vec())] {
            store.keep_piece(sum(), place, bytes, now()).await.unwrap();
        }
        assert_eq!(store.pieces_of(sum()).await.unwrap(), 4);
        assert_eq!(store.piece(sum(), 1).await.unwrap().as_deref(), Some(&b"d"[..]));
        assert_eq!(store.piece(sum(), 2).await.unwrap(), None);
        let later = now() + SignedDuration::from_hours(25);
        publish(&store, 1, &["1.0"]).await;
        assert!(store.is_given(sum()).await.unwrap());
        assert_eq!(store.forget_pieces(later).await.unwrap(), 0);
        publish(&store, 2, &[]).await;
        assert!(!store.is_given(sum()).await.unwrap());
        assert_eq!(store.forget_pieces(now()).await.unwrap(), 0, "it may be published again just now");
        assert_eq!(store.forget_pieces(later).await.unwrap(), 2);
    }

    pub(super) async fn of_a_device_that_is_deleted_nothing_about_programs_stays(store: Store) {
        let_in(&store, &device()).await;
        publish(&store, 1, &["1.0", "2.0"]).await;
        offer(&store, "1.0", &[&device()]).await.unwrap();
        offer(&store, "2.0", &[&device()]).await.unwrap();
        let offered = store.on_offer(&device()).await.unwrap();
        store.program_given(device(), offered[0].key, now()).await.unwrap();
        store.keep_told(device(), asked(&["a/b/1"]), now()).await.unwrap();
        let expires = now() + SignedDuration::from_hours(1);
        let (id, action) = ("retire".parse().unwrap(), Action::Retire);
        let command = Command { id, issued: now(), expires, action, issued_by: None };
        store.retire(device(), command, "anna".into(), now()).await.unwrap().unwrap();
        assert!(matches!(offer(&store, "2.0", &[&device()]).await, Err(OfferRefusal::Retired(_))));
        store.begin_deletion(device(), "anna".into(), now()).await.unwrap().unwrap();
        while store.delete_some().await.unwrap() != Deletion::Nothing {}
        assert!(store.rows_of_nobody().await.unwrap().is_empty());
        assert_eq!(counts(&store, "1.0").await, ProgramCounts::default());
    }
}

on_every_store! {
    what_is_published_is_given_and_what_is_not_named_any_more_is_revoked,
    a_timestamp_is_renewed_once_and_old_ones_go_when_they_have_expired,
    a_program_is_offered_to_all_named_devices_or_to_none,
    several_programs_are_counted_at_once_each_by_itself,
    an_attempt_goes_from_what_is_given_to_its_end,
    what_a_device_says_of_itself_is_kept_when_it_is_news,
    the_newest_attempts_of_a_device_are_kept,
    pieces_are_kept_while_a_program_is_given_and_for_a_day,
    of_a_device_that_is_deleted_nothing_about_programs_stays,
}
