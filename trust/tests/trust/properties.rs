//! What holds for every document that is spoilt, and for documents in any order.

use platen_trust::{Document, KnownTime, Trusted};
use proptest::prelude::*;

use crate::maker::{Maker, day, keys, on};

/// A device that trusts root 1, and a document that brings it to root 2 and version 2 of the rest.
struct Story {
    device: Trusted,
    bytes: Vec<u8>,
    taken: Trusted,
}

fn story() -> Story {
    let mut maker = Maker::new();
    let device = maker.brought_up(0);
    maker.rotate(0, |new| new.root = keys(3));
    maker.publish("2", 0);
    let document = maker.document();
    let taken = device.bring_up(&document, on(0)).unwrap();
    Story { device, bytes: document.to_bytes().unwrap(), taken }
}

/// What a device would do by it: not the bytes, for a signature may be spoilt that was not needed.
fn meaning(device: &Trusted) -> (platen_trust::Versions, Vec<platen_trust::Program>) {
    let paths = device.paths(on(0)).unwrap();
    (device.versions(), paths.into_iter().map(|path| device.program(path, on(0)).unwrap()).collect())
}

fn refused_or_the_same(story: &Story, bytes: &[u8]) {
    let Ok(document) = Document::parse(bytes) else { return };
    if let Ok(roots) = story.device.bring_up_roots(&document) {
        assert!(roots.versions().root <= 2);
    }
    if let Ok(taken) = story.device.bring_up(&document, on(0)) {
        // Spoilt roots may have been passed over: then what is below them was signed for the old one, and is the same.
        let ((found, programs), (expected, same)) = (meaning(&taken), meaning(&story.taken));
        assert_eq!(
            (found.timestamp, found.snapshot, found.targets),
            (expected.timestamp, expected.snapshot, expected.targets)
        );
        assert_eq!(programs, same);
    }
}

#[test]
fn any_byte_that_is_spoilt_is_refused_or_changes_nothing() {
    let story = story();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 1_000, ..ProptestConfig::default() });
    let strategy = (0..story.bytes.len(), any::<u8>());
    runner
        .run(&strategy, |(at, byte)| {
            let mut bytes = story.bytes.clone();
            bytes[at] = byte;
            refused_or_the_same(&story, &bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_document_that_is_cut_or_has_pieces_twice_is_refused_or_changes_nothing() {
    let story = story();
    let length = story.bytes.len();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    runner
        .run(&(0..length, 0..length, 0..length), |(from, to, at)| {
            let piece = story.bytes.get(from..to).unwrap_or_default();
            let mut bytes = story.bytes.clone();
            bytes.splice(at..at, piece.iter().copied());
            refused_or_the_same(&story, &bytes);
            refused_or_the_same(&story, &story.bytes[..at]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn documents_in_any_order_never_lower_a_version() {
    // Publications, some with other root keys, some with a timestamp alone; none with other keys below.
    let mut maker = Maker::new();
    let mut documents = vec![maker.document()];
    for step in 2..10 {
        match step % 3 {
            0 => maker.rotate(0, |new| new.root = keys(3)),
            1 => maker.timestamp(0),
            _ => maker.publish(&step.to_string(), 0),
        }
        documents.push(maker.document());
    }
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 30, ..ProptestConfig::default() });
    let order = prop::collection::vec((0..documents.len(), any::<bool>(), -3_000_i64..7), 1..12);
    runner
        .run(&order, |order| {
            let mut device = maker.device();
            for (which, synchronised, days) in order {
                let now = KnownTime { synchronised, at: day(days) };
                let before = device.versions();
                for next in
                    [device.bring_up_roots(&documents[which]), device.bring_up(&documents[which], now)]
                {
                    let Ok(next) = next else { continue };
                    let after = next.versions();
                    assert!(after.root >= before.root && after.timestamp >= before.timestamp);
                    assert!(after.snapshot >= before.snapshot && after.targets >= before.targets);
                    assert!(next.latest_known_time() >= device.latest_known_time());
                    assert_eq!(Trusted::from_bytes(&next.to_bytes().unwrap()).unwrap(), next);
                    device = next;
                }
            }
            Ok(())
        })
        .unwrap();
}
