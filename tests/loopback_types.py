"""What the loopback hub publishes, spoils and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAIN = "main"


@dataclass
class Faults:
    """What goes wrong with a repository; numbers count down, one for each answer that is spoilt.

    ``cut_after_bytes`` ends so many bodies (``cuts``) early; ``changed_etags`` gives every answer another ETag;
    ``busy`` answers 429 and ``unavailable`` 503; ``expired`` is how often the second origin refuses a signed
    address.  ``location`` is where redirects lead instead, ``headers`` replace any of the answer's own.
    """

    ignores_range: bool = False
    no_length: bool = False
    changed_etags: int = 0
    cuts: int = 0
    cut_after_bytes: int = 0
    wrong_start: bool = False
    wrong_total: bool = False
    endless: bool = False
    stalls: int = 0
    slow_s: float = 0
    busy: int = 0
    retry_after: str | None = "0"
    unavailable: int = 0
    expired: int = 0
    missing_files: bool = False
    redirect_loop: bool = False
    location: str | None = None
    encoding: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    metadata: bytes | None = None
    metadata_slow_s: float = 0


@dataclass
class Served:
    """A request and what it cost; ``origin`` is "hub" or "cdn", ``file`` the path in the repository if any.

    It is there before its answer leaves, and counts bytes before they do: whoever has them finds them counted.
    """

    method: str
    origin: str
    target: str
    repository: str
    file: str | None
    status: int
    range: str | None
    headers: Mapping[str, str]
    client: tuple[str, int]
    sent_bytes: int = 0


@dataclass
class Stored:
    path: Path
    size_bytes: int
    sha256: str


@dataclass
class Published:
    name: str
    faults: Faults
    gated: str | bool
    private: bool
    redirects: bool
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Stored]] = field(default_factory=dict)
