"""Access tokens for gated models: kept in the system's own store, and never shown, logged or written elsewhere."""

from __future__ import annotations

import enum
import logging
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.errors import HubError
from workbench.words import said

log = logging.getLogger(__name__)

SERVICE = "workbench model hub"
# As the hub's own tools read them.
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
OFFICIAL = "https://huggingface.co"

_LONGEST = 4096
_INSTEAD = said(
    "Set the environment variable {variables} instead; nothing is written to a file.", variables=VARIABLES[0]
)
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?(?:/[^?#\s]*)?",
    re.ASCII | re.IGNORECASE,
)


class TokenError(HubError):
    """A token cannot be used or kept."""


class TokenSource(enum.Enum):
    NONE = "none"
    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    HF_FILE = "hf file"  # where the hub's own command line keeps the one it was given


@dataclass(frozen=True, slots=True)
class TokenState:
    """Whether there is a token for a hub, and what is in the way of keeping one; never the token itself."""

    origin: str
    source: TokenSource
    problem: str | None = None


class Keyring(Protocol):
    """What the keyring library offers; raises ``keyring.errors.KeyringError``."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...

    def delete_password(self, service_name: str, username: str) -> None: ...


class Tokens:
    """One token for each hub, told apart by their origins.  Any thread.

    The environment's token, then the system's store, then the file of the hub's own command line, which is only read.
    The first and the last count for the hub that the environment's ``HF_ENDPOINT`` names, else for Hugging Face
    itself, and for no other: whoever sets a mirror in the settings does not hand a token to it by that.
    """

    def __init__(self, *, environment: Mapping[str, str] | None = None, keyring: Keyring | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._keyring = keyring
        self._lock = threading.Lock()  # guards _told
        self._told: dict[str, tuple[str | None, TokenState]] = {}

    def token(self, endpoint: str) -> str | None:
        """What to give to ``Connection``; None where there is none, or the system's store does not open.

        The store is asked once, until ``ask_again``: a locked one asks the user for a password, and every connection
        asks here.
        """
        with self._lock:
            if endpoint not in self._told:
                self._told[endpoint] = self._found(endpoint)
            return self._told[endpoint][0]

    def state(self, endpoint: str) -> TokenState:
        """As it is now; what ``token`` gives from here on."""
        with self._lock:
            self._told[endpoint] = self._found(endpoint)
            return self._told[endpoint][1]

    def ask_again(self, endpoint: str) -> None:
        """Another process may have kept or forgotten one since; the next ``token`` asks.  A store that did not open is
        left alone, for ``state``: the user refused it, or would be asked for its password over and over."""
        with self._lock:
            told = self._told.get(endpoint)
            if told is not None and told[1].problem is None:
                del self._told[endpoint]

    def keep(self, endpoint: str, token: str) -> None:
        """Raises TokenError for what is no token, and where the system has no store for it."""
        from keyring.errors import KeyringError

        checked = _checked(token)
        if checked is None:
            raise TokenError(
                said("This is no access token: it is empty, too long, or has characters that no token has."),
                hint=said("Copy it again from the access tokens page of your account; it begins with “hf_”."),
            )
        origin = origin_of(endpoint)
        try:
            self._ring().set_password(SERVICE, origin, checked)
            # A store may be switched off, and takes everything without a word.
            if self._ring().get_password(SERVICE, origin) != checked:
                raise TokenError(
                    said("The token could not be kept: this system's password store is off."), hint=_INSTEAD
                )
        except KeyringError as error:
            raise TokenError(
                said("The token could not be kept: {error}.", error=_reason(error)), hint=_INSTEAD
            ) from error
        finally:
            self._forget_answers()

    def forget(self, endpoint: str) -> bool:
        """False where there was none.  Raises TokenError where the system's store does not open."""
        from keyring.errors import KeyringError, NoKeyringError, PasswordDeleteError

        try:
            self._ring().delete_password(SERVICE, origin_of(endpoint))
            self._forget_answers()
        except (NoKeyringError, PasswordDeleteError):
            return False
        except KeyringError as error:
            raise TokenError(
                said("The token could not be removed: {error}.", error=_reason(error)),
                hint=said("Unlock the system's password store."),
            ) from error
        return True

    def _forget_answers(self) -> None:
        with self._lock:
            self._told.clear()

    def _found(self, endpoint: str) -> tuple[str | None, TokenState]:
        from keyring.errors import KeyringError

        origin = origin_of(endpoint)
        is_environments = origin == origin_of(self._environment.get("HF_ENDPOINT") or OFFICIAL)
        if is_environments:
            for name in VARIABLES:
                if self._environment.get(name, "").strip():
                    token = _checked(self._environment[name])
                    problem = None if token else said("{name} holds something that is no token.", name=name)
                    source = TokenSource.ENVIRONMENT if token else TokenSource.NONE
                    return token, TokenState(origin, source, problem)
        problem = None
        try:
            token = _checked(self._ring().get_password(SERVICE, origin) or "")
        except KeyringError as error:
            log.info("no token of the system's store for %s: %s", origin, _reason(error))
            token, problem = None, f"{_reason(error).capitalize()}."
        if token is not None:
            return token, TokenState(origin, TokenSource.KEYRING)
        token = self._in_file() if is_environments else None
        return token, TokenState(origin, TokenSource.HF_FILE if token else TokenSource.NONE, problem)

    def _in_file(self) -> str | None:
        path = token_file(self._environment)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                return _checked(file.read(_LONGEST + 2).decode("ascii", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error.strerror)
            return None

    def _ring(self) -> Keyring:
        if self._keyring is None:
            # Imported late: on some systems it asks around for a moment.
            import keyring

            self._keyring = keyring.get_keyring()
        return self._keyring


def token_file(environment: Mapping[str, str]) -> Path | None:
    """Where the hub's own command line keeps its token; None for an account without a home.

    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    """
    if named := environment.get("HF_TOKEN_PATH"):
        return Path(named)
    if home := environment.get("HF_HOME"):
        return Path(home) / "token"
    own = environment.get("HOME") or environment.get("USERPROFILE")
    cache = environment.get("XDG_CACHE_HOME") or (f"{own}/.cache" if own else None)
    return Path(cache) / "huggingface" / "token" if cache else None


def origin_of(endpoint: str) -> str:
    """Scheme, host and port: what a token belongs to.  Raises TokenError for what has none."""
    found = _ADDRESS.fullmatch(endpoint.strip())
    if found is None:
        raise TokenError(
            said("{endpoint!a} is no address of a model hub.", endpoint=endpoint[:200]),
            hint=said("It begins with https:// or http://."),
        )
    scheme, host, port = found["scheme"].lower(), found["host"].lower(), found["port"]
    usual = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _checked(token: str) -> str | None:
    """A token as it may stand in a header; None for what is none."""
    token = token.strip()
    is_one = token.isascii() and token.isprintable() and " " not in token and 0 < len(token) <= _LONGEST
    return token if is_one else None


def _reason(error: Exception) -> str:
    from keyring.errors import NoKeyringError

    # The library's own words for it are three lines about packages to install.
    if isinstance(error, NoKeyringError):
        return said("this system has no password store")
    return said("the system's password store does not open ({name})", name=type(error).__name__)
