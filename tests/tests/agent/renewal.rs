//! Renewal where no real manager would have it: over HTTP/1.1 alone, and with a new certificate that is not taken. The
//! life of a certificate by real programs is in `programs/e2e/certificates.rs`.

use jiff::Timestamp;
use platen_agent::identity::load;
use platen_tests::rigs::agent::task::Device;
use platen_tests::rigs::manager::scripted::Manager;

/// Of the certificates that this manager gives, two thirds are over in the year 3389.
const LATE: &str = "3500-01-01T00:00:00Z";

async fn parked(manager: &Manager) {
    manager.until("the agent is parked", |state| (state.parked > 0).then_some(())).await;
}

fn ends(device: &Device) -> Timestamp {
    load(device.state()).unwrap().facts.ends
}

#[tokio::test]
async fn over_http_1_1_as_well_a_certificate_is_renewed_when_two_thirds_are_over() {
    let manager = Manager::speaking(&[b"http/1.1"]).await;
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
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("identity") })
            .count(),
        1,
        "nothing is left beside it"
    );
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
