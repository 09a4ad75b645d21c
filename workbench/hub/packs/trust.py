"""The public keys whose owners' packs the user accepts: one text file, in minisign's own lines."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from workbench.errors import PackSignatureError
from workbench.hub.packs.names import plain_name
from workbench.hub.packs.signing import PublicKey, read_public
from workbench.words import said


class TrustedKeys:
    """Two lines a key, label and key, as in a public key file; written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[PublicKey, ...]:
        """In the order they were accepted.  Raises PackSignatureError for a file that cannot be understood."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise PackSignatureError(
                said("{file} cannot be read ({why}).", file=self._path, why=error.strerror),
                hint=said("Check its permissions."),
            ) from error
        try:
            return tuple(read_public(b"\n".join(lines[at : at + 2])) for at in range(0, len(lines), 2))
        except PackSignatureError as error:
            raise PackSignatureError(
                said("{path}, the list of accepted keys, is damaged.", path=self._path),
                hint=said("Move it away and accept the keys again."),
            ) from error

    def accept(self, key: PublicKey, *, label: str = "") -> None:
        """Accept a key from now on, once; its number alone proves nothing, so the whole key is kept.

        Raises PackSignatureError where the file cannot be read or written.
        """
        others = [known for known in self.all() if (known.number, known.key) != (key.number, key.key)]
        self._write([*others, PublicKey(key.number, key.key, plain_name(label or key.label))])

    def withdraw(self, key_id: str) -> bool:
        """Accept keys of this number no longer; False where none was.  Raises PackSignatureError as ``accept``."""
        known = self.all()
        left = [key for key in known if key.key_id != key_id]
        if len(left) != len(known):
            self._write(left)
        return len(left) != len(known)

    def _write(self, keys: list[PublicKey]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, suffix=".part")
            part = Path(name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                    file.writelines(key.text for key in keys)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self._path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise PackSignatureError(
                said("{path} cannot be written ({why}).", path=self._path, why=error.strerror),
                hint=said("Check the folder's permissions."),
            ) from error
