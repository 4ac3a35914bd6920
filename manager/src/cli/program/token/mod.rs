//! Keys of people in tokens (PKCS#11): a smart card, a USB key, a security module in a network, or a file of `SoftHSM`. The
//! private key never leaves the token; it signs there, and what it signed is verified by its public half before it is taken.
//!
//! Only Ed25519, as with keys in files: devices verify nothing else.

mod uri;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use platen_trust::PublicKey;
use platen_trust::sign::{Draft, key};

pub(super) use self::uri::TokenUri;
use crate::cli::passphrase;

/// The curve of Ed25519, in the two ways in which tokens want it: its object identifier (RFC 8410), or its name as a
/// `PrintableString`, as PKCS#11 3.0 first had it. Which of them, only trying tells.
const CURVES: [&[u8]; 2] = [
    &[0x06, 0x03, 0x2b, 0x65, 0x70],
    &[0x13, 0x0c, b'e', b'd', b'w', b'a', b'r', b'd', b's', b'2', b'5', b'5', b'1', b'9'],
];
/// What may stand before the 32 bytes of a public key in `CKA_EC_POINT`: nothing, an OCTET STRING, or a BIT STRING.
const POINTS: [&[u8]; 3] = [&[], &[0x04, 0x20], &[0x03, 0x21, 0x00]];
const KEY_BYTES: usize = 32;

/// How tokens are reached.
#[derive(Debug, Clone, Args)]
pub(super) struct TokenArguments {
    /// The module (a shared library) that talks to the token of keys named as pkcs11:..., where their names have no
    /// module-path.
    #[arg(long, value_name = "FILE")]
    pkcs11_module: Option<PathBuf>,
    /// Read the token's PIN from the first line of this file; otherwise you are prompted for it.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

/// A key in a token that is open.
pub(super) struct TokenKey {
    uri: TokenUri,
    session: Session,
    private: ObjectHandle,
    public: PublicKey,
}

impl TokenKey {
    /// Finds a key and logs in.
    pub(super) fn open(uri: &TokenUri, arguments: &TokenArguments) -> anyhow::Result<Self> {
        let session = open_session(uri, arguments, false)?;
        let found = find(&session, uri)?;
        let private = found.ok_or_else(|| anyhow!(no_key(uri, &session)))?;
        let public = public_half(&session, private).with_context(|| format!("{uri}: cannot be used"))?;
        Ok(Self { uri: uri.clone(), session, private, public })
    }

    /// Finds a key, or makes it where there is none; whether it was made.
    pub(super) fn open_or_make(uri: &TokenUri, arguments: &TokenArguments) -> anyhow::Result<(Self, bool)> {
        let session = open_session(uri, arguments, true)?;
        let (private, made) = match find(&session, uri)? {
            Some(private) => (private, false),
            None => (make(&session, uri)?, true),
        };
        let public = public_half(&session, private).with_context(|| format!("{uri}: cannot be used"))?;
        Ok((Self { uri: uri.clone(), session, private, public }, made))
    }

    /// Its public half.
    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a draft with it.
    pub(super) fn sign(&self, draft: &mut Draft) -> anyhow::Result<()> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let sign = |message: &[u8]| {
            let made = self.session.sign(&mechanism, self.private, message);
            made.map_err(|error| plain(&error))
        };
        draft.sign_elsewhere(&self.public, &sign).with_context(|| self.uri.to_string())
    }
}

fn open_session(uri: &TokenUri, arguments: &TokenArguments, write: bool) -> anyhow::Result<Session> {
    let module = uri.module.as_deref().or(arguments.pkcs11_module.as_deref()).ok_or_else(|| {
        anyhow!(
            "{uri}: which module talks to the token? Give --pkcs11-module FILE, such as /usr/lib/softhsm/libsofthsm2.so"
        )
    })?;
    let pkcs11 = load(module)?;
    let (slot, token) = find_token(&pkcs11, uri, module)?;
    let session = if write { pkcs11.open_rw_session(slot) } else { pkcs11.open_ro_session(slot) };
    let session = session.map_err(|error| anyhow!("{uri}: the token does not open: {}", plain(&error)))?;
    if token.login_required() {
        let file = uri.pin_file.as_deref().or(arguments.pin_file.as_deref());
        log_in(&pkcs11, &session, (slot, &token), file)?;
    }
    Ok(session)
}

