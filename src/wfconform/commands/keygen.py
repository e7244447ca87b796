"""`wfconform keygen`: a pair of keys, one that signs certificates and one that verifies them."""

import os
from pathlib import Path

from wfconform.certificate.keys import SigningKey
from wfconform.commands.terminal import stdout_console
from wfconform.errors import UsageError

OWNER_ONLY = 0o600
ANYBODY_READS = 0o644


def keygen(out: Path) -> int:
    """Write `out` (the private key, readable by its owner alone) and `out`.pub; neither may exist. Returns 0."""
    public_path = out.with_name(f"{out.name}.pub")
    for path in (out, public_path):
        if path.exists() or path.is_symlink():
            raise UsageError(
                f"--out: {path} exists already", hint="choose another name; a lost key cannot be made again"
            )
    key = SigningKey.generate()
    _write_new(out, key.to_pem(), OWNER_ONLY)
    _write_new(public_path, key.public.to_pem(), ANYBODY_READS)
    console = stdout_console()
    console.print(f"{out}: signs certificates; keep it secret (certify --key {out})", soft_wrap=True)
    console.print(f"{public_path}: verifies them; publish it (verify BUNDLE --key {public_path})", soft_wrap=True)
    console.print(f"fingerprint: {key.public.id}", soft_wrap=True)
    return 0


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as opened:  # noqa: PTH123 - a descriptor, not a path
            opened.write(content)
    except OSError as error:
        raise UsageError(f"--out: cannot write {path}: {error.strerror}", hint="choose another place") from None
