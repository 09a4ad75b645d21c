"""Whose an access token is: asked of the hub, once, when somebody wants to know."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import HubError
from workbench.hub.failures import Interrupted, Retry, captive_portal, refusal
from workbench.jobs import CancelToken, Task
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

MAX_BYTES = 1 << 20
MAX_NAME = 80
_WHAT = said("the account of the token")


class TokenRefusedError(HubError):
    """The hub does not know the token, or does not take it any more."""


@dataclass(frozen=True, slots=True)
class Account:
    """``name`` is the account's own; ``role`` what the token may do ("read", "write", "fineGrained"), None where the
    hub does not say."""

    name: str
    role: str | None


def account(connect: Callable[[CancelToken], Connection]) -> Task[None, Account]:
    """Whose the connection's token is.  Raises TokenRefusedError, OfflineError, HubError and Cancelled."""

    def task(cancel: CancelToken) -> Generator[None, None, Account]:
        cancel.raise_if_cancelled()
        yield None
        with connect(cancel) as connection:
            retry = Retry(connection.patience, cancel)
            while True:
                try:
                    return _asked(connection)
                except Interrupted as failure:
                    retry.pause(failure)

    return task


def _asked(connection: Connection) -> Account:
    answer = connection.get(f"{connection.endpoint}/api/whoami-v2", {"accept": "application/json"})
    try:
        if answer.status in (401, 403):
            raise TokenRefusedError(
                said("{host} does not take this token.", host=answer.host),
                hint=said(
                    "It may be mistyped, expired or revoked: make a new one on your account’s page of access tokens."
                ),
            )
        if answer.status != 200:
            problem = refusal(answer.status, answer.headers, what=_WHAT, host=answer.host)
            raise problem
        if "html" in answer.headers.get("content-type", ""):
            raise captive_portal(answer.host, _WHAT)
        body = b""
        for chunk in answer.chunks():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _unreadable(answer.host)
    finally:
        answer.close()
    return _read(body, answer.host)


def _read(body: bytes, host: str) -> Account:
    try:
        said: Any = json.loads(body)
        name = said["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(host) from error
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= MAX_NAME:
        raise _unreadable(host)
    token = said.get("auth", {}).get("accessToken", {}) if isinstance(said.get("auth", {}), dict) else {}
    role = token.get("role") if isinstance(token, dict) else None
    return Account(name, role if isinstance(role, str) and role.isidentifier() else None)


def _unreadable(host: str) -> HubError:
    return HubError(
        said("{host} does not say whose the token is.", host=host), hint=said("Check the address of the model hub.")
    )
