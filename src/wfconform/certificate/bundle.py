"""A bundle: files by path, a manifest over them, a signature over that; as a directory or a canonical archive."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from wfconform.certificate.canonical import digest, encode
from wfconform.certificate.keys import SigningKey

CERTIFICATE: Final = "certificate.json"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature.json"
BESIDE_THE_MANIFEST = frozenset({MANIFEST, SIGNATURE})

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


def sealed(files: Mapping[str, bytes], key: SigningKey | None) -> dict[str, bytes]:
    """Return the files with their manifest, and its signature when there is a key."""
    rows = [{"path": path, "size": len(files[path]), "sha256": digest(files[path])} for path in sorted(files)]
    manifest = encode({"schema_version": "1", "files": rows})
    whole = {**files, MANIFEST: manifest}
    if key is not None:
        made = {"public_key": key.public.raw.hex(), "signature": key.sign(manifest).hex()}
        whole[SIGNATURE] = encode({"algorithm": "Ed25519", **made})
    return whole


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return the canonical archive of some files: the same bytes everywhere.

    Sorted by path, stored without compression (its output differs between versions of zlib), one time stamp for all.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _REGULAR_FILE
            archive.writestr(info, files[path])
    return content.getvalue()
