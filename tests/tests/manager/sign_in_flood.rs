//! Somebody tries passwords from many addresses at once: with the real program, whose memory is measured.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use tokio::task::JoinHandle;

use crate::program_rig::Site;
use platen_tests::rigs::manager::client::{Answer, Client, Connection, request};
use platen_tests::rigs::manager::pages::OWN;
use platen_tests::rigs::manager::task::PASSWORD;

/// Wrong sign-ins, unless `PLATEN_SIGN_IN_FLOOD` says how many.
const ATTEMPTS: usize = 5_000;
/// Of one address, below the limit of one address.
const BY_ADDRESS: usize = 5;
/// Names that are tried, `anna` among them: each has a limit of its own, and all of them together keep the manager busy.
const NAMES: usize = 20;
/// Addresses at once.
const AT_ONCE: usize = 400;
/// What the manager's memory may grow by.
const MAX_GROWTH_KIB: u64 = 64 * 1024;

/// An answer's status, and whether it says when to come again.
type Told = (u16, bool);

/// The most memory that a process ever had, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The manager, seen from addresses of this machine.
#[derive(Clone)]
struct Target {
    client: Client,
    address: SocketAddr,
}

impl Target {
    /// Nothing where the connection breaks: on a busy machine a handshake may take longer than the manager waits.
    async fn connect(&self, from: Ipv4Addr) -> Option<Connection> {
        self.client.connect_from((from, 0).into(), self.address).await.ok()
    }

    /// Anna signs in.
    async fn sign_in_on(connection: &mut Connection) -> Answer {
        connection.send(Self::form("anna", PASSWORD)).await.unwrap()
    }

    fn form(name: &str, password: &str) -> Request<Bytes> {
        let mut request = request("POST", "/sign-in", format!("name={name}&password={password}"));
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        headers.insert("origin", OWN.parse().unwrap());
        request
    }

    /// An answer takes as long as it takes.
    async fn ask(connection: &mut Connection, name: &str, password: &str) -> Option<Told> {
        let answer = connection.open(Self::form(name, password)).await.ok()?;
        Some((answer.status().as_u16(), answer.headers().contains_key("retry-after")))
    }

    /// Signs in as a person does: whose connection breaks tries again, and an answer is an answer.
    async fn sign_in(&self, from: Ipv4Addr, name: &str) -> StatusCode {
        loop {
            if let Some(mut connection) = self.connect(from).await
                && let Some((status, _)) = Self::ask(&mut connection, name, PASSWORD).await
            {
                return StatusCode::from_u16(status).unwrap();
            }
        }
    }

    /// Wrong passwords for a few names, from one address after the other.
    fn flood(&self, attempts: usize) -> JoinHandle<Vec<Told>> {
        let target = self.clone();
        tokio::spawn(async move {
            let addresses = (0..attempts / BY_ADDRESS).map(|number| {
                let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
                let name = match number % NAMES {
                    0 => "anna".to_owned(),
                    other => format!("guess-{other}"),
                };
                (target.clone(), Ipv4Addr::new(127, 1, high, low), name)
            });
            futures_util::stream::iter(addresses)
                .map(|(target, from, name)| async move {
                    let mut told = Vec::new();
                    let Some(mut connection) = target.connect(from).await else { return told };
                    for number in 0..BY_ADDRESS {
                        told.extend(
                            Self::ask(&mut connection, &name, &format!("wrong-horse-{number}")).await,
                        );
                    }
                    told
                })
                .buffer_unordered(AT_ONCE)
                .concat()
                .await
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_costs_little_memory_and_keeps_nobody_out() {
    let attempts = std::env::var("PLATEN_SIGN_IN_FLOOD").map_or(ATTEMPTS, |number| number.parse().unwrap());
    let site = Site::new();
    for name in ["anna", "berta"] {
        assert!(site.run(&["operator", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    let mut serving = site.serve();
    let port = serving.until_listening();
    let ca = std::fs::read_to_string(site.state().join("ca.pem")).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let target = Target { client: Client::new(&ca, None), address };
    // Anna works here.
    let office = Ipv4Addr::new(127, 0, 0, 7);
    assert_eq!(target.sign_in(office, "anna").await, StatusCode::SEE_OTHER);
    let before = peak(serving.child.id());

    let flood = target.flood(attempts);
    let mut signed_in = 0_u16;
    while !flood.is_finished() {
        assert_eq!(target.sign_in(office, "anna").await, StatusCode::SEE_OTHER, "whose name is flooded");
        // Each time at an address from which nobody has signed in.
        let [high, low] = signed_in.to_be_bytes();
        let elsewhere = Ipv4Addr::new(127, 2, high, low);
        assert_eq!(target.sign_in(elsewhere, "berta").await, StatusCode::SEE_OTHER, "who is new there");
        signed_in += 1;
    }
    let mut counts: BTreeMap<Told, usize> = BTreeMap::new();
    for told in flood.await.unwrap() {
        *counts.entry(told).or_default() += 1;
    }
    let grown = peak(serving.child.id()).saturating_sub(before);
    println!("{counts:?}; both signed in {signed_in} times meanwhile; grown by {grown} KiB");
    assert!(grown <= MAX_GROWTH_KIB, "grown by {grown} KiB");
    assert!(counts.keys().all(|kind| [(401, false), (429, true), (503, true)].contains(kind)), "{counts:?}");
    assert!(counts.values().sum::<usize>() > 0 && signed_in > 0);
    // And somebody new under the same name, who comes again when the manager says so if the flood has used up what
    // strangers may try.
    let mut connection = target.connect(Ipv4Addr::new(127, 0, 0, 8)).await.unwrap();
    let mut answer = Target::sign_in_on(&mut connection).await;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        let wait = answer.retry_after();
        assert!((1..=60).contains(&wait), "{wait} s");
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let mut connection = target.connect(Ipv4Addr::new(127, 0, 0, 8)).await.unwrap();
        answer = Target::sign_in_on(&mut connection).await;
    }
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    serving.stop();
}
