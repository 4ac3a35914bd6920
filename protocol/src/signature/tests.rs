use std::collections::BTreeMap;

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sfv::{Dictionary, ListEntry, Parser};

use super::key::key_id;
use super::*;

/// A key pair, and bytes that stand for its certificate.
struct Signer {
    key: SigningKey,
    public: PublicKey,
}

fn signer(certificate: &[u8]) -> Signer {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let public = PublicKey::new(pair.public_key().as_ref());
    Signer { key: SigningKey::new(pkcs8.as_ref(), certificate).unwrap(), public }
}

type Fields = BTreeMap<&'static str, String>;

fn read(fields: &Fields) -> Result<Presented, Refusal> {
    Presented::read(|name| fields.get(name).map(String::as_str))
}

const BODY: &[u8] = b"{\"version\":1}";
const WHEN: When<'_> = When {
    created: 1_780_000_000,
    expires: Some(1_780_000_120),
    nonce: Some("00112233445566778899aabbccddeeff"),
};

fn request(prefer: Option<&str>) -> Request<'_> {
    Request { method: "POST", path: "/v1/reports", content_type: "application/json", prefer }
}

fn check(fields: &Fields, request: &Request<'_>, body: &[u8], key: &PublicKey) -> Result<(), Refusal> {
    let presented = read(fields)?;
    presented.check_request(request, key)?;
    presented.check_body(body)
}

// RFC 9421, B.1.3 (test-key-ecc-p256): the point at the end of the public key.
const RFC_POINT: [u8; 65] = [
    0x04, 0xa8, 0x85, 0x58, 0x65, 0x52, 0xc2, 0xac, 0xf6, 0x47, 0x18, 0x78, 0xcf, 0xd7, 0xb0, 0x93, 0x5b,
    0x4f, 0xfe, 0x0f, 0xd2, 0xdf, 0xc3, 0x41, 0x24, 0x8e, 0xa1, 0x7b, 0xc4, 0x1e, 0x05, 0x8a, 0xf0, 0x31,
    0xce, 0x27, 0x37, 0xd2, 0xd3, 0x0c, 0xe0, 0x61, 0x7e, 0x85, 0x1e, 0x83, 0xc6, 0x1e, 0xf5, 0x67, 0x9d,
    0x15, 0x18, 0x67, 0x65, 0x76, 0x49, 0x03, 0x5d, 0x90, 0xa7, 0x4c, 0xd9, 0xe8, 0x5d,
];

/// RFC 9421, B.2.4: a response signed with ecdsa-p256-sha256.
#[test]
fn the_rfcs_own_example_of_our_algorithm_has_its_base_and_its_signature() {
    let digest =
        "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";
    let lines = [
        base::any_line("@status", "200"),
        base::any_line("content-type", "application/json"),
        base::any_line("content-digest", digest),
        base::any_line("content-length", "23"),
    ];
    let input = r#"sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#;
    let mut inputs = Parser::new(input).parse::<Dictionary>().unwrap();
    let Some(ListEntry::InnerList(member)) = inputs.swap_remove("sig-b24") else { panic!("{inputs:?}") };
    assert!(base::covers(&member, &lines));
    let made = base::base(&lines, &member);
    let expected = format!(
        "\"@status\": 200\n\"content-type\": application/json\n\"content-digest\": {digest}\n\"content-length\": 23\n\
         \"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\""
    );
    assert_eq!(made, expected);
    let field =
        "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:";
    let signatures = Parser::new(field).parse::<Dictionary>().unwrap();
    let Some(ListEntry::Item(signature)) = signatures.get("sig-b24") else { panic!("{signatures:?}") };
    let signature = signature.bare_item.as_byte_sequence().unwrap();
    let key = PublicKey::new(&RFC_POINT);
    assert_eq!(key.check(&made, signature), Ok(()));
    assert_eq!(key.check(&made.replace("200", "201"), signature), Err(Refusal::Signature));
}

