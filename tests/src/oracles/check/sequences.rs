//! Every sequence from 1 to the acknowledged one is held once and in order, or recorded as lost.

use std::collections::BTreeSet;

use super::{Books, Verdict};

pub(super) fn check(books: &Books, verdict: &mut Verdict) {
    let (held, device) = (&books.held, &books.device);
    for epoch in &held.epochs {
        let (name, acknowledged) = (&epoch.name, epoch.acknowledged);
        let mut last = 0;
        let mut there = BTreeSet::new();
        for report in &epoch.reports {
            let sequence = report.sequence;
            if !there.insert(sequence) {
                verdict.mistake(format!("epoch {name}: sequence {sequence} is held twice"));
            }
            verdict.hold(sequence > last, || format!("epoch {name}: {sequence} is held after {last}"));
            verdict.hold(sequence <= acknowledged, || {
                format!("epoch {name}: {sequence} is held, but acknowledged is {acknowledged}")
            });
            last = last.max(sequence);
        }
        verdict.figures.reports += there.len() as u64;
        for (first, last) in &epoch.gaps {
            verdict.hold(books.allowed.gaps, || format!("epoch {name}: {first} to {last:?} were lost"));
            // Of what was in memory alone nobody knows how many there were.
            let Some(last) = last else { continue };
            for sequence in *first..=*last {
                if !there.insert(sequence) {
                    verdict.mistake(format!("epoch {name}: {sequence} is held and recorded as lost"));
                }
                verdict.figures.lost += 1;
            }
        }
        let missing: Vec<u64> = (1..=acknowledged).filter(|sequence| !there.contains(sequence)).collect();
        if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
            let count = missing.len();
            verdict.mistake(format!(
                "epoch {name}: {count} of what was acknowledged are missing without a record, from {first} to {last}"
            ));
        }
    }
    let epochs = held.epochs.len();
    verdict.figures.epochs += epochs as u64;
    verdict.hold((1..=1 + books.allowed.epochs).contains(&epochs), || {
        format!("the device has {epochs} epochs, though its outbox was never lost")
    });
    match held.epochs.iter().find(|epoch| epoch.name == device.epoch) {
        None => verdict.mistake(format!("the manager does not know the device's epoch {}", device.epoch)),
        Some(epoch) => verdict.hold(device.acknowledged <= epoch.acknowledged, || {
            format!(
                "the device was told that {} is held, and the manager holds {}",
                device.acknowledged, epoch.acknowledged
            )
        }),
    }
    verdict.hold(device.waiting == 0, || format!("{} reports still wait at the device", device.waiting));
    verdict.hold(held.doubled_notices == 0, || {
        format!("{} notices of operators are there twice", held.doubled_notices)
    });
}