fn load(module: &Path) -> anyhow::Result<Pkcs11> {
    let path = module.display();
    if !module.exists() {
        bail!(
            "{path}: there is no such module; install the token's software (SoftHSM: package softhsm2), or give its path by --pkcs11-module"
        );
    }
    let pkcs11 = Pkcs11::new(module)
        .map_err(|error| anyhow!("{path}: this is no module for PKCS#11: {}", plain(&error)))?;
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // The token of the key before this one has the same module.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(pkcs11),
        Err(error) => bail!("{path}: the module does not start: {}", plain(&error)),
    }
}

/// The one token that is meant.
fn find_token(pkcs11: &Pkcs11, uri: &TokenUri, module: &Path) -> anyhow::Result<(Slot, TokenInfo)> {
    let path = module.display();
    let slots = pkcs11
        .get_slots_with_token()
        .map_err(|error| anyhow!("{path}: the module lists no tokens: {}", plain(&error)))?;
    let mut tokens = Vec::new();
    for slot in slots {
        match pkcs11.get_token_info(slot) {
            Ok(token) if token.token_initialized() => tokens.push((slot, token)),
            // An empty one, or one that was pulled out just now.
            Ok(_) | Err(_) => {}
        }
    }
    let labels: Vec<String> = tokens.iter().map(|(_, token)| token.label().to_owned()).collect();
    let is = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
    let mut fitting = tokens.into_iter().filter(|(slot, token)| {
        is(uri.token.as_deref(), token.label())
            && is(uri.serial.as_deref(), token.serial_number())
            && is(uri.manufacturer.as_deref(), token.manufacturer_id())
            && is(uri.model.as_deref(), token.model())
            && uri.slot.is_none_or(|wanted| wanted == slot.id())
    });
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            bail!("{uri}: several tokens are like this ({}); add token= or serial=", labels.join(", "))
        }
        (None, _) if labels.is_empty() => {
            bail!("{uri}: {path} sees no token; is it plugged in, and may this user read it?")
        }
        (None, _) => bail!("{uri}: there is no such token; {path} sees: {}", labels.join(", ")),
    }
}

fn log_in(
    pkcs11: &Pkcs11,
    session: &Session,
    (slot, token): (Slot, &TokenInfo),
    pin_file: Option<&Path>,
) -> anyhow::Result<()> {
    let label = token.label();
    // A token with keys of its own to type it on takes no PIN from here.
    let pin = if token.protected_authentication_path() {
        None
    } else {
        if token.user_pin_locked() {
            bail!("the token {label}: {LOCKED}");
        }
        if token.user_pin_final_try() && pin_file.is_some() {
            bail!(
                "the token {label} takes one more PIN, and locks itself if that is wrong: leave out --pin-file and type it"
            );
        }
        Some(AuthPin::from(passphrase::pin(label, pin_file)?))
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            let now = pkcs11.get_token_info(slot);
            let left = match &now {
                Ok(now) if now.user_pin_locked() => "; it has locked itself now",
                Ok(now) if now.user_pin_final_try() => "; one more wrong PIN locks it",
                Ok(now) if now.user_pin_count_low() => "; a few more wrong PINs lock it",
                _ => "",
            };
            bail!("the token {label}: the PIN is wrong{left}")
        }
        Err(Error::Pkcs11(RvError::PinLocked, _)) => bail!("the token {label}: {LOCKED}"),
        Err(Error::Pkcs11(RvError::UserPinNotInitialized, _)) => {
            bail!("the token {label} has no PIN for its user yet: set one with the token's own software")
        }
        Err(error) => bail!("the token {label} does not let in: {}", plain(&error)),
    }
}

const LOCKED: &str = "it is locked after too many wrong PINs; who has the security officer's PIN can set a new one with the token's own software";

/// The private key that is named, if there is one.
fn find(session: &Session, uri: &TokenUri) -> anyhow::Result<Option<ObjectHandle>> {
    let mut wanted = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    wanted.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    wanted.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
    let found = session
        .find_objects(&wanted)
        .map_err(|error| anyhow!("{uri}: the token does not list its keys: {}", plain(&error)))?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => bail!("{uri}: {} keys are like this; name one by id=%HEX too", several.len()),
    }
}

