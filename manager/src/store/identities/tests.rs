use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn certificate(serial: &str) -> Certificate {
    Certificate { serial: serial.to_owned(), issued: at(0), expires: at(1_000_000) }
}

/// How a superseded certificate was used at a time.
fn used(serial: &str, seconds: i64) -> Superseded {
    let by = CertificateUse { last: at(seconds), remote: IpAddr::from([192, 0, 2, 1]), boot: None };
    let certificate = certificate(serial);
    Superseded { certificate, first: at(seconds), used: by, present: None, readmitted: false }
}

/// It uses `serial` from now on.
fn renews(standing: &mut Standing, serial: &str) {
    standing.next = Some(certificate(serial));
    assert!(standing.renew(serial));
}

/// An operator consents that who has the superseded one renews it.
fn readmit(standing: &mut Standing, until: i64) {
    standing.superseded = standing.superseded.take().map(|one| Superseded { readmitted: true, ..one });
    standing.readmitted_until = Some(at(until));
}

#[test]
fn a_state_that_goes_back_at_each_restart_is_remembered_however_often_it_is_readmitted() {
    let mut standing = Standing::enrolled(certificate("image"));
    renews(&mut standing, "first");
    for round in 0..MAX_FORMER * 3 {
        assert!(standing.superseded_by_use(used("image", 10)));
        readmit(&mut standing, 100);
        renews(&mut standing, &format!("round-{round}"));
        assert!(standing.former.iter().any(|one| one.serial == "image"), "round {round}");
        assert!(standing.former.len() <= MAX_FORMER);
        assert_eq!((&standing.superseded, standing.readmitted_until), (&None, None));
    }
}

#[test]
fn a_consent_stays_with_the_certificate_that_an_operator_saw_for_as_long_as_it_holds() {
    let mut standing = Standing::enrolled(certificate("a"));
    renews(&mut standing, "b");
    renews(&mut standing, "c");
    assert!(standing.superseded_by_use(used("b", 10)));
    readmit(&mut standing, 100);
    assert!(!standing.superseded_by_use(used("a", 20)), "another copy takes nothing away");
    assert_eq!(standing.superseded.as_ref().unwrap().certificate.serial, "b");
    assert!(!standing.superseded_by_use(used("b", 30)), "it is known");
    assert!(standing.superseded.as_ref().unwrap().readmitted);
    assert!(standing.superseded_by_use(used("a", 100)), "the consent has ended");
    assert!(!standing.superseded.as_ref().unwrap().readmitted);
}
