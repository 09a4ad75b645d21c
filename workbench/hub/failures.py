"""What a hub's refusals mean to the user, and how long a failure that may pass is waited out."""

from __future__ import annotations

import datetime
import email.utils
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import Cancelled, GatedModelError, HubError, ModelNotFoundError
from workbench.jobs import CancelToken
from workbench.words import said

REFUSED = frozenset({401, 403})
GONE = frozenset({404, 410, 451})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_LIMIT = re.compile(r"r\s*=\s*0+\s*;\s*t\s*=\s*(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for, and how often asked again; seconds where not said otherwise.

    A body that brings less than ``slow_bytes`` in ``slow_s`` counts as one that stands still.
    ``metadata_s`` bounds the whole of an answer that is read at once.
    """

    connect_s: float = 10
    read_s: float = 20
    slow_s: float = 30
    slow_bytes: int = 32 << 10
    metadata_s: float = 60
    tries: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 60


class UnreachableError(HubError):
    """Nobody answered, or the connection was lost."""


class StalledError(HubError):
    """An answer came, or began to, and then hardly anything more."""


class CutOffError(HubError):
    """A body ended before its end."""


class TooManyRequestsError(HubError):
    """The hub asks to be asked less often."""


class HubDownError(HubError):
    """The hub says of itself that it is out of order."""


class AccessRefusedError(HubError):
    """The hub knows the file and does not give it."""


class CaptivePortalError(HubError):
    """A page of the network answered in place of the hub."""


class Interrupted(Exception):  # noqa: N818 - never reaches a user: ``error`` does
    """A request that failed in a way that may pass; ``error`` is what to say when it does not."""

    def __init__(self, error: HubError, *, wait_s: float = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


class Retry:
    """Waits between the attempts at one thing, longer each time, and gives up in the end."""

    def __init__(self, patience: Patience, cancel: CancelToken) -> None:
        self._patience = patience
        self._cancel = cancel
        self._failures = 0

    def progressed(self) -> None:
        """What comes next counts as a first attempt."""
        self._failures = 0

    def pause(self, failure: Interrupted) -> None:
        """Wait before the next attempt.  Raises the failure's error when there is none, and Cancelled."""
        self._cancel.raise_if_cancelled()  # cancelling breaks off whatever is being waited for
        self._failures += 1
        if self._failures >= self._patience.tries or failure.wait_s > self._patience.longest_wait_s:
            raise failure.error from failure
        # A little apart from everybody else who met the same failure at the same time.
        backoff_s = self._patience.first_wait_s * 2 ** (self._failures - 1) * random.uniform(1, 1.25)  # noqa: S311
        if self._cancel.wait(max(failure.wait_s, min(backoff_s, self._patience.longest_wait_s))):
            raise Cancelled


def refusal(status: int, headers: Mapping[str, str], *, what: str, host: str) -> HubError | Interrupted:
    """What an answer that brings nothing means: an error, or an interruption worth another attempt.

    ``what`` is what was asked for, in the user's words; ``host`` who answered.
    """
    code = headers.get("x-error-code", "")
    if status == 429:
        return _too_many_requests(host, requested_wait_s(headers))
    if status in PASSING:
        return Interrupted(
            HubDownError(
                said("{host} is out of order at the moment (status {status}).", host=host, status=status),
                hint=said("Try again in a few minutes."),
            ),
            wait_s=requested_wait_s(headers),
        )
    if code == "GatedRepo":
        return gated(what)
    if code == "RevisionNotFound":
        return ModelNotFoundError(
            said("{what}: {host} knows no such revision.", what=what, host=host),
            hint=said("Check the branch, tag or commit."),
        )
    if status in GONE and code != "RepoNotFound":
        return ModelNotFoundError(
            said("{host} has no {what}.", host=host, what=what),
            hint=said("It may have been renamed or removed: look the repository up again."),
        )
    if status == 401 or code == "RepoNotFound":
        return ModelNotFoundError(
            said("{host} has no {what}, or does not show it to everybody.", host=host, what=what),
            hint=said("Check the spelling: owner/name. A private repository cannot be read without an account."),
        )
    if status in REFUSED:
        return AccessRefusedError(
            said("{host} does not give {what} to this program (status {status}).", host=host, what=what, status=status),
            hint=said("Try another mirror."),
        )
    if status == 511:
        return captive_portal(host, what)
    return HubError(
        said("{host} answered the request for {what} with status {status}.", host=host, what=what, status=status),
        hint=said("Check the address of the model hub."),
    )


def _too_many_requests(host: str, wait_s: float) -> Interrupted:
    why = said("{host} has had too many requests from here.", host=host)
    if wait_s:
        n = math.ceil(wait_s)
        why = said("{host} has had too many requests from here; it asks to wait {n} s.", host=host, n=n)
    return Interrupted(TooManyRequestsError(why, hint=said("Try again then.")), wait_s=wait_s)


def gated(what: str) -> GatedModelError:
    """Where the page is known, ``accepted_at`` says it."""
    return GatedModelError(
        said(
            "The publisher of {what} gives it only to accounts that accepted its terms; until then not even a "
            "file's header can be read.",
            what=what,
        ),
        hint=said("Accept the terms on the model's page, or look for the same model from another publisher."),
    )


def accepted_at(error: GatedModelError, page: str) -> GatedModelError:
    """The same, with the page at which its terms are accepted, and what to do then."""
    return GatedModelError(
        error.message,
        hint=said(
            "Accept the terms on {page}, then give this program an access token of that account (`workbench "
            "models token set`, or the environment variable HF_TOKEN), and try again.",
            page=page,
        ),
    )


def captive_portal(host: str, what: str) -> CaptivePortalError:
    return CaptivePortalError(
        said(
            "In place of {what}, a web page came from {host}: this network probably wants you to sign in first.",
            what=what,
            host=host,
        ),
        hint=said("Open any page in a browser, sign in to the network there, then try again."),
    )


def requested_wait_s(headers: Mapping[str, str]) -> float:
    """What Retry-After (seconds or a date) or the hub's own RateLimit asks for; 0 where neither does."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return float(asked)
    if asked:
        try:
            then = email.utils.parsedate_to_datetime(asked)
        except ValueError:
            return 0.0
        if then.tzinfo is None:
            then = then.replace(tzinfo=datetime.UTC)
        return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
    limit = _LIMIT.search(headers.get("ratelimit", ""))
    return float(limit[1]) if limit else 0.0
