"""Ed25519 keys (RFC 8032): made, read from PEM, used to sign and to verify. cryptography is loaded on first use."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from wfconform.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RAW_BYTES = 32
SIGNATURE_BYTES = 64
PURPOSE = b"wfconform certificate manifest 1\n"  # what a signature of ours can be mistaken for: nothing else
_HINT = "`wfconform keygen --out NAME` writes a pair: NAME signs, NAME.pub verifies"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies; raw: its 32 bytes."""

    raw: bytes

    @classmethod
    def from_pem(cls, content: bytes, *, source: str) -> Self:
        """Read a PEM file; raises UsageError for anything but an Ed25519 public key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if b"PRIVATE KEY" in content:
            raise UsageError(f"{source}: is a private key", hint="give the other file, NAME.pub")
        try:
            key = load_pem_public_key(content)
        except Exception:
            raise UsageError(f"{source}: is no public key in PEM form", hint=_HINT) from None
        if not isinstance(key, Ed25519PublicKey):
            raise UsageError(f"{source}: is no Ed25519 key", hint=_HINT)
        return cls(key.public_bytes_raw())

    @property
    def id(self) -> str:
        """The fingerprint: the SHA-256 of the raw key, 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    def to_pem(self) -> bytes:
        """Return the key as PEM (SubjectPublicKeyInfo)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(self, signature: bytes, content: bytes) -> bool:
        """Tell whether the key's owner signed the content, as a manifest."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, PURPOSE + content)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """A key that signs; it shows itself in no text."""

    __slots__ = ("_key",)

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, content: bytes, *, source: str) -> Self:
        """Read a PEM file; raises UsageError, which repeats none of it, for all but an Ed25519 private key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if b"PUBLIC KEY" in content:
            raise UsageError(f"{source}: is a public key", hint="signing needs the other file, NAME without .pub")
        try:
            key = load_pem_private_key(content, password=None)
        except TypeError:
            raise UsageError(f"{source}: is locked by a password, which is not supported", hint=_HINT) from None
        except Exception:
            raise UsageError(f"{source}: is no private key in PEM form", hint=_HINT) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(f"{source}: is no Ed25519 key", hint=_HINT)
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(self._key.public_key().public_bytes_raw())

    def to_pem(self) -> bytes:
        """Return the key as PEM (PKCS 8, not encrypted)."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, content: bytes) -> bytes:
        """Return the 64 bytes of the signature over a manifest."""
        return self._key.sign(PURPOSE + content)

    def __repr__(self) -> str:
        return "SigningKey(***)"
