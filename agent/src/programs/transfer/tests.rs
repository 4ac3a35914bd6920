//! The state of a transfer against a manager that answers as it is asked, is cut anywhere, changes its mind, or lies.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A body with its name, as a manager has it.
#[derive(Debug, Clone)]
struct Body {
    etag: String,
    metadata_length: u64,
    bytes: Vec<u8>,
}

impl Body {
    fn new(tag: u8, metadata_length: u64, program: usize) -> Self {
        let whole = usize::try_from(metadata_length).unwrap() + program;
        let bytes = (0..whole).map(|at| u8::try_from(at % 251).unwrap() ^ tag).collect();
        Self { etag: format!("\"{tag}\""), metadata_length, bytes }
    }

    fn fields(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("etag", self.etag.clone()),
            ("platen-attempt", "try-1".to_owned()),
            ("platen-program", "agent-package/platen-agent/0.2.0".to_owned()),
            ("platen-metadata-length", self.metadata_length.to_string()),
        ])
    }

    /// The answer to a range, if `if_range` still names this body; else all of it.
    fn answer(&self, asked: ByteRange, if_range: Option<&str>) -> (Head, &[u8]) {
        let whole = NonZeroU64::new(self.bytes.len() as u64).unwrap();
        let same = if_range.is_none_or(|etag| etag == self.etag);
        let mut fields = self.fields();
        let (status, part) = match asked.of(whole).filter(|_| same) {
            Some(part) => {
                fields.insert("content-range", part.to_string());
                (206, part)
            }
            None => (200, ContentRange { first: 0, last: whole.get() - 1, whole }),
        };
        fields.insert("content-length", part.length().to_string());
        let bytes = usize::try_from(part.first).unwrap()..=usize::try_from(part.last).unwrap();
        (head(status, &fields), &self.bytes[bytes])
    }
}

fn head(status: u16, fields: &BTreeMap<&'static str, String>) -> Head {
    Head::read(status, |name| fields.get(name).map(String::as_str))
}

/// What is on the disk.
#[derive(Debug, Default)]
struct Disk {
    held: Option<Offered>,
    bytes: Vec<u8>,
}

impl Disk {
    fn held(&self) -> Option<(&Offered, u64)> {
        self.held.as_ref().map(|held| (held, self.bytes.len() as u64))
    }

    fn asks(&self, piece: u64) -> ByteRange {
        let first = self.bytes.len() as u64;
        ByteRange { first, last: Some(first + piece - 1) }
    }

    /// Takes what came of an answer before it was cut.
    fn take(&mut self, meant: Meant, came: &[u8]) {
        if meant.anew {
            self.bytes.clear();
        }
        let skip = usize::try_from(self.bytes.len() as u64 - meant.first).unwrap();
        self.bytes.extend(came.iter().skip(skip));
        self.held = Some(meant.offered);
    }
}

proptest! {
    #[test]
    fn whatever_is_cut_wherever_the_transfer_goes_on_and_ends_with_the_body(
        program in 1_usize..4_000,
        metadata in 1_u64..300,
        piece in 1_u64..900,
        cuts in prop::collection::vec(0_usize..1_000, 0..40),
        change_at in prop::option::of(0_usize..20),
    ) {
        let (old, new) = (Body::new(1, metadata, program), Body::new(2, metadata + 1, program));
        let mut disk = Disk::default();
        let mut cuts = cuts.into_iter();
        for step in 0.. {
            let body = if change_at.is_some_and(|at| step >= at) { &new } else { &old };
            let asked = disk.asks(piece);
            let if_range = disk.held.as_ref().map(|held| held.etag.clone());
            let (head, bytes) = body.answer(asked, if_range.as_deref());
            let meant = head.meant(disk.held(), asked).unwrap();
            prop_assert_eq!(meant.offered.check(), Ok(()));
            let before = disk.bytes.len();
            if !meant.anew {
                prop_assert!(meant.first <= before as u64, "never from a place that leaves a hole");
                prop_assert_eq!(meant.first, before as u64, "never a byte twice");
            }
            let same_name = disk.held.as_ref().is_some_and(|held| held.etag == body.etag);
            prop_assert_eq!(meant.anew, !same_name, "anew only where the body is another one");
            let came = cuts.next().unwrap_or(bytes.len()).min(bytes.len());
            disk.take(meant, &bytes[..came]);
            prop_assert_eq!(&disk.bytes[..], &body.bytes[..disk.bytes.len()]);
            if disk.bytes.len() == body.bytes.len() {
                break;
            }
        }
    }

    #[test]
    fn whatever_an_answer_says_it_is_taken_within_the_limits_or_has_no_effect(
        status in prop::sample::select(vec![200_u16, 206]),
        etag in "(\"[a-z0-9]{0,140}\"|W/\"a\"|\"1\"|)",
        attempt in "[a-z0-9-]{0,70}",
        program in "([a-z]{1,9}/){0,3}[0-9.]{0,9}",
        length in "[0-9]{0,22}",
        range in "bytes [0-9]{1,4}-[0-9]{1,4}/[0-9]{1,4}",
        content_length in prop::option::of("[0-9]{1,5}"),
        bytes in 0_u64..2_000,
    ) {
        let body = Body::new(1, 10, 1_990);
        let held = body.answer(ByteRange { first: 0, last: None }, None).0;
        let held = held.meant(None, ByteRange { first: 0, last: None }).unwrap().offered;
        let mut fields = BTreeMap::from([
            ("etag", etag), ("platen-attempt", attempt), ("platen-program", program),
            ("platen-metadata-length", length), ("content-range", range),
        ]);
        fields.extend(content_length.map(|length| ("content-length", length)));
        let asked = ByteRange { first: bytes, last: Some(bytes + 99) };
        if let Ok(meant) = head(status, &fields).meant(Some((&held, bytes)), asked) {
            prop_assert!(meant.first < meant.end && meant.end <= meant.offered.whole);
            prop_assert!(meant.anew || meant.first <= bytes);
            prop_assert!(!meant.anew || meant.first == 0);
        }
    }
}

