//! Somebody tries passwords from many addresses at once: with the real program, whose memory is measured.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use hyper::StatusCode;

use crate::program_rig::Site;
use platen_tests::rigs::manager::client::{Answer, Client};
use platen_tests::rigs::manager::pages::{OWN, post_form};
use platen_tests::rigs::manager::task::PASSWORD;

/// Wrong sign-ins, unless `PLATEN_SIGN_IN_FLOOD` says how many: 5,000 take a while.
const ATTEMPTS: usize = 1_500;
/// Of one address, below the limit of one address.
const BY_ADDRESS: usize = 5;
/// Addresses at once.
const AT_ONCE: usize = 400;
/// What the manager's memory may grow by.
const MAX_GROWTH_KIB: u64 = 64 * 1024;

/// The most memory that a process ever had, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn sign_in(client: &Client, from: Ipv4Addr, to: SocketAddr, password: &str) -> Answer {
    let mut connection = client.connect_from((from, 0).into(), to).await.unwrap();
    let form = format!("name=anna&password={password}");
    post_form(&mut connection, "/sign-in", &form, Some(OWN), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_costs_little_memory_and_keeps_nobody_out() {
    let attempts = std::env::var("PLATEN_SIGN_IN_FLOOD").map_or(ATTEMPTS, |number| number.parse().unwrap());
    let site = Site::new();
    assert!(site.run(&["operator", "add", "anna", "--password-stdin"], PASSWORD).status.success());
    let mut serving = site.serve();
    let port = serving.until_listening();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ca = std::fs::read_to_string(site.state().join("ca.pem")).unwrap();
    let client = Client::new(&ca, None);
    // She works here.
    let office = Ipv4Addr::new(127, 0, 0, 7);
    assert_eq!(sign_in(&client, office, to, PASSWORD).await.status, StatusCode::SEE_OTHER);
    let before = peak(serving.child.id());

    let over = Arc::new(AtomicBool::new(false));
    let flood = {
        let (client, over) = (client.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let addresses = (0..attempts / BY_ADDRESS).map(|number| {
                let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
                (client.clone(), Ipv4Addr::new(127, 1, high, low))
            });
            let told = futures_util::stream::iter(addresses)
                .map(|(client, from)| async move {
                    let mut told = Vec::new();
                    // A connection that is not let in at all has cost nothing.
                    let Ok(mut connection) = client.connect_from((from, 0).into(), to).await else {
                        return told;
                    };
                    for number in 0..BY_ADDRESS {
                        let form = format!("name=anna&password=wrong-horse-{number}");
                        let answer = post_form(&mut connection, "/sign-in", &form, Some(OWN), "").await;
                        told.push((answer.status, answer.headers.contains_key("retry-after")));
                    }
                    told
                })
                .buffer_unordered(AT_ONCE)
                .concat()
                .await;
            over.store(true, Ordering::Relaxed);
            told
        })
    };
    let mut signed_in = 0;
    while !over.load(Ordering::Relaxed) {
        assert_eq!(sign_in(&client, office, to, PASSWORD).await.status, StatusCode::SEE_OTHER);
        signed_in += 1;
    }
    let mut counts: BTreeMap<(u16, bool), usize> = BTreeMap::new();
    for (status, says_when) in flood.await.unwrap() {
        *counts.entry((status.as_u16(), says_when)).or_default() += 1;
    }
    let grown = peak(serving.child.id()).saturating_sub(before);
    println!("{counts:?}; signed in {signed_in} times meanwhile; grown by {grown} KiB");
    assert!(grown <= MAX_GROWTH_KIB, "grown by {grown} KiB");
    assert!(counts.keys().all(|kind| [(401, false), (429, true), (503, true)].contains(kind)), "{counts:?}");
    assert!(counts.values().sum::<usize>() > 0 && signed_in > 0);
    // And somebody new, once it is over.
    let elsewhere = Ipv4Addr::new(127, 0, 0, 8);
    assert_eq!(sign_in(&client, elsewhere, to, PASSWORD).await.status, StatusCode::SEE_OTHER);
    serving.stop();
}
