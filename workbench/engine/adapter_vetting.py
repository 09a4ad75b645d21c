"""Whether adapters may be loaded onto a model's weights in this process: tried once in a child, as the model is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from workbench.engine import child, native
from workbench.engine.base import Adapter
from workbench.engine.verdict import Verdict
from workbench.errors import AdapterError
from workbench.jobs import CancelToken
from workbench.models.file import ModelFile
from workbench.words import said

_STAGE_S = 600.0  # of loading the weights and one evaluation


def identity(model: ModelFile, adapters: Sequence[Adapter]) -> str:
    """What a verdict hangs on: the adapters' very bytes, which are few, and the shapes of the model's."""
    digests = []
    for adapter in adapters:
        with adapter.path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    facts = ["adapters", digests, model.header.sha256, native.build_identity()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def vet(model: ModelFile, adapters: Sequence[Adapter], cancel: CancelToken) -> tuple[Verdict, bool]:
    """The verdict, and whether it will be the same another time.  Raises Cancelled."""
    paths = [str(adapter.path.absolute()) for adapter in adapters]
    request = {"path": str(model.path.absolute()), "adapters": paths}
    names = ", ".join(adapter.path.name for adapter in adapters)
    try:
        report = child.call("vet_adapters", request, cancel, stage_s={"adapters": _STAGE_S})
    except child.ChildCrashedError as error:
        if error.was_killed:
            return _rejected(said("The process that tried {file} was ended by the system.", file=names)), False
        return _rejected(said("{file} crashes llama.cpp ({reason}).", file=names, reason=error.reason)), True
    except (child.ChildTimeoutError, child.ChildGarbledError) as error:
        return _rejected(said("{file} could not be tried: {error}.", file=names, error=error)), False
    if "result" in report:
        return Verdict(), True
    failure = report["error"]
    return Verdict(failure["code"], failure["message"], failure["hint"]), failure["code"] == AdapterError.code


def _rejected(message: str) -> Verdict:
    return Verdict(AdapterError.code, message, said("Download or convert the adapter again; nothing was lost."))
