"""Every fault of a hub, a network and a disk, at the first attempt and when a download is resumed: what comes of it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub.downloading import FILE, HASTY, MANNERS, PIECE, REPOSITORY, Bench, bench_in, sha256_of
from workbench.errors import WorkbenchError
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Downloads
from workbench.hub.wanted import Wanted
from workbench.jobs import run

ARRIVES = "arrives"
BEGUN_PIECES = 5
PAGE = b"<!DOCTYPE html><html><title>Sign in to the network</title></html>"
PATIENCE = replace(HASTY, read_s=0.3, slow_s=0.3, first_wait_s=0.001, longest_wait_s=0.01)

Attempt = Literal["first", "resume"]
ATTEMPTS: tuple[Attempt, ...] = ("first", "resume")
Elsewhere = Literal[
    "", "no hub", "offline", "full disk", "disk fills up", "gated", "wrong token", "replaced", "expires"
]


@dataclass(frozen=True, eq=False)
class Case:
    """``ends`` is ARRIVES, or the code of the error; ``restarts`` says that the bytes of before are of no use.

    ``tries`` in a row may bring nothing.
    """

    name: str
    ends: str
    faults: Faults = field(default_factory=Faults)
    elsewhere: Elsewhere = ""
    restarts: bool = False
    tries: int = 3


CASES = (
    Case("401, and the repository is not gated", "model_not_found", Faults(status=401)),
    Case("403 of a gated repository", "gated_model", elsewhere="gated"),
    Case("gated, and the token is of somebody else", "gated_model", Faults(token="hf_right"), elsewhere="wrong token"),
    Case("403, and the repository is not gated", "access_refused", Faults(status=403)),
    Case("404", "model_not_found", Faults(missing_files=True)),
    Case("416", "file_changed", Faults(status=416)),
    Case("429 once, Retry-After: 1 s", ARRIVES, Faults(busy=1, retry_after="1")),
    Case("429 for ever", "too_many_requests", Faults(busy=999)),
    Case("429, Retry-After: a day", "too_many_requests", Faults(busy=999, retry_after="86400")),
    Case("503 twice", ARRIVES, Faults(unavailable=2)),
    Case("503 for ever", "hub_down", Faults(unavailable=999)),
    Case("500", "hub_down", Faults(status=500)),
    Case("bodies cut six times", ARRIVES, Faults(cuts=6, cut_after_bytes=30_000), tries=9),
    Case("connections reset six times", ARRIVES, Faults(cuts=6, cut_after_bytes=30_000, resets=True), tries=9),
    Case("every body cut at its start", "cut_off", Faults(cuts=999)),
    Case("one answer stands still", ARRIVES, Faults(stalls=1)),
    Case("every answer stands still", "stalled", Faults(stalls=999)),
    Case("answers trickle", "stalled", Faults(slow_s=0.02)),
    Case("the ETag changes once", ARRIVES, Faults(headers={"ETag": '"another"'}), restarts=True),
    Case("the ETag changes with every answer", "file_changed", Faults(changed_etags=9999), restarts=True),
    Case("no ETag", ARRIVES, Faults(no_etag=True)),
    Case("another commit's file", "file_changed", Faults(headers={"X-Repo-Commit": "b" * 40})),
    Case("the branch moved on meanwhile", ARRIVES, elsewhere="replaced"),
    Case("one wrong byte, once", ARRIVES, Faults(spoils=1, spoilt_at=15 * PIECE + 7)),
    Case("one wrong byte, always", "checksum", Faults(spoils=9999, spoilt_at=15 * PIECE), restarts=True),
    Case("a captive portal's page", "captive_portal", Faults(portal=PAGE)),
    Case("511", "captive_portal", Faults(status=511)),
    Case("ranges are ignored", ARRIVES, Faults(ignores_range=True)),
    Case("ranges are ignored, no length", ARRIVES, Faults(ignores_range=True, no_length=True)),
    Case("another range than asked for", "hub", Faults(wrong_start=True)),
    Case("another size than promised", "file_changed", Faults(wrong_total=True)),
    Case("a signed address expires meanwhile", ARRIVES, Faults(step_s=0.01), elsewhere="expires"),
    Case("redirects in a circle", "hub", Faults(redirect_loop=True)),
    Case("a redirect to a file of this machine", "hub", Faults(location="file:///etc/passwd")),
    Case("a compressed body", "hub", Faults(encoding="gzip")),
    Case("no hub at that address", "unreachable", elsewhere="no hub"),
    Case("offline mode", "offline", elsewhere="offline"),
    Case("the disk is full", "disk_full", elsewhere="full disk"),
    Case("the disk fills up meanwhile", "disk_full", Faults(step_s=0.002), elsewhere="disk fills up"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``kept_pieces`` of those that lay there before, once the attempt was over; ``seen_wrong`` counts files under
    their final name whose SHA-256 was wrong, at any moment; ``recovered`` says whether the download arrived whole
    when the fault was gone."""

    ended: str
    message: str
    hint: str | None
    kept_pieces: int
    seen_wrong: int
    left: tuple[str, ...]
    requests: int
    recovered: bool


