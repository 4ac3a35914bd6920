"""Has python-tuf's client take what Platen signed: root files in order, then timestamp, snapshot and targets.

    verify.py FOLDER    with root.1.json, root.2.json, ..., timestamp.json, snapshot.json, targets.json

Prints the paths of the programs. python-tuf takes the time of this machine, so nothing may have expired.
"""

import sys
from pathlib import Path

from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

folder = Path(sys.argv[1])
roots = sorted(folder.glob("root.*.json"), key=lambda path: int(path.name.split(".")[1]))
trusted = TrustedMetadataSet(roots[0].read_bytes(), EnvelopeType.METADATA)
for root in roots[1:]:
    trusted.update_root(root.read_bytes())
trusted.update_timestamp((folder / "timestamp.json").read_bytes())
trusted.update_snapshot((folder / "snapshot.json").read_bytes())
targets = trusted.update_targets((folder / "targets.json").read_bytes())
for path, target in sorted(targets.targets.items()):
    print(path, target.length, target.hashes["sha256"], target.custom["platen"]["kind"])
