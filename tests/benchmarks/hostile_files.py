"""Hostile and damaged files, one after the other, as the program meets them: what it says, and that it lives.

python -m tests.benchmarks.hostile_files [--flips 300] [--seed 1] [--all]

Each file is described here and, if that did not refuse it, vetted in a child process; what is accepted there is
opened and asked, in another process, so that what vetting overlooks is seen too.  The flips are a tiny model's
file with one to four random bytes changed, most of them in its header.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.engine.hostile import hostile_files
from tests.engine.tiny_gguf import Tiny, flipped
from workbench.engine.base import LoadRequest, Message, Request, Sampling
from workbench.engine.child import Child, ChildCrashedError, ChildTimeoutError
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.templates import choose
from workbench.engine.verdict import Verdict, error_of
from workbench.engine.vet import Vetter, rejection_of, request_of
from workbench.errors import EngineCrashedError, WorkbenchError
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.file import ModelFile
from workbench.models.params import RunParams

STAGE_S = dict.fromkeys(("template", "vocabulary", "weights", "decode"), 20.0)
QUESTION = Request((Message("user", "Hello, the air"),), Sampling(temperature=0.8, seed=1), max_tokens=8)
IN_HEADER = 0.8  # of the flips


@dataclass(frozen=True, slots=True)
class Outcome:
    """``by`` is who refused it: "header"; the "child" with a reason, by a "crash" or for "time"; "load" or "answer"
    in spite of the child's consent.  "answered" is nobody, and "ESCAPED" what would have ended the program."""

    what: str
    by: str
    said: str = ""


class _Tried:
    def get(self, _key: str) -> Verdict:
        return Verdict()

    def put(self, _key: str, _verdict: Verdict) -> None:
        raise AssertionError("it was tried already")


class Trial:
    """Asks a child again and again; one that ended is replaced."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._apart = IsolatedBackend(Vetter(_Tried()))

    def tried(self, what: str, path: Path) -> Outcome:
        try:
            model = describe(path)
            choice = choose(model.chat_template, None)
        except WorkbenchError as error:
            return Outcome(what, "header", error.message)
        if self._child is None:
            self._child = Child()
        request = request_of(model, choice, datetime.date(2026, 3, 1))
        try:
            report = self._child.ask("vet", request, CancelToken(), stage_s=STAGE_S)
        except (ChildCrashedError, ChildTimeoutError) as error:
            self.close()
            verdict = rejection_of(path, error)
            return Outcome(what, "crash" if isinstance(error, ChildCrashedError) else "time", verdict.message)
        if "error" in report:
            refused = report["error"]
            return Outcome(what, "child", error_of(refused["code"], refused["message"], refused["hint"]).message)
        return self._used(what, model)

    def _used(self, what: str, model: ModelFile) -> Outcome:
        """What vetting let through is opened and asked, apart: a process that ends then would have been ours."""
        asked = LoadRequest(model, RunParams(n_ctx=512, n_batch=128, n_ubatch=128))
        try:
            engine = run(lambda cancel: self._apart.open(asked, cancel))
        except EngineCrashedError as error:
            return Outcome(what, "ESCAPED", error.message)
        except WorkbenchError as error:
            return Outcome(what, "load", error.message)
        try:
            text = run(lambda cancel: engine.stream(QUESTION, cancel)).text
        except EngineCrashedError as error:
            return Outcome(what, "ESCAPED", error.message)
        except WorkbenchError as error:
            return Outcome(what, "answer", error.message)
        finally:
            engine.close()
        return Outcome(what, "answered", repr(text))

    def close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def outcomes(*, flips: int, seed: int) -> list[Outcome]:
    trial, found = Trial(), []
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        try:
            for number, (what, write) in enumerate(hostile_files().items()):
                folder = Path(name) / str(number)
                folder.mkdir()
                found.append(trial.tried(what, write(folder)))
            raw = Tiny().raw()
            header = sum(map(len, Tiny().sections()[:3]))
            for number in range(flips):
                path = Path(name) / f"flip{number}.gguf"
                within = header if number < IN_HEADER * flips else len(raw)
                path.write_bytes(flipped(raw, seed * 1_000_003 + number, within=within))
                found.append(trial.tried(f"flip {number}", path))
                path.unlink()
        finally:
            trial.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flips", type=int, default=300, help="how many files with random bytes changed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="print the flips one by one, too")
    chosen = parser.parse_args()
    found = outcomes(flips=chosen.flips, seed=chosen.seed)
    for outcome in found:
        if chosen.all or not outcome.what.startswith("flip ") or outcome.by in ("crash", "time", "ESCAPED"):
            print(f"{outcome.what:44} {outcome.by:9} {outcome.said}")
    for kind, some in (("written to be wrong", [o for o in found if not o.what.startswith("flip ")]),
                       ("bytes flipped", [o for o in found if o.what.startswith("flip ")])):  # fmt: skip
        counts = Counter(outcome.by for outcome in some)
        said = ", ".join(f"{count} {by}" for by, count in sorted(counts.items()))
        print(f"{kind}: {len(some)} tried, {counts['ESCAPED']} crashes outside the child; {said}")
    return 1 if any(outcome.by == "ESCAPED" for outcome in found) else 0


if __name__ == "__main__":
    sys.exit(main())