/// RFC 9530, appendix D (the digest of `{"hello": "world"}` and a newline).
#[test]
fn the_digest_is_the_one_of_the_rfc() {
    let device = signer(b"c");
    let body = b"{\"hello\": \"world\"}\n";
    let signed = sign_request(&device.key, &request(None), body, &WHEN).unwrap();
    let digest = &signed.fields.iter().find(|(name, _)| *name == DIGEST_FIELD).unwrap().1;
    assert_eq!(digest, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
}

#[test]
fn the_form_of_a_request_is_the_one_that_the_document_gives() {
    let device = signer(b"certificate");
    let signed = sign_request(&device.key, &request(Some("wait=50")), BODY, &WHEN).unwrap();
    let fields: Fields = signed.fields.into();
    let id = key_id(b"certificate");
    assert_eq!(
        fields[INPUT_FIELD],
        format!(
            "platen=(\"@method\" \"@path\" \"content-digest\" \"content-type\" \"prefer\");keyid=\"{id}\";\
             alg=\"ecdsa-p256-sha256\";tag=\"platen\";nonce=\"00112233445566778899aabbccddeeff\";\
             created=1780000000;expires=1780000120"
        )
    );
    assert_eq!(fields[CERTIFICATE_FIELD], ":Y2VydGlmaWNhdGU=:");
    let presented = read(&fields).unwrap();
    assert_eq!(presented.certificate(), b"certificate");
    assert_eq!((presented.created(), presented.expires()), (WHEN.created, WHEN.expires));
    assert_eq!(presented.nonce(), WHEN.nonce);
    assert_eq!(presented.bond(), signed.bond);
}

#[test]
fn the_form_of_an_answer_names_the_request_with_its_parameters_and_its_signature() {
    let (device, manager) = (signer(b"device"), signer(b"manager"));
    let asked = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap();
    let answer = Answer { status: 200, content_type: "application/json", retry_after: None, to: &asked.bond };
    let signed = sign_answer(&manager.key, &answer, b"{}", 1_780_000_001).unwrap();
    let fields: Fields = signed.fields.into();
    assert!(
        fields[INPUT_FIELD].starts_with(
            "platen=(\"@status\" \"content-digest\" \"content-type\" \"signature-input\";req;key=\"platen\" \
             \"signature\";req;key=\"platen\");keyid="
        ),
        "{}",
        fields[INPUT_FIELD]
    );
    let presented = read(&fields).unwrap();
    presented.check_answer(&answer, &manager.public).unwrap();
    presented.check_body(b"{}").unwrap();
}

#[test]
fn an_answer_fits_no_other_request_status_or_wish_to_be_asked_later() {
    let (device, manager) = (signer(b"device"), signer(b"manager"));
    let asked = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap();
    let again = When { nonce: Some("another"), ..WHEN };
    let other = sign_request(&device.key, &request(None), BODY, &again).unwrap();
    let answer = Answer { status: 503, content_type: "a/b", retry_after: Some("30"), to: &asked.bond };
    let signed = sign_answer(&manager.key, &answer, b"{}", 1).unwrap();
    let presented = read(&signed.fields.into()).unwrap();
    assert_eq!(presented.check_answer(&answer, &manager.public), Ok(()));
    for swapped in [
        Answer { to: &other.bond, ..answer },
        Answer { status: 200, ..answer },
        Answer { retry_after: Some("3000"), ..answer },
        Answer { content_type: "a/c", ..answer },
    ] {
        assert_eq!(presented.check_answer(&swapped, &manager.public), Err(Refusal::Signature), "{swapped:?}");
    }
    let taken_away = Answer { retry_after: None, ..answer };
    assert_eq!(presented.check_answer(&taken_away, &manager.public), Err(Refusal::Components));
    assert_eq!(presented.check_answer(&answer, &device.public), Err(Refusal::Signature));
}

#[test]
fn fields_that_are_missing_too_long_or_without_form_are_refused_by_name() {
    let device = signer(b"certificate");
    let fields: Fields = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap().fields.into();
    let most = [
        (INPUT_FIELD, MAX_INPUT_BYTES),
        (SIGNATURE_FIELD, MAX_SIGNATURE_BYTES),
        (DIGEST_FIELD, MAX_DIGEST_BYTES),
        (CERTIFICATE_FIELD, MAX_CERTIFICATE_BYTES),
    ];
    for (name, most) in most {
        let with = |value: Option<String>| {
            let mut fields = fields.clone();
            fields.remove(name);
            fields.extend(value.map(|value| (name, value)));
            read(&fields)
        };
        assert_eq!(with(None), Err(Refusal::Missing(name)));
        assert_eq!(with(Some("\"".to_owned())), Err(Refusal::Malformed(name)));
        assert_eq!(with(Some("x".repeat(most + 1))), Err(Refusal::TooLong(name)));
        assert!(with(Some(format!(" {} ", fields[name]))).is_ok(), "white space around {name} means nothing");
    }
}

#[test]
fn a_signature_for_another_purpose_or_by_another_algorithm_is_none() {
    let device = signer(b"certificate");
    let fields: Fields = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap().fields.into();
    let with = |from: &str, to: &str| {
        let mut fields = fields.clone();
        let input = fields[INPUT_FIELD].replace(from, to);
        assert_ne!(input, fields[INPUT_FIELD], "{from}");
        fields.insert(INPUT_FIELD, input);
        read(&fields).and_then(|presented| presented.check_request(&request(None), &device.public))
    };
    assert_eq!(with("tag=\"platen\"", "tag=\"other\""), Err(Refusal::Parameter("tag")));
    assert_eq!(with("ecdsa-p256-sha256", "hmac-sha256"), Err(Refusal::Parameter("alg")));
    assert_eq!(with("created=", "erased="), Err(Refusal::Parameter("created")));
    assert_eq!(with("keyid=\"", "keyid=\"0"), Err(Refusal::OtherCertificate));
    assert_eq!(with("\"@path\" ", ""), Err(Refusal::Components));
    assert_eq!(with("\"@path\"", "\"@path\";req"), Err(Refusal::Components));
    assert_eq!(with("created=1780000000", "created=1780000001"), Err(Refusal::Signature));
    assert_eq!(with("expires=1780000120", "expires=1790000120"), Err(Refusal::Signature));
    assert_eq!(with("nonce=\"0", "nonce=\"1"), Err(Refusal::Signature));
}

#[test]
fn a_key_of_another_kind_is_refused_and_not_shown() {
    assert_eq!(SigningKey::new(b"no key", b"c").err(), Some(UnusableKey));
    let shown = format!("{:?}", signer(b"c").key);
    assert!(shown.contains(&key_id(b"c")) && !shown.contains("pair"), "{shown}");
}

#[test]
fn a_key_that_is_no_point_fits_nothing() {
    let device = signer(b"c");
    let fields = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap().fields.into();
    for point in [&[][..], &[4; 65], &[0; 33]] {
        assert_eq!(check(&fields, &request(None), BODY, &PublicKey::new(point)), Err(Refusal::Signature));
    }
}

proptest! {
    #[test]
    fn any_change_of_anything_covered_is_found(
        body in prop::collection::vec(any::<u8>(), 0..200),
        prefer in prop::option::of("wait=[0-9]{1,3}"),
        created in 0_i64..4_000_000_000,
        nonce in "[0-9a-f]{32}",
        what in 0_usize..6,
        place in any::<prop::sample::Index>(),
        change in "[!-~]{1,8}",
    ) {
        let device = signer(b"certificate");
        let asked = Request { prefer: prefer.as_deref(), ..request(None) };
        let when = When { created, expires: Some(created + 120), nonce: Some(&nonce) };
        let fields: Fields = sign_request(&device.key, &asked, &body, &when).unwrap().fields.into();
        prop_assert_eq!(check(&fields, &asked, &body, &device.public), Ok(()));
        let mut changed_body = body.clone();
        let mut altered = asked;
        match what {
            0 => { altered.method = &change; prop_assume!(change != asked.method); }
            1 => { altered.path = &change; prop_assume!(change != asked.path); }
            2 => { altered.content_type = &change; prop_assume!(change != asked.content_type); }
            3 => { altered.prefer = Some(&change); prop_assume!(prefer.as_deref() != Some(&change)); }
            4 => { altered.prefer = None; prop_assume!(prefer.is_some()); }
            _ => {
                if changed_body.is_empty() { changed_body.push(0); } else {
                    let at = place.index(changed_body.len());
                    changed_body[at] ^= 1;
                }
            }
        }
        prop_assert!(check(&fields, &altered, &changed_body, &device.public).is_err());
    }

    #[test]
    fn any_byte_of_the_fields_that_is_changed_changes_nothing_or_is_found(
        field in 0_usize..4,
        place in any::<prop::sample::Index>(),
        byte in 0x20_u8..0x7f,
    ) {
        let device = signer(b"certificate");
        let fields: Fields = sign_request(&device.key, &request(None), BODY, &WHEN).unwrap().fields.into();
        let name = *fields.keys().nth(field).unwrap();
        let mut value = fields[name].clone().into_bytes();
        let at = place.index(value.len());
        prop_assume!(value[at] != byte);
        value[at] = byte;
        let mut changed = fields.clone();
        changed.insert(name, String::from_utf8(value).unwrap());
        if check(&changed, &request(None), BODY, &device.public).is_ok() {
            // Only another way to write the very same thing: padding bits of base64, white space.
            let (before, after) = (read(&fields).unwrap(), read(&changed).unwrap());
            prop_assert_eq!(before.bond(), after.bond());
            prop_assert_eq!(before.certificate(), after.certificate());
            prop_assert_eq!(before.digest(), after.digest());
            prop_assert_eq!((before.created(), before.expires(), before.nonce()), (after.created(), after.expires(), after.nonce()));
        }
    }

    #[test]
    fn no_text_in_the_fields_is_more_than_refused(texts in prop::array::uniform4("[ -~]{0,120}")) {
        let names = [INPUT_FIELD, SIGNATURE_FIELD, DIGEST_FIELD, CERTIFICATE_FIELD];
        let fields: Fields = names.into_iter().zip(texts).collect();
        prop_assert!(read(&fields).is_err());
    }
}
