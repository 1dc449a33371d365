"""Verifies Sigstore bundles with sigstore-python: ROOT IDENTITY ISSUER, then pairs of BUNDLE and ARTEFACT (or "-" for
a DSSE envelope). Prints one line for each: "ok", and the payload's type and digest, or "refused"."""

import hashlib
import sys
from pathlib import Path

from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

root, identity, issuer, *pairs = sys.argv[1:]
verifier = Verifier(trusted_root=TrustedRoot.from_file(root))
wanted = policy.Identity(identity=identity, issuer=issuer)
for bundle, artefact in zip(pairs[::2], pairs[1::2]):
    try:
        read = Bundle.from_json(Path(bundle).read_text())
        if artefact == "-":
            kind, payload = verifier.verify_dsse(read, wanted)
            print("ok", kind, hashlib.sha256(payload).hexdigest())
        else:
            verifier.verify_artifact(Path(artefact).read_bytes(), read, wanted)
            print("ok")
    except Error as error:
        print("refused", type(error).__name__, str(error).replace("\n", " "))
