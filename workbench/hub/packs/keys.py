"""Key files of minisign: made, read and written, with a password or without."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from nacl.bindings import crypto_pwhash_scryptsalsa208sha256_ll, nacl_bindings_pick_scrypt_params
from nacl.signing import SigningKey

from workbench.errors import PackSignatureError
from workbench.hub.packs.signing import PublicKey, SecretKey, read_public, shown_id
from workbench.words import said

# libsodium's "sensitive" limits, which minisign writes: a second and 1 GiB for each password tried.
OPSLIMIT = 33_554_432
MEMLIMIT_BYTES = 2**30
_LEAST_OPSLIMIT = 32_768
_MAX_OPSLIMIT = 4 * OPSLIMIT

_MAX_FILE_BYTES = 4096
_ALGORITHM, _CHECKSUM, _SCRYPT, _PLAIN = b"Ed", b"B2", b"Sc", b"\0\0"
_HEAD_BYTES, _LOCKED_BYTES = 54, 104  # of which the salt 32, each limit 8; number 8, seed 32, public 32, checksum 32


def generate() -> SecretKey:
    return SecretKey(secrets.token_bytes(8), secrets.token_bytes(32))


def write_pair(
    secret: SecretKey,
    folder: Path,
    name: str,
    *,
    password: str | None = None,
    opslimit: int = OPSLIMIT,
    memlimit_bytes: int = MEMLIMIT_BYTES,
) -> tuple[Path, Path]:
    """Write ``name``.key, which only its owner may read, and ``name``.pub; with a password it takes a second and
    ``memlimit_bytes``.

    Raises PackSignatureError where one of them exists, or cannot be written.
    """
    secret_path, public_path = folder / f"{name}.key", folder / f"{name}.pub"
    text = _secret_text(secret, password, opslimit, memlimit_bytes)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, mode, content in ((secret_path, 0o600, text), (public_path, 0o644, secret.public.text)):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(content)
    except FileExistsError as error:
        raise PackSignatureError(
            said("{filename} exists already.", filename=error.filename),
            hint=said("A key is never overwritten: choose another name."),
        ) from error
    except OSError as error:
        raise PackSignatureError(
            said("{path} cannot be written ({why}).", path=error.filename or folder, why=error.strerror),
            hint=said("Check the folder's permissions."),
        ) from error
    return secret_path, public_path


def read_public_file(path: Path) -> PublicKey:
    """Raises PackSignatureError for a file that cannot be read or is no public key of minisign."""
    return read_public(_bytes_of(path))


def needs_password(path: Path) -> bool:
    """Whether a secret key file is locked.  Raises PackSignatureError for what is none."""
    return _split(path, _bytes_of(path))[0][2:4] == _SCRYPT


def read_secret(path: Path, *, password: str | None = None) -> SecretKey:
    """A secret key file of minisign; one with a password takes a second and up to 1 GiB.

    Raises PackSignatureError for what is none, is damaged, or opens with another password.
    """
    head, body = _split(path, _bytes_of(path))
    if head[2:4] == _SCRYPT:
        if password is None:
            raise PackSignatureError(
                said("{file} is locked with a password.", file=path.name), hint=said("Give its password.")
            )
        opslimit = int.from_bytes(head[38:46], "little")
        memlimit_bytes = int.from_bytes(head[46:54], "little")
        if not (_LEAST_OPSLIMIT <= opslimit <= _MAX_OPSLIMIT and memlimit_bytes <= MEMLIMIT_BYTES):
            raise PackSignatureError(
                said("Opening {file} would take more than minisign ever asks for.", file=path.name),
                hint=said("Make a new key."),
            )
        body = _locked(body, password, head[6:38], opslimit, memlimit_bytes)
    number, seed, public, checksum = body[:8], body[8:40], body[40:72], body[72:]
    # minisign leaves the checksum of a key without a password empty.
    unchecked = head[2:4] == _PLAIN and checksum == bytes(32)
    if not unchecked and not hmac.compare_digest(checksum, _checksum(number + seed + public)):
        raise PackSignatureError(
            said("{file} does not open.", file=path.name),
            hint=said("The file was changed, or it is damaged.")
            if password is None
            else said("The password is wrong, or it is damaged."),
        )
    if bytes(SigningKey(seed).verify_key) != public:
        raise PackSignatureError(
            said("The two halves of {file} do not belong together.", file=path.name), hint=said("Make a new key.")
        )
    return SecretKey(number, seed)


def _secret_text(secret: SecretKey, password: str | None, opslimit: int, memlimit_bytes: int) -> str:
    body = secret.number + secret.seed + secret.public.key
    body += _checksum(body)
    if password is None:
        head = _ALGORITHM + _PLAIN + _CHECKSUM + bytes(48)
        what = "minisign secret key"
    else:
        salt = secrets.token_bytes(32)
        limits = opslimit.to_bytes(8, "little") + memlimit_bytes.to_bytes(8, "little")
        head = _ALGORITHM + _SCRYPT + _CHECKSUM + salt + limits
        body = _locked(body, password, salt, opslimit, memlimit_bytes)
        what = "minisign encrypted secret key"
    packed = base64.b64encode(head + body).decode()
    return f"untrusted comment: {what} {shown_id(secret.number)}\n{packed}\n"


def _locked(body: bytes, password: str, salt: bytes, opslimit: int, memlimit_bytes: int) -> bytes:
    """Locks what is open, and opens what is locked."""
    log2_n, r, p = nacl_bindings_pick_scrypt_params(opslimit, memlimit_bytes)
    try:
        stream = crypto_pwhash_scryptsalsa208sha256_ll(
            password.encode(), salt, 2**log2_n, r, p, dklen=len(body), maxmem=memlimit_bytes + 2**16
        )
    except MemoryError as error:
        raise PackSignatureError(
            said(
                "There is not enough memory for the key's password: {memlimit_bytes:.0f} MiB are needed.",
                memlimit_bytes=memlimit_bytes / 2**20,
            ),
            hint=said("Close other programs and try again."),
        ) from error
    return bytes(ours ^ theirs for ours, theirs in zip(body, stream, strict=True))


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(_ALGORITHM + body, digest_size=32).digest()


def _split(path: Path, text: bytes) -> tuple[bytes, bytes]:
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    try:
        packed = base64.b64decode(lines[1], validate=True) if len(lines) >= 2 else b""
    except binascii.Error:
        packed = b""
    known = packed[:2] == _ALGORITHM and packed[2:4] in (_SCRYPT, _PLAIN) and packed[4:6] == _CHECKSUM
    if len(packed) != _HEAD_BYTES + _LOCKED_BYTES or not known:
        raise PackSignatureError(
            said("{file} is not a secret key of minisign.", file=path.name),
            hint=said("Choose the file that `minisign -G` wrote."),
        )
    return packed[:_HEAD_BYTES], packed[_HEAD_BYTES:]


def _bytes_of(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PackSignatureError(said("{path} is not a file.", path=path), hint=said("Choose a key file."))
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise PackSignatureError(
            said("{file} cannot be read ({why}).", file=path, why=error.strerror),
            hint=said("Check the path and its permissions."),
        ) from error
