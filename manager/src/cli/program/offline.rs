//! What a maker does where the keys are: no manager and no configuration is needed, and nothing is sent anywhere.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use platen_trust::limits::DEFAULT_CONFIRM_WITHIN;
use platen_trust::sign::roles::{first_root, next_root};
use platen_trust::sign::{Draft, KeySet, Protection, Roles, SigningKey, key_file, programs};
use platen_trust::{Content, PrivateKey as _, Program, Role};

use super::ProgramCommand;
use super::token::{TokenArguments, TokenKey, TokenUri};
use crate::cli::passphrase::{new, open_key};
use crate::cli::{duration, say};
use crate::clock;

/// What stands behind the name of a key's file, for its public half.
const PUBLIC: &str = "pub";

#[derive(Debug, Args)]
pub(in super::super) struct Key {
    /// The key's file, which must not be there yet; or the name of a key in a token (pkcs11:token=...;object=...), which
    /// is made there unless it is there. With --online: where the public key is written, if not to standard output.
    #[arg(value_name = "FILE|pkcs11:...", required_unless_present = "online", value_parser = Place::read)]
    place: Option<Place>,
    /// Show the key with which this manager signs snapshot and timestamp; it is made where there is none.
    #[arg(long)]
    online: bool,
    /// Read the passphrase from the first line of this file; otherwise you are prompted for it.
    #[arg(long, value_name = "FILE", conflicts_with = "online")]
    passphrase_file: Option<PathBuf>,
    /// Where the public half of a key in a token is written.
    #[arg(long, value_name = "FILE", conflicts_with = "online")]
    public: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArguments,
}

