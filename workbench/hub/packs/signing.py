"""Signatures as minisign makes and checks them: Ed25519 over BLAKE2b-512, with a signed comment.

https://jedisct1.github.io/minisign/ describes the format; only its prehashed form is written and read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import PackSignatureError
from workbench.models.cursor import quoted
from workbench.words import said

MAX_SIGNATURE_BYTES = 8192
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_PREHASHED, _LEGACY, _PUBLIC = b"ED", b"Ed", b"Ed"
_KEY_ID_BYTES, _SIGNATURE_BYTES, _PUBLIC_BYTES = 8, 64, 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who may sign; ``key_id`` is what minisign shows, ``label`` what the user calls its owner."""

    number: bytes
    key: bytes
    label: str = ""

    @property
    def key_id(self) -> str:
        return shown_id(self.number)

    @property
    def line(self) -> str:
        """What ``minisign -P`` takes, and the second line of a public key file."""
        return base64.b64encode(_PUBLIC + self.number + self.key).decode()

    @property
    def text(self) -> str:
        """A public key file."""
        return f"{_UNTRUSTED}{self.label or f'minisign public key {self.key_id}'}\n{self.line}\n"


@dataclass(frozen=True, slots=True)
class SecretKey:
    number: bytes
    seed: bytes

    @property
    def public(self) -> PublicKey:
        from nacl.signing import SigningKey  # a library that most starts of the program never need

        return PublicKey(self.number, bytes(SigningKey(self.seed).verify_key))

    def __repr__(self) -> str:
        return f"SecretKey({shown_id(self.number)})"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was read, not yet checked; ``comment`` is trusted only once it was."""

    number: bytes
    signature: bytes
    comment: str
    global_signature: bytes

    @property
    def key_id(self) -> str:
        return shown_id(self.number)


def sign(data: bytes, secret: SecretKey, *, comment: str) -> str:
    """A .minisig file for ``data``; the comment is one line, and signed too."""
    if "\n" in comment or "\r" in comment:
        raise ValueError("a trusted comment is one line")
    from nacl.signing import SigningKey

    key = SigningKey(secret.seed)
    signature = key.sign(_prehashed(data)).signature
    global_signature = key.sign(signature + comment.encode()).signature
    lines = (
        f"{_UNTRUSTED}signature from the Inference Workbench, key {shown_id(secret.number)}",
        base64.b64encode(_PREHASHED + secret.number + signature).decode(),
        f"{_TRUSTED}{comment}",
        base64.b64encode(global_signature).decode(),
    )
    return "".join(f"{line}\n" for line in lines)


def read_signature(text: bytes) -> Signature:
    """Raises PackSignatureError for what is not a prehashed minisign signature, and nothing besides."""
    lines = _lines(text, 4)
    if not lines or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
        raise _unreadable()
    packed, global_signature = _decoded(lines[1]), _decoded(lines[3])
    if (
        packed is None
        or len(packed) != 2 + _KEY_ID_BYTES + _SIGNATURE_BYTES
        or global_signature is None
        or len(global_signature) != _SIGNATURE_BYTES
    ):
        raise _unreadable()
    if packed[:2] == _LEGACY:
        raise PackSignatureError(
            said("The pack is signed in minisign's old way, without hashing first."),
            hint=said("Its sender can sign again, with minisign 0.10 or later and without -l."),
        )
    if packed[:2] != _PREHASHED:
        raise _unreadable()
    comment = lines[2].removeprefix(_TRUSTED)
    return Signature(packed[2:10], packed[10:], comment, global_signature)


def check(data: bytes, signature: Signature, trusted: Sequence[PublicKey]) -> PublicKey:
    """The key of ``trusted`` that signed the data.

    Raises PackSignatureError where none of them has the signature's number, and, in other words, where one has
    but did not sign these bytes or this comment.
    """
    candidates = [key for key in trusted if key.number == signature.number]
    if not candidates:
        raise PackSignatureError(
            said("The pack is signed with the key {key_id}, which nobody here has accepted.", key_id=signature.key_id),
            hint=said(
                "Get the sender's public key file on another way than the pack, compare its number, and accept it."
            ),
        )
    for key in candidates:
        # A number is chosen freely: two keys may have the same.
        if _signed(key.key, _prehashed(data), signature.signature):
            if not _signed(key.key, signature.signature + signature.comment.encode(), signature.global_signature):
                raise PackSignatureError(
                    said("The comment of the pack's signature was changed after signing."), hint=_ASK_AGAIN
                )
            return key
    raise PackSignatureError(
        said(
            "The signature of the pack is wrong: the key {key_id} did not sign this pack.json.", key_id=signature.key_id
        ),
        hint=_ASK_AGAIN,
    )


def read_public(text: bytes) -> PublicKey:
    """A public key file of minisign, or its second line alone.  Raises PackSignatureError for anything else."""
    lines = _lines(text, 2) or ["", *_lines(text, 1)]
    packed = _decoded(lines[-1]) if len(lines) == 2 else None
    comment = lines[0]
    if (
        packed is None
        or len(packed) != 2 + _KEY_ID_BYTES + _PUBLIC_BYTES
        or packed[:2] != _PUBLIC
        or (comment and not comment.startswith(_UNTRUSTED))
    ):
        raise PackSignatureError(
            said("This is not a public key of minisign."),
            hint=said("A public key file has two lines; the first begins with “untrusted comment:”."),
        )
    return PublicKey(packed[2:10], packed[10:], comment.removeprefix(_UNTRUSTED))


def shown_id(number: bytes) -> str:
    """A key's number as minisign prints it."""
    return f"{int.from_bytes(number, 'little'):016X}"


_ASK_AGAIN = said("Nothing was installed. The pack was changed after signing: ask its sender for a new one.")


def _prehashed(data: bytes) -> bytes:
    return hashlib.blake2b(data).digest()


def _signed(key: bytes, message: bytes, signature: bytes) -> bool:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _lines(text: bytes, count: int) -> list[str]:
    """The lines where there are as many as that, all of them printable; else none."""
    if len(text) > MAX_SIGNATURE_BYTES:
        return []
    try:
        lines = text.decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        return []
    plain = all(letter.isprintable() or letter == "\t" for line in lines for letter in line)
    return lines if len(lines) == count and plain else []


def _decoded(line: str) -> bytes | None:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return None


def _unreadable() -> PackSignatureError:
    return PackSignatureError(
        said("{quoted} is not a signature of minisign.", quoted=quoted("pack.json.minisig")), hint=_ASK_AGAIN
    )
