use super::*;
use crate::identity::{Lock, file, load};
use jiff::SignedDuration;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateSigningRequestParams, IsCa, Issuer};

struct Manager {
    issuer: Issuer<'static, KeyPair>,
    ca: String,
}

impl Manager {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), ca }
    }

    fn sign(&self, csr: &str, ends: i32) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(csr).unwrap();
        request.params.not_before = rcgen::date_time_ymd(ends - 1, 1, 1);
        request.params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        request.signed_by(&self.issuer).unwrap().pem()
    }

    fn enrol(&self, directory: &Path) -> Identity {
        let (device, key): (DeviceId, _) = ("lobby".parse().unwrap(), KeyPair::generate().unwrap());
        let csr = request_for(&device, &key).unwrap();
        let kept = IdentityFile {
            key: key.serialize_pem(),
            certificate_chain: self.sign(&csr, 2027),
            manager_ca: self.ca.clone(),
            device,
            manager: "https://localhost:1".parse().unwrap(),
            known_time: None,
        };
        Lock::take(directory).unwrap().store(&kept).unwrap();
        load(directory).unwrap()
    }

    fn answer(&self, asking: &Asking) -> RenewReply {
        RenewReply {
            version: VERSION,
            certificate_chain: self.sign(&asking.body.csr, 2028),
            manager_ca: self.ca.clone(),
            manager_time: "2026-09-01T00:00:00Z".parse().unwrap(),
        }
    }
}

fn renewed(manager: &Manager, directory: &Path) -> (Identity, Renewal) {
    let present = manager.enrol(directory);
    let renewal = Renewal::new(directory.to_owned());
    let asking = ask(&present.device).unwrap();
    renewal.keep(&present, &asking, manager.answer(&asking)).unwrap();
    (present, renewal)
}

#[test]
fn a_new_certificate_is_tried_and_takes_the_place_of_the_old_one_only_when_the_manager_answered() {
    let (manager, state) = (Manager::new(), tempfile::tempdir().unwrap());
    let (present, renewal) = renewed(&manager, state.path());
    let tried = renewal.identity().unwrap();
    assert!(renewal.is_trying() && tried.facts.ends > present.facts.ends);
    assert_eq!(load(state.path()).unwrap().facts, present.facts, "the old one is still there");
    renewal.answered().unwrap();
    assert_eq!(load(state.path()).unwrap().facts, tried.facts);
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1, "nothing is left behind");
    assert!(renewal.identity().is_ok() && !renewal.is_trying());
}

#[test]
fn a_new_certificate_that_is_refused_is_given_up_and_the_old_one_goes_on() {
    let (manager, state) = (Manager::new(), tempfile::tempdir().unwrap());
    let (present, renewal) = renewed(&manager, state.path());
    renewal.identity().unwrap();
    renewal.failed(Verdict::Refused, &present.facts, Duration::ZERO).unwrap();
    assert_eq!(renewal.identity().unwrap().facts, present.facts);
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    let late = Some("2026-12-01T00:00:00Z".parse().unwrap());
    assert!(renewal.look_in(&present.facts, late, Duration::ZERO) >= RETRY_LEAST, "it is put off");
}

#[test]
fn while_no_connection_comes_about_old_and_new_take_turns_and_the_new_one_is_given_up_in_the_end() {
    let (manager, state) = (Manager::new(), tempfile::tempdir().unwrap());
    let (present, renewal) = renewed(&manager, state.path());
    let mut tried = Vec::new();
    for _ in 0..2 * MAX_TRIALS {
        let used = renewal.identity().unwrap();
        tried.push(renewal.is_trying());
        renewal.failed(Verdict::Open, &used.facts, Duration::ZERO).unwrap();
    }
    assert_eq!(tried[..4], [true, false, true, false]);
    assert_eq!(tried.iter().filter(|new| **new).count(), MAX_TRIALS as usize);
    assert_eq!(renewal.identity().unwrap().facts, present.facts);
    assert!(!renewal.is_trying());
}

/// What a cut leaves on the disk.
type Cut = fn(&Path);

#[test]
fn power_that_is_cut_at_any_step_leaves_an_identity_that_can_be_used() {
    let manager = Manager::new();
    // What is on the disk after each step, and whether the new certificate is then tried first.
    let steps: [(&str, Cut, bool); 5] = [
        (
            "before the new one is written",
            |at| std::fs::remove_file(at.join("identity.next.json")).unwrap(),
            false,
        ),
        (
            "while the new one is written",
            |at| {
                std::fs::remove_file(at.join("identity.next.json")).unwrap();
                std::fs::write(at.join("identity.next.json.new"), "{\"key\": \"ha").unwrap();
            },
            false,
        ),
        ("after the new one is written", |_| (), true),
        (
            "with the new one damaged",
            |at| std::fs::write(at.join("identity.next.json"), "{\"ke").unwrap(),
            false,
        ),
        (
            "after the new one took the place of the old",
            |at| std::fs::rename(at.join("identity.next.json"), file(at)).unwrap(),
            false,
        ),
    ];
    for (step, cut, tries) in steps {
        let state = tempfile::tempdir().unwrap();
        let _ = renewed(&manager, state.path());
        cut(state.path());
        let renewal = Renewal::new(state.path().to_owned());
        let used = renewal.identity().unwrap_or_else(|cause| panic!("{step}: {cause}"));
        assert_eq!(renewal.is_trying(), tries, "{step}");
        renewal.failed(Verdict::Refused, &used.facts, Duration::ZERO).unwrap();
        assert!(renewal.identity().is_ok(), "{step}, and then the manager refuses it");
    }
}