impl Key {
    /// Where the manager's public key goes.
    pub(super) fn file(&self) -> anyhow::Result<Option<&PathBuf>> {
        match &self.place {
            Some(Place::Token(_)) => {
                bail!("--online: the manager's key is in a file of its own, and not in a token")
            }
            Some(Place::File(file)) => Ok(Some(file)),
            None => Ok(None),
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct RootArguments {
    /// Where the root is written; the file must not be there yet.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// The root before this one; without it, this is the first.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// A public key that signs roots; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    root_key: Vec<PathBuf>,
    /// How many of them have to sign.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    root_threshold: u32,
    /// A public key that signs targets, and with them programs; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    targets_key: Vec<PathBuf>,
    /// How many of them have to sign.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    targets_threshold: u32,
    /// The public key of the manager, made there by `platen-manager program key`.
    #[arg(long, value_name = "FILE", required = true)]
    online_key: PathBuf,
    /// How long it is good, in hours.
    #[arg(long, default_value = "17520h", value_name = "DURATION", value_parser = duration)]
    valid: SignedDuration,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
pub(in super::super) struct Sign {
    /// The targets file: written where --first or --after is given, and must not be there then; else this file, of
    /// targets or a root, gets more signatures.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Begin the first targets file.
    #[arg(long, conflicts_with = "after")]
    first: bool,
    /// The targets file that is published now.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// The file of a program that is to be named; --name, --version and --kind describe it.
    #[arg(long, value_name = "FILE", requires_all = ["name", "version", "kind"])]
    add: Option<PathBuf>,
    /// What the program is called.
    #[arg(long, requires = "add")]
    name: Option<String>,
    /// Its version; one version is the same bytes for ever.
    #[arg(long, requires = "add")]
    version: Option<String>,
    /// Which installer on the device takes it, such as agent-package.
    #[arg(long, requires = "add")]
    kind: Option<String>,
    /// A model of printer, or a controller, that it is for; may be given several times. Without, it is for any.
    #[arg(long, value_name = "NAME", requires = "add")]
    hardware: Vec<String>,
    /// Bytes that a device must have free beside the file.
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "add")]
    free: u64,
    /// How soon a device must confirm that it works with it, in minutes or hours; else it goes back.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "add")]
    confirm_within: Option<SignedDuration>,
    /// The lowest version from which it may be installed.
    #[arg(long, value_name = "VERSION", requires = "add")]
    replaces: Option<String>,
    /// A program that is not to be named any more, as NAME/VERSION; may be given several times.
    #[arg(long, value_name = "NAME/VERSION")]
    remove: Vec<String>,
    /// How long it is good, in hours.
    #[arg(long, default_value = "8760h", value_name = "DURATION", value_parser = duration)]
    valid: SignedDuration,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
struct Keys {
    /// A private key that signs: its file, or the name of one in a token (pkcs11:token=...;object=...); may be given
    /// several times.
    #[arg(long, value_name = "FILE|pkcs11:...", required = true, value_parser = Place::read)]
    key: Vec<Place>,
    /// Read the passphrase of the keys from the first line of this file; otherwise you are prompted for it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArguments,
}

/// Where a private key is.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Token(Box<TokenUri>),
}

impl Place {
    fn read(text: &str) -> anyhow::Result<Self> {
        if TokenUri::is_one(text) {
            return Ok(Self::Token(Box::new(text.parse()?)));
        }
        Ok(Self::File(text.into()))
    }
}

impl Keys {
    fn sign(&self, draft: &mut Draft) -> anyhow::Result<()> {
        for place in &self.key {
            match place {
                Place::File(path) => draft.sign(&open_key(path, self.passphrase_file.as_deref())?)?,
                Place::Token(uri) => TokenKey::open(uri, &self.token)?.sign(draft)?,
            }
        }
        Ok(())
    }
}

/// Does what a command says that needs no manager; none for the others.
pub(in super::super) fn offline(command: &ProgramCommand) -> Option<anyhow::Result<()>> {
    match command {
        ProgramCommand::Key(key) if !key.online => Some(make_key(key)),
        ProgramCommand::Root(root) => Some(make_root(root)),
        ProgramCommand::Sign(sign) => Some(sign_targets(sign)),
        _ => None,
    }
}

fn make_key(key: &Key) -> anyhow::Result<()> {
    let file = match &key.place {
        Some(Place::Token(uri)) => return make_in_token(uri, key),
        Some(Place::File(file)) => file,
        None => bail!("give the key's file"),
    };
    if key.public.is_some() {
        bail!(
            "--public is for a key in a token; of a key in a file, the public half gets its name with .{PUBLIC}"
        );
    }
    let passphrase = new(key.passphrase_file.as_deref())?;
    let mut public = file.as_os_str().to_owned();
    public.push(".");
    public.push(PUBLIC);
    let public = PathBuf::from(public);
    let made = SigningKey::generate()?;
    key_file::write_private(file, &made, Protection::Passphrase(&passphrase))?;
    key_file::write_public(&public, made.public())?;
    say(format_args!(
        "{} is the key: keep it offline, with a copy elsewhere. {} is its public half, for a root.",
        file.display(),
        public.display()
    ));
    Ok(())
}

/// A key in a token: made there, unless it is there; its public half goes to a file, for a root.
fn make_in_token(uri: &TokenUri, key: &Key) -> anyhow::Result<()> {
    let Some(public) = &key.public else {
        bail!("give --public FILE: where the public half of the key in the token is written")
    };
    let (found, made) = TokenKey::open_or_make(uri, &key.token)?;
    key_file::write_public(public, found.public())?;
    let is = if made { "was made in the token, and cannot leave it" } else { "was in the token already" };
    say(format_args!("{uri} {is}. {} is its public half, for a root.", public.display()));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}

fn set(paths: &[PathBuf], threshold: u32) -> anyhow::Result<KeySet> {
    let read = |path: &PathBuf| {
        key_file::read_public(path).with_context(|| format!("{}: is no public key", path.display()))
    };
    Ok(KeySet { threshold, keys: paths.iter().map(read).collect::<Result<_, _>>()? })
}

fn until(valid: SignedDuration) -> anyhow::Result<Timestamp> {
    if valid <= SignedDuration::ZERO {
        bail!("--valid must be more than 0");
    }
    Ok(clock::now().checked_add(valid)?)
}

fn make_root(root: &RootArguments) -> anyhow::Result<()> {
    let online = set(std::slice::from_ref(&root.online_key), 1)?;
    let roles = Roles {
        root: set(&root.root_key, root.root_threshold)?,
        targets: set(&root.targets_key, root.targets_threshold)?,
        snapshot: online.clone(),
        timestamp: online,
    };
    let until = until(root.valid)?;
    let before = root.after.as_deref().map(read).transpose()?;
    let mut draft = match &before {
        Some(before) => next_root(&Draft::read(Role::Root, before)?, &roles, until)?,
        None => first_root(&roles, until)?,
    };
    root.keys.sign(&mut draft)?;
    write_new(&root.to, &draft.to_bytes()?)?;
    show(&root.to, &draft, before.as_deref());
    Ok(())
}

fn sign_targets(sign: &Sign) -> anyhow::Result<()> {
    if !sign.first && sign.after.is_none() {
        if sign.add.is_some() || !sign.remove.is_empty() {
            bail!(
                "--add and --remove make a new targets file: give --after with the one that is published now, or --first"
            );
        }
        return add_signatures(sign);
    }
    let current = match &sign.after {
        Some(path) => Some(Draft::read(Role::Targets, &read(path)?)?),
        None => None,
    };
    let added = sign.add.as_deref().map(|file| describe(sign, file)).transpose()?;
    let removed: Vec<&str> = sign.remove.iter().map(String::as_str).collect();
    let add: Vec<Program> = added.into_iter().collect();
    let mut draft = programs::change(current.as_ref(), &add, &removed, until(sign.valid)?)?;
    sign.keys.sign(&mut draft)?;
    write_new(&sign.file, &draft.to_bytes()?)?;
    draft.lines().iter().for_each(|line| say(format_args!("{line}")));
    say(format_args!("Signatures in {}: {}.", sign.file.display(), draft.signers().len()));
    Ok(())
}

fn describe(sign: &Sign, file: &Path) -> anyhow::Result<Program> {
    let unreadable = || format!("{}: cannot be read", file.display());
    let content = Content::of(&mut File::open(file).with_context(unreadable)?).with_context(unreadable)?;
    let confirm_within = match sign.confirm_within {
        Some(within) => Duration::try_from(within).context("--confirm-within must be more than 0")?,
        None => DEFAULT_CONFIRM_WITHIN,
    };
    Ok(Program {
        kind: sign.kind.clone().unwrap_or_default(),
        name: sign.name.clone().unwrap_or_default(),
        version: sign.version.clone().unwrap_or_default(),
        hardware: sign.hardware.clone(),
        content,
        free: sign.free,
        confirm_within,
        replaces: sign.replaces.clone(),
    })
}

/// A file that is handed from holder to holder of keys.
fn add_signatures(sign: &Sign) -> anyhow::Result<()> {
    let bytes = read(&sign.file)?;
    let read = Draft::read(Role::Targets, &bytes).or_else(|_| Draft::read(Role::Root, &bytes));
    let mut draft =
        read.with_context(|| format!("{}: is no targets file and no root", sign.file.display()))?;
    draft.lines().iter().for_each(|line| say(format_args!("{line}")));
    sign.keys.sign(&mut draft)?;
    let part = PathBuf::from(format!("{}.part", sign.file.display()));
    write_new(&part, &draft.to_bytes()?)?;
    std::fs::rename(&part, &sign.file)
        .with_context(|| format!("{}: cannot be written", sign.file.display()))?;
    say(format_args!("Signatures in {} now: {}.", sign.file.display(), draft.signers().len()));
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("{}: cannot be written", path.display()))
}

/// Shows a root that is the first or follows another one, and whether it needs more signatures.
fn show(path: &Path, draft: &Draft, before: Option<&[u8]>) {
    draft.lines().iter().for_each(|line| say(format_args!("{line}")));
    match before.map_or_else(|| draft.enough_to_begin(), |before| draft.enough(before)) {
        Ok(()) => say(format_args!("{} is signed by as many keys as it needs.", path.display())),
        Err(error) => say(format_args!(
            "{} needs more signatures ({error}): hand it to the holders of the other keys (`platen-manager program sign {} --key FILE`).",
            path.display(),
            path.display()
        )),
    }
}

/// Whether a targets file names a program.
pub(super) fn names(targets: &Path, program: &str) -> anyhow::Result<bool> {
    let draft = Draft::read(Role::Targets, &read(targets)?)?;
    let line = format!("program {program}: ");
    Ok(draft.lines().iter().any(|one| one.starts_with(&line)))
}