def outcome(case: Case, attempt: Attempt) -> Outcome:
    with tempfile.TemporaryDirectory() as name, bench_in(Path(name)) as bench:
        return _Cell(case, bench).outcome(resumed=attempt == "resume")


def plain(message: str) -> str:
    """A message without what differs from run to run."""
    message = re.sub(r"(127\.0\.0\.1):\d+", r"\1", message)
    return re.sub(r"[0-9a-f]{64}", lambda found: found[0][:6] + "…", message)


class _Cell:
    def __init__(self, case: Case, bench: Bench) -> None:
        self._case = case
        self._bench = bench
        self._seen_wrong = 0
        self._spoils = False

    def outcome(self, *, resumed: bool) -> Outcome:
        bench, case = self._bench, self._case
        wanted = bench.publish()
        if resumed:
            bench.begin(wanted, pieces=BEGUN_PIECES)
        bench.hub.forget()
        downloads = self._spoil(wanted)
        self._spoils = True
        ended, message, hint = self._fetch(downloads, wanted)
        self._spoils = False
        requests = len(bench.hub.requests())
        # Of a finished download nothing lies there to be kept.
        kept = 0 if ended == ARRIVES else bench.downloads().listing()[0].done_bytes // PIECE
        left = tuple(name for name in bench.lying_there if not name.endswith(".lock"))
        bench.free_bytes = 1 << 50
        if case.elsewhere in ("gated", "wrong token"):
            bench.publish(gated=False)
        bench.hub.break_(REPOSITORY, Faults())
        recovered = self._fetch(bench.downloads(), wanted)[0] == ARRIVES
        recovered &= bench.final().read_bytes() == bench.contents[FILE] if bench.final().exists() else False
        return Outcome(ended, message, hint, kept, self._seen_wrong, left, requests, recovered)

    def _spoil(self, wanted: Wanted) -> Downloads:
        bench, case = self._bench, self._case
        # Countdowns are counted in the value itself: each attempt has its own.
        bench.hub.break_(REPOSITORY, replace(case.faults))
        if case.elsewhere in ("gated", "wrong token"):
            bench.publish(gated="manual")
        if case.elsewhere == "replaced":
            content = dict(bench.contents)
            bench.publish(seed=9)
            bench.contents = content
        if case.elsewhere == "full disk":
            bench.free_bytes = 0
        if case.elsewhere == "no hub":
            with LoopbackHub() as gone:
                address = gone.endpoint
            return bench.downloads(patience=PATIENCE, endpoint=address)
        token = "hf_wrong" if case.elsewhere == "wrong token" else None
        return bench.downloads(
            patience=PATIENCE,
            offline=case.elsewhere == "offline",
            token=lambda: token,
            manners=replace(MANNERS, tries=case.tries),
        )

    def _fetch(self, downloads: Downloads, wanted: Wanted) -> tuple[str, str, str | None]:
        try:
            run(downloads.fetch(downloads.add(wanted).id), on_event=self._look)
        except WorkbenchError as error:
            self._look_at_files()
            return error.code, error.message, error.hint
        self._look_at_files()
        return ARRIVES, "", None

    def _look(self, state: DownloadState) -> None:
        self._look_at_files()
        # By then every connection has its address: a new one that is refused at once is a refusal.
        if not self._spoils or state.done_bytes < (BEGUN_PIECES + 7) * PIECE:
            return
        if self._case.elsewhere == "disk fills up":
            self._bench.free_bytes = 0
        if self._case.elsewhere == "expires":
            self._spoils = False
            self._bench.hub.break_(REPOSITORY, Faults(expired=1))

    def _look_at_files(self) -> None:
        right = sha256_of(self._bench.contents[FILE])
        for name in self._bench.visible:
            self._seen_wrong += sha256_of(self._bench.final(name).read_bytes()) != right
