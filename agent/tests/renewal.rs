//! A certificate that is renewed, one that has ended, and a device that is shut out.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a surprise ends the test")]

mod support;

use jiff::Timestamp;
use platen_agent::identity::load;
use platen_protocol::problem::ProblemKind;
use support::manager::Manager;
use support::printer::{Agent, Device};

/// Of the certificates that this manager gives, two thirds are over in the year 3389.
const LATE: &str = "3500-01-01T00:00:00Z";

async fn parked(manager: &Manager) {
    manager.until("the agent is parked", |state| (state.parked > 0).then_some(())).await;
}

fn ends(device: &Device) -> Timestamp {
    load(device.state()).unwrap().facts.ends
}

/// What the status says of the trouble, and in how many seconds it is tried again.
async fn trouble(agent: &Agent, words: &str) -> u64 {
    agent
        .until(words, |status| {
            let trouble = status.contact.trouble.as_ref()?;
            trouble.remedy.contains(words).then_some(())?;
            trouble.next_try_seconds
        })
        .await
}

#[tokio::test]
async fn a_certificate_is_renewed_when_two_thirds_are_over_and_takes_over_when_the_manager_answered_by_it() {
    for protocol in [b"h2".as_slice(), b"http/1.1"] {
        let manager = Manager::speaking(&[protocol]).await;
        let device = Device::enrolled(&manager).await;
        let before = ends(&device);
        let agent = device.start();
        parked(&manager).await;
        assert!(manager.state.borrow().renewed.is_empty(), "it is not due");
        manager.state.send_modify(|state| state.time = Some(LATE.parse().unwrap()));
        manager.cut();
        manager.until("the new certificate is used", |state| (state.by_renewed > 1).then_some(())).await;
        assert!(ends(&device) > before);
        assert_eq!(manager.state.borrow().renewed.len(), 1);
        agent.stop().await.unwrap();
        assert_eq!(
            std::fs::read_dir(device.state())
                .unwrap()
                .filter(|entry| {
                    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("identity")
                })
                .count(),
            1,
            "nothing is left beside it"
        );
    }
}

#[tokio::test]
async fn a_new_certificate_that_the_manager_does_not_take_leaves_the_old_one_at_work() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    let before = ends(&device);
    manager.state.send_modify(|state| {
        state.time = Some(LATE.parse().unwrap());
        state.refuse_renewed = true;
    });
    let agent = device.start();
    manager.until("a new certificate is given", |state| (!state.renewed.is_empty()).then_some(())).await;
    // The connections: one to enrol, one to work, one to renew, one to try, and one with the old again.
    manager
        .until("the old one works again", |state| {
            (state.connections.len() >= 5 && state.parked > 0).then_some(())
        })
        .await;
    assert_eq!(ends(&device), before);
    assert_eq!(manager.state.borrow().by_renewed, 0);
    assert_eq!(manager.state.borrow().renewed.len(), 1, "the next renewal is put off");
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_device_whose_certificate_ended_says_what_to_do_asks_slowly_and_comes_back_after_the_consent() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    manager.state.send_modify(|state| state.standing = Some(ProblemKind::CertificateExpired));
    let agent = device.start();
    let next = trouble(&agent, "readmit this device").await;
    assert!(next > 9 * 60, "it asks at a slow pace: in {next} s");
    assert_eq!(manager.state.borrow().renewals_asked, 1);
    manager.state.send_modify(|state| state.consent = true);
    // Rather than wait for the slow pace: an agent asks when it starts.
    agent.stop().await.unwrap();
    let agent = device.start();
    manager.until("it is back", |state| (state.by_renewed > 0 && state.parked > 0).then_some(())).await;
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_device_that_is_shut_out_says_so_and_is_quiet_for_hours() {
    let manager = Manager::start().await;
    let device = Device::enrolled(&manager).await;
    manager.state.send_modify(|state| state.standing = Some(ProblemKind::DeviceRevoked));
    let agent = device.start();
    let next = trouble(&agent, "shut this device out").await;
    assert!(next > 5 * 3600, "it asks rarely: in {next} s");
    assert_eq!(manager.state.borrow().renewals_asked, 0);
    // A new enrolment is found at once.
    manager.state.send_modify(|state| state.standing = None);
    device.enroll(&manager, &manager.token()).await.unwrap();
    parked(&manager).await;
    agent.stop().await.unwrap();
}
