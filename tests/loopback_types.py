"""What the loopback hub publishes, spoils and counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAIN = "main"


@dataclass
class Faults:
    """What goes wrong with a repository; numbers count down, one for each answer that is spoilt.

    ``cut_after_bytes`` ends so many bodies (``cuts``) early; ``changed_etags`` gives every answer another ETag;
    ``busy`` answers 429 and ``unavailable`` 503; ``expired`` is how often the second origin refuses a signed
    address.  ``spoils`` bodies have a byte of the file turned at ``spoilt_at``; ``resets`` makes a cut a reset;
    ``step_s`` goes by before each 64 KiB, which wait for ``gate`` to be set.  ``portal`` is the page that a network
    answers everything with, ``status`` what every request for bytes is.  ``no_etag`` leaves that header out;
    ``token`` opens what is gated.
    ``location`` is where redirects lead instead, ``headers`` replace any of the answer's own.  ``no_blobs`` lists
    files by their names alone, as mirrors do; ``paths_info`` is what questions about single files are answered.
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
    spoils: int = 0
    spoilt_at: int = 0
    resets: bool = False
    step_s: float = 0
    gate: threading.Event | None = None
    portal: bytes | None = None
    status: int | None = None
    no_etag: bool = False
    token: str | None = None
    missing_files: bool = False
    redirect_loop: bool = False
    location: str | None = None
    encoding: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    metadata: bytes | None = None
    metadata_slow_s: float = 0
    no_blobs: bool = False
    paths_info: bytes | None = None


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
    card: Mapping[str, Any] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Stored]] = field(default_factory=dict)
