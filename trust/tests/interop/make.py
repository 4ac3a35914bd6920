"""Makes repositories with python-tuf, good ones and evil ones, one in a folder each:

    root.json       the root that a device trusts
    before.json     the document that it has taken, where it has taken one
    document.json   the document that it is handed
    expect          `taken`, or the name of what it says instead
"""

import sys
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
OUT = Path(sys.argv[1])
PROGRAM = b"the program"


def named(data, version, hashes=("sha256",)):
    return MetaFile.from_data(version, data, list(hashes))


class Repository:
    """Everything that is published, and the keys; what a case changes, it changes before `document`."""

    def __init__(self, compact=True, spec="1.0.0"):
        self.serializer = JSONSerializer(compact=compact)
        self.keys = {role: [CryptoSigner.generate_ed25519()] for role in ("root", "timestamp", "snapshot", "targets")}
        self.hashes = ["sha256"]
        self.spec = spec
        good = {"spec_version": spec, "expires": NOW + timedelta(days=30)}
        self.root = Root(consistent_snapshot=True, **good)
        for role, signers in self.keys.items():
            self.root.add_key(signers[0].public_key, role)
        self.targets = Targets(**good)
        self.snapshot = Snapshot(**good)
        self.timestamp = Timestamp(**good)
        self.add("engine", "1", ["Aria 4"])
        self.roots = [self.sign(self.root, "root")]

    def add(self, name, version, hardware):
        custom = {"kind": "engine-firmware", "name": name, "version": version, "hardware": hardware, "free": 0}
        digests = {"sha256": sha256(PROGRAM).hexdigest()}
        self.targets.targets[f"{name}/{version}"] = TargetFile(
            len(PROGRAM), digests, f"{name}/{version}", {"custom": {"platen": custom}}
        )

    def sign(self, signed, role, keys=None):
        metadata = Metadata(signed)
        for key in keys or self.keys[role]:
            metadata.sign(key, append=True)
        return metadata.to_bytes(self.serializer)

    def next_root(self, old=None, new=None):
        """The root after the last one, under new root keys, signed by these."""
        before = self.keys["root"]
        self.keys["root"] = [CryptoSigner.generate_ed25519()]
        self.root.version += 1
        self.root.revoke_key(before[0].public_key.keyid, "root")
        self.root.add_key(self.keys["root"][0].public_key, "root")
        both = before + self.keys["root"]
        self.roots.append(self.sign(self.root, "root", both if old is None else [both[i] for i in old]))

    def parts(self, **other):
        targets = other.get("targets") or self.sign(self.targets, "targets", other.get("targets_keys"))
        self.snapshot.meta["targets.json"] = named(targets, self.targets.version, self.hashes)
        snapshot = other.get("snapshot") or self.sign(self.snapshot, "snapshot", other.get("snapshot_keys"))
        self.timestamp.snapshot_meta = named(snapshot, self.snapshot.version, self.hashes)
        timestamp = other.get("timestamp") or self.sign(self.timestamp, "timestamp", other.get("timestamp_keys"))
        return timestamp, snapshot, targets

    def document(self, parts=None, **other):
        timestamp, snapshot, targets = parts or self.parts(**other)
        return b'{"roots":[%b],"timestamp":%b,"snapshot":%b,"targets":%b}' % (
            b",".join(self.roots), timestamp, snapshot, targets,
        )


def case(name, expect, repository, document, before=None):
    folder = OUT / name
    folder.mkdir()
    (folder / "root.json").write_bytes(repository.roots[0])
    (folder / "document.json").write_bytes(document)
    if before is not None:
        (folder / "before.json").write_bytes(before)
    (folder / "expect").write_text(expect)


def good():
    one = Repository()
    case("good-compact", "taken", one, one.document())
    one = Repository(compact=False)
    case("good-indented", "taken", one, one.document())
    one = Repository(spec="1.0")
    case("good-spec-1.0", "taken", one, one.document())
    one = Repository()
    one.hashes = ["sha256", "sha512"]
    case("good-with-sha512", "taken", one, one.document())
    one = Repository()
    one.add("engine", "2", ["Bürodrucker „7“", 'a "quoted" \\ name', "印刷機"])
    case("good-with-other-letters", "taken", one, one.document())
    one = Repository()
    before = one.document()
    one.next_root()
    one.next_root()
    one.targets.version = one.snapshot.version = one.timestamp.version = 2
    case("good-with-new-roots", "taken", one, one.document(), before)
    one = Repository()
    second = CryptoSigner.generate_ed25519()
    one.root.add_key(second.public_key, "targets")
    one.root.roles["targets"].threshold = 2
    one.roots = [one.sign(one.root, "root")]
    one.keys["targets"].append(second)
    case("good-with-threshold", "taken", one, one.document())
    case("threshold-not-met", "Signatures", one, one.document(targets_keys=[second]))


def evil():
    for role in ("root", "timestamp", "snapshot", "targets"):
        one = Repository()
        getattr(one, role).expires = NOW - timedelta(days=1)
        one.roots = [one.sign(one.root, "root")]
        case(f"expired-{role}", "Expired", one, one.document())
    thief = [CryptoSigner.generate_ed25519()]
    for role in ("timestamp", "snapshot", "targets"):
        one = Repository()
        case(f"other-key-{role}", "Signatures", one, one.document(**{f"{role}_keys": thief}))
        one = Repository()
        one.targets.version = one.snapshot.version = one.timestamp.version = 2
        before = one.document()
        getattr(one, role).version = 1
        if role != "timestamp":
            one.timestamp.version = 3
        if role == "targets":
            one.snapshot.version = 3
        case(f"rollback-{role}", "RolledBack", one, one.document(), before)
    one = Repository()
    before = one.document()
    one.timestamp.expires += timedelta(days=1)
    case("same-version-other-content", "Changed", one, one.document(), before)
    one = Repository()
    old = one.parts()
    one.add("engine", "2", [])
    new = one.parts()
    case("mixed-targets-of-one-version", "Mixed", one, one.document((new[0], new[1], old[2])))
    case("mixed-snapshot-of-one-version", "Mixed", one, one.document((new[0], old[1], new[2])))
    one = Repository()
    timestamp, snapshot, targets = one.parts()
    one.timestamp.snapshot_meta = MetaFile(1)
    case("named-without-hash", "Mixed", one, one.document((one.sign(one.timestamp, "timestamp"), snapshot, targets)))
    one = Repository()
    one.next_root(old=[1])
    case("root-without-old-signature", "Signatures", one, one.document())
    one = Repository()
    one.next_root(old=[0])
    case("root-without-new-signature", "Signatures", one, one.document())
    one = Repository()
    one.next_root()
    one.next_root()
    del one.roots[1]
    case("root-gap", "RootGap", one, one.document())
    one = Repository()
    key = CryptoSigner.generate_ed25519().public_key
    one.targets.delegations = Delegations(
        {key.keyid: key}, {"other": DelegatedRole("other", [key.keyid], 1, True, paths=["engine/1"])}
    )
    case("delegations", "Delegated", one, one.document())
    one = Repository()
    ecdsa = CryptoSigner.generate_ecdsa()
    one.root.add_key(ecdsa.public_key, "timestamp")
    one.roots = [one.sign(one.root, "root")]
    # The key is text with line ends. Canonical JSON of python-tuf has them as they are, that of the crate `tuf` escaped:
    # so not even the root's signature fits. What Platen signs has neither line ends nor control characters.
    case("key-of-another-type", "Signatures", one, one.document())
    one = Repository(spec="1.0.31")
    case("spec-1.0.31", "Unreadable", one, one.document())


good()
evil()