fn begun() -> (Body, Offered) {
    let body = Body::new(1, 10, 990);
    let asked = ByteRange { first: 0, last: Some(99) };
    let offered = body.answer(asked, None).0.meant(None, asked).unwrap().offered;
    (body, offered)
}

#[test]
fn a_part_that_was_not_asked_for_has_no_effect() {
    let (body, offered) = begun();
    let asked = ByteRange { first: 100, last: Some(199) };
    for range in ["bytes 99-199/1000", "bytes 101-199/1000", "bytes 100-200/1000"] {
        let mut fields = body.fields();
        fields.insert("content-range", range.to_owned());
        let meant = head(206, &fields).meant(Some((&offered, 100)), asked);
        assert_eq!(meant, Err(Contradiction::OtherPart), "{range}");
    }
}

#[test]
fn lengths_that_lie_have_no_effect() {
    let (body, offered) = begun();
    let asked = ByteRange { first: 100, last: Some(199) };
    let told = |range: &str, length: &str| {
        let mut fields = body.fields();
        fields.insert("content-range", range.to_owned());
        fields.insert("content-length", length.to_owned());
        head(206, &fields).meant(Some((&offered, 100)), asked)
    };
    assert_eq!(told("bytes 100-199/1000", "101"), Err(Contradiction::Length));
    assert_eq!(told("bytes 100-199/1000", "99"), Err(Contradiction::Length));
    assert_eq!(told("bytes 100-199/1001", "100"), Err(Contradiction::OtherSize));
    assert!(told("bytes 100-199/1000", "100").is_ok());
    let mut fields = body.fields();
    fields.insert("content-range", "bytes 100-199/1000".to_owned());
    fields.insert("platen-metadata-length", "11".to_owned());
    assert_eq!(head(206, &fields).meant(Some((&offered, 100)), asked), Err(Contradiction::OtherSize));
}

#[test]
fn a_part_of_another_body_has_no_effect_and_all_of_it_begins_anew() {
    let (_, offered) = begun();
    let other = Body::new(2, 20, 500);
    let asked = ByteRange { first: 100, last: Some(199) };
    let part = other.answer(asked, None).0;
    assert_eq!(part.meant(Some((&offered, 100)), asked), Err(Contradiction::OtherBody));
    let all = other.answer(asked, Some(&offered.etag)).0.meant(Some((&offered, 100)), asked).unwrap();
    assert!(all.anew && (all.first, all.end) == (0, 520));
}

#[test]
fn the_same_program_of_another_attempt_goes_on() {
    let (body, offered) = begun();
    let asked = ByteRange { first: 100, last: Some(199) };
    let mut fields = body.fields();
    fields.insert("content-range", "bytes 100-199/1000".to_owned());
    fields.insert("platen-attempt", "try-2".to_owned());
    let meant = head(206, &fields).meant(Some((&offered, 100)), asked).unwrap();
    assert!(!meant.anew && meant.offered.attempt.as_str() == "try-2");
}

#[test]
fn an_answer_without_the_name_of_its_body_has_no_effect() {
    let (body, _) = begun();
    let asked = ByteRange { first: 0, last: None };
    for etag in ["", "\"\"", "W/\"1\"", "1"] {
        let mut fields = body.fields();
        fields.insert("content-length", "1000".to_owned());
        fields.insert("etag", etag.to_owned());
        assert_eq!(head(200, &fields).meant(None, asked), Err(Contradiction::Field("etag")), "{etag}");
    }
}

#[test]
fn what_is_beyond_the_limits_is_refused_before_a_byte_of_it_is_taken() {
    let (_, offered) = begun();
    let with = |metadata_length, whole| Offered { metadata_length, whole, ..offered.clone() }.check();
    let hundred = 100 * 1024 * 1024;
    assert_eq!(with(hundred, hundred + 10), Err(BeyondLimits::Metadata { bytes: hundred }));
    assert_eq!(with(0, 10), Err(BeyondLimits::Metadata { bytes: 0 }));
    assert_eq!(with(10, 10), Err(BeyondLimits::Program { bytes: 0 }));
    assert_eq!(with(10, 5), Err(BeyondLimits::Program { bytes: 0 }));
    let much = MAX_PROGRAM_BYTES + 1;
    assert_eq!(with(10, 10 + much), Err(BeyondLimits::Program { bytes: much }));
    assert_eq!(with(10, 9 + much), Ok(()));
}