/// That a key is not there, and which are.
fn no_key(uri: &TokenUri, session: &Session) -> String {
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY)];
    let mut labels: Vec<String> = Vec::new();
    for key in session.find_objects(&wanted).unwrap_or_default() {
        let label = attribute(session, key, AttributeType::Label).unwrap_or_default();
        labels.push(String::from_utf8_lossy(&label).into_owned());
    }
    let there = if labels.is_empty() { "no private key".to_owned() } else { labels.join(", ") };
    format!(
        "{uri}: there is no such key; the token has: {there}. `platen-manager program key` with this name makes one"
    )
}

/// One attribute that is bytes, where the token tells it.
fn attribute(session: &Session, object: ObjectHandle, which: AttributeType) -> Option<Vec<u8>> {
    match session.get_attributes(object, &[which]).ok()?.pop()? {
        Attribute::Label(bytes) | Attribute::Id(bytes) | Attribute::EcPoint(bytes) => Some(bytes),
        _ => None,
    }
}

fn public_half(session: &Session, private: ObjectHandle) -> anyhow::Result<PublicKey> {
    let kind =
        session.get_attributes(private, &[AttributeType::KeyType]).map_err(|error| anyhow!(plain(&error)))?;
    if !kind.contains(&Attribute::KeyType(KeyType::EC_EDWARDS)) {
        bail!("it is no key of the kind that is used here: Ed25519 (EC_EDWARDS)");
    }
    let point = attribute(session, private, AttributeType::EcPoint).filter(|point| !point.is_empty());
    let point = match point {
        Some(point) => Some(point),
        None => point_of_other_half(session, private)?,
    };
    let point = point.ok_or_else(|| {
        anyhow!(
            "the token has no public key with the same id or label: import it with the token's own software"
        )
    })?;
    let bytes =
        POINTS.iter().find_map(|begin| point.strip_prefix(*begin).filter(|bytes| bytes.len() == KEY_BYTES));
    let bytes =
        bytes.ok_or_else(|| anyhow!("its public half has {} bytes, and not 32 as Ed25519", point.len()))?;
    Ok(key::public_of_bytes(bytes)?)
}

/// The public key that belongs to a private one by its number, or where it has none, by its label.
fn point_of_other_half(session: &Session, private: ObjectHandle) -> anyhow::Result<Option<Vec<u8>>> {
    let id = attribute(session, private, AttributeType::Id).filter(|id| !id.is_empty());
    let same = match id {
        Some(id) => Attribute::Id(id),
        None => Attribute::Label(attribute(session, private, AttributeType::Label).unwrap_or_default()),
    };
    let wanted = [Attribute::Class(ObjectClass::PUBLIC_KEY), same];
    let found = session.find_objects(&wanted).map_err(|error| anyhow!(plain(&error)))?;
    Ok(found.first().and_then(|object| attribute(session, *object, AttributeType::EcPoint)))
}

/// Makes a key in the token that never leaves it.
fn make(session: &Session, uri: &TokenUri) -> anyhow::Result<ObjectHandle> {
    let Some(label) = &uri.object else { bail!("{uri}: a new key needs a label: add object=LABEL") };
    let mut named = vec![Attribute::Token(true), Attribute::Label(label.clone().into_bytes())];
    // Both halves have a number, so that one is found by the other whatever their labels become.
    let id = uri.id.clone().unwrap_or_else(|| label.clone().into_bytes());
    named.push(Attribute::Id(id));
    let mut refusal = None;
    for curve in CURVES {
        let mut public = named.clone();
        public.extend([
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(curve.to_vec()),
        ]);
        let mut private = named.clone();
        private.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ]);
        match session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private) {
            Ok((_, private)) => return Ok(private),
            Err(error) => refusal = Some(error),
        }
    }
    let cause = refusal.map(|error| plain(&error)).unwrap_or_default();
    bail!(
        "{uri}: the token makes no key for Ed25519: {cause}. Where its own software can, make one with that; else this token cannot be used"
    )
}

/// What the crate says, without the names of its types.
fn plain(error: &Error) -> String {
    match error {
        Error::Pkcs11(answer, function) => format!("{function:?} answered {answer:?}"),
        other => other.to_string(),
    }
}