#[test]
fn a_new_enrolment_ends_a_renewal_that_was_under_way() {
    let (manager, state) = (Manager::new(), tempfile::tempdir().unwrap());
    let (_, renewal) = renewed(&manager, state.path());
    let again = manager.enrol(state.path());
    assert_eq!(renewal.identity().unwrap().facts.serial, again.facts.serial);
    assert!(!renewal.is_trying());
}

#[test]
fn an_answer_that_does_not_fit_is_not_kept() {
    let (manager, other, state) = (Manager::new(), Manager::new(), tempfile::tempdir().unwrap());
    let present = manager.enrol(state.path());
    let renewal = Renewal::new(state.path().to_owned());
    let (asking, stranger) = (ask(&present.device).unwrap(), ask(&"cellar".parse().unwrap()).unwrap());
    let good = manager.answer(&asking);
    let wrong = [
        RenewReply { version: 9, ..good.clone() },
        RenewReply { manager_ca: other.ca.clone(), ..good.clone() },
        RenewReply { certificate_chain: manager.sign(&stranger.body.csr, 2028), ..good.clone() },
        RenewReply { certificate_chain: manager.sign(&asking.body.csr, 2027), ..good.clone() },
        RenewReply { certificate_chain: manager.sign(&ask(&present.device).unwrap().body.csr, 2028), ..good },
    ];
    for reply in wrong {
        assert!(matches!(renewal.keep(&present, &asking, reply), Err(RenewError::Answer(_))));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_renewal_is_due_when_two_thirds_of_the_life_are_over_by_the_known_good_time() {
    let (manager, state) = (Manager::new(), tempfile::tempdir().unwrap());
    let facts = manager.enrol(state.path()).facts;
    let renewal = Renewal::new(state.path().to_owned());
    let at = |text: &str| renewal.look_in(&facts, Some(text.parse().unwrap()), Duration::ZERO);
    assert_eq!(at("2026-01-01T00:00:00Z"), LOOK_MOST);
    assert_eq!(due(&facts), "2026-09-01T08:00:00Z".parse().unwrap());
    assert_eq!(at("2026-09-01T07:59:00Z"), Duration::from_secs(60));
    assert_eq!(at("2026-09-01T08:00:00Z"), Duration::ZERO);
    assert_eq!(renewal.look_in(&facts, None, Duration::ZERO), LOOK_MOST, "no time is known");
}

#[test]
fn a_device_that_was_refused_for_good_asks_rarely() {
    for chance in [0, 7, u64::MAX] {
        let ended = pause_after_refusal(Some(ProblemKind::CertificateExpired), chance);
        assert!(ended >= ASK_EXPIRED_EVERY && ended <= ASK_EXPIRED_EVERY * 5 / 4);
        let out = pause_after_refusal(Some(ProblemKind::DeviceRevoked), chance);
        assert!(out >= ASK_REVOKED_EVERY && out <= ASK_REVOKED_EVERY * 5 / 4);
        assert_eq!(pause_after_refusal(Some(ProblemKind::UnknownDevice), chance), Duration::ZERO);
    }
}

#[test]
fn a_refusal_that_was_held_is_followed_by_the_next_wait_and_not_by_the_slow_pace() {
    let asked = Duration::from_secs(50);
    // The whole of it, or somewhat less, because the answer travels as well.
    for took in [50, 51, 49, 25] {
        assert!(was_let_wait(asked, Duration::from_secs(took)), "{took}");
    }
    // There was no place, or another machine with the same certificate took it: the two do not drive each other out
    // again and again.
    for took in [0, 1, 24] {
        assert!(!was_let_wait(asked, Duration::from_secs(took)), "{took}");
    }
    assert!(!was_let_wait(Duration::ZERO, Duration::from_secs(3)), "it did not ask to be held");
    for kind in
        [ProblemKind::CertificateExpired, ProblemKind::CertificateSuperseded, ProblemKind::CertificateNewer]
    {
        assert!(may_be_readmitted(kind));
        assert!(pause_after_refusal(Some(kind), 0) >= ASK_EXPIRED_EVERY, "who finds no place");
    }
    assert!(!may_be_readmitted(ProblemKind::DeviceRevoked) && !may_be_readmitted(ProblemKind::UnknownDevice));
}

proptest! {
    #[test]
    fn a_failure_never_shortens_the_pause_to_the_next_renewal(life in 1_i64..200_000_000, failures in 1_u32..40) {
        let begins: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let ends = begins + SignedDuration::from_secs(life);
        let facts = Facts { begins, ends, serial: String::new(), name: None };
        let pause = retry_after(&facts, failures);
        prop_assert!(pause >= RETRY_LEAST && pause <= RETRY_MOST);
        prop_assert!(retry_after(&facts, failures + 1) >= pause);
        prop_assert!(begins <= due(&facts) && due(&facts) <= ends);
    }
}
