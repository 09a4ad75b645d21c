"""Whether a model file may be loaded into this process: tried once per file, in a child."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.engine import adapter_vetting, child, native
from workbench.engine.base import Adapter, Vetting
from workbench.engine.templates import TemplateChoice
from workbench.engine.verdict import Verdict, VerdictStore
from workbench.errors import BadGgufError, EngineCrashedError, ModelLoadError, TemplateError
from workbench.jobs import CancelToken
from workbench.models.file import ModelFile
from workbench.words import said

log = logging.getLogger(__name__)

# Weights are loaded whole in the child only where they leave the machine as much memory again.
WHOLE_LOAD_FRACTION = 0.5

UNTRIED = said("Its weights were not tried in a process apart: too little memory is free.")

TEMPLATE_S = 5.0
SLOWEST_DISK_BYTES_PER_S = 20 * 1024 * 1024

# A refusal for lack of memory says nothing about the file.
_PASSING = ("alloc", "memory", "mmap")


@dataclass(frozen=True, slots=True)
class Checked:
    """``took_ms`` is 0 where the verdict was known; ``notes`` say what of the file was not tried."""

    took_ms: float
    notes: tuple[str, ...] = ()


class Vetter:
    """Gives the verdict on a file, from ``known`` or from a child process."""

    def __init__(self, known: VerdictStore) -> None:
        self._known = known

    def known(self, model: ModelFile, choice: TemplateChoice) -> tuple[Verdict, bool] | None:
        """An earlier verdict on the same bytes, template and engine, and whether the weights were tried.

        One without the weights counts only while there is no memory to try them.  Raises BadGgufError when the file
        is gone.
        """
        for whole in (True, False):
            verdict = self._known.get(identity(model, choice, whole=whole))
            if verdict is not None and (whole or not _has_room(model)):
                return verdict, whole
        return None

    def vet(
        self, model: ModelFile, choice: TemplateChoice, cancel: CancelToken, *, today: datetime.date
    ) -> tuple[Verdict, bool]:
        """As ``known``: tried in a child, the verdict kept if it will last.  Raises Cancelled."""
        request = request_of(model, choice, today)
        verdict, lasting = _ask(model, request, cancel)
        whole = bool(request["whole"])
        if lasting:  # what is wrong without the weights is wrong with them
            self._known.put(identity(model, choice, whole=whole or verdict.code is not None), verdict)
        return verdict, whole

    def checked(
        self, model: ModelFile, choice: TemplateChoice, cancel: CancelToken, *, today: datetime.date
    ) -> Generator[Vetting, None, Checked]:
        """How that went.  Raises what is wrong with the file, Cancelled."""
        found, took_ms = self.known(model, choice), 0.0
        if found is None:
            began = time.perf_counter()
            yield Vetting()
            found = self.vet(model, choice, cancel, today=today)
            took_ms = 1000 * (time.perf_counter() - began)
        verdict, whole = found
        verdict.raise_if_rejected()
        return Checked(took_ms, () if whole else (UNTRIED,))

    def adapters_checked(
        self, model: ModelFile, adapters: Sequence[Adapter], cancel: CancelToken
    ) -> Generator[Vetting, None, float]:
        """The milliseconds it took to check adapters on a model that was ``checked``.  Raises as that does."""
        if not adapters:
            return 0.0
        key = adapter_vetting.identity(model, adapters)
        began, verdict = time.perf_counter(), self._known.get(key)
        if verdict is None:
            yield Vetting()
            verdict, lasting = adapter_vetting.vet(model, adapters, cancel)
            if lasting:
                self._known.put(key, verdict)
        verdict.raise_if_rejected()
        return 1000 * (time.perf_counter() - began)


def identity(model: ModelFile, choice: TemplateChoice, *, whole: bool = True) -> str:
    """What a verdict hangs on, wherever the file and its other parts lie: 40 GB are not read for it.

    ``whole`` is whether the weights were tried too.
    """
    stamps = [_stamp(path) for path in model.files]
    # Built-in templates are ours, and need no vetting of their own.
    template = choice.text if choice.source in ("file", "user") else None
    facts = [stamps, model.header.sha256, native.build_identity(), template, whole]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        now = path.stat()
    except OSError as error:
        raise BadGgufError(
            said("{file} is gone or cannot be read.", file=path.name), hint=said("Add the file again.")
        ) from error
    return now.st_size, now.st_mtime_ns, now.st_ino


def request_of(model: ModelFile, choice: TemplateChoice, today: datetime.date) -> dict[str, object]:
    """What the child is asked."""
    return {
        "path": str(model.path.absolute()),
        "template_source": choice.source,
        "template": choice.text,
        "today": today.isoformat(),
        "whole": _has_room(model),
        "cpu_s": round(300 + _weights_s(model)),
    }


def rejection_of(path: Path, error: child.ChildCrashedError | child.ChildTimeoutError) -> Verdict:
    """What a child that ended, or was ended, says about the file."""
    return _crashed(path, error) if isinstance(error, child.ChildCrashedError) else _late(path, error)


def _has_room(model: ModelFile) -> bool:
    return model.size_bytes < WHOLE_LOAD_FRACTION * psutil.virtual_memory().available


def _ask(model: ModelFile, request: Mapping[str, object], cancel: CancelToken) -> tuple[Verdict, bool]:
    """The verdict, and whether it will be the same another time."""
    limits = {"template": TEMPLATE_S, "weights": _weights_s(model)}
    try:
        report = child.call("vet", request, cancel, stage_s=limits)
    except child.ChildCrashedError as error:
        log.info("vetting %s: %s (%s)", model.path.name, error, error.reason)
        return rejection_of(model.path, error), not error.was_killed
    except child.ChildTimeoutError as error:
        return rejection_of(model.path, error), error.stage == "template"
    except child.ChildGarbledError as error:
        return _garbled(model.path, error), False
    if "result" in report:
        return Verdict(), True
    error_report = report["error"]
    passing = error_report["code"] == ModelLoadError.code and any(w in error_report["message"] for w in _PASSING)
    return Verdict(error_report["code"], error_report["message"], error_report["hint"]), not passing


def _weights_s(model: ModelFile) -> float:
    return 60 + model.size_bytes / SLOWEST_DISK_BYTES_PER_S


def _crashed(path: Path, error: child.ChildCrashedError) -> Verdict:
    if error.stage == "template":
        return _bad_template(said("it ended the process that tried it"))
    if error.was_killed:
        return _rejected(
            EngineCrashedError,
            said("The process that tried {file} was ended by the system.", file=path.name),
            said("There was probably too little memory: close other programs or choose a smaller model."),
        )
    return _rejected(
        EngineCrashedError,
        said("{file} crashes llama.cpp ({reason}).", file=path.name, reason=error.reason),
        said(
            "The file is damaged or made for another version; it was tried in a process of its own, nothing was lost."
        ),
    )


def _late(path: Path, error: child.ChildTimeoutError) -> Verdict:
    if error.stage == "template":
        return _bad_template(said("it did not finish within {limit_s:g} seconds", limit_s=error.limit_s))
    return _rejected(
        ModelLoadError,
        said("{file} could not be tried: {error}.", file=path.name, error=error),
        said("The disk or the machine is very busy: try again later."),
    )


def _garbled(path: Path, error: child.ChildGarbledError) -> Verdict:
    return _rejected(
        EngineCrashedError,
        said("{file} could not be tried: {error}.", file=path.name, error=error),
        said("Try again; if it happens again, something on this machine writes into the program's own pipe."),
    )


def _bad_template(reason: str) -> Verdict:
    return _rejected(
        TemplateError,
        said("The chat template cannot be used: {reason}.", reason=reason),
        said("Choose another template, or complete the text raw with --template none."),
    )


def _rejected(kind: type[EngineCrashedError | ModelLoadError | TemplateError], message: str, hint: str) -> Verdict:
    return Verdict(kind.code, message, hint)
