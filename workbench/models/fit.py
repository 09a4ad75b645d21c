"""Whether a model fits a machine, with the numbers the answer stands on."""

from __future__ import annotations

import logging
from dataclasses import replace

from workbench.errors import ProbeError, UsageError
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken
from workbench.models.breakdown import Share
from workbench.models.exact import Prober
from workbench.models.exactness import exactly
from workbench.models.file import ModelFile
from workbench.models.judge import Question, as_fit
from workbench.models.learnt import Learnt
from workbench.models.params import RunParams
from workbench.models.plans import Case, rounded_context, trained_context
from workbench.models.remedies import remedies
from workbench.models.together import fit_together
from workbench.models.verdict import Fit, TogetherFit, Verdict
from workbench.words import said

__all__ = ["Fit", "Learnt", "Share", "TogetherFit", "Verdict", "exact_fit", "fit", "fit_together"]

log = logging.getLogger(__name__)

# Those llama.cpp's own programs offer for the cache.
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1")

_NOTHING_LEARNT = Learnt()


def fit(
    model: ModelFile,
    hardware: Hardware,
    *,
    n_ctx: int = 4096,
    params: RunParams | None = None,
    learnt: Learnt = _NOTHING_LEARNT,
) -> Fit:
    """The verdict for ``n_ctx`` tokens, at most the trained context; ``params`` gives the other choices.

    ``n_ctx`` is the whole context: with several sequences (``n_seq_max``) it is divided between them, unless
    they share one cache (``kv_unified``).  Of ``params`` an explicit number of GPU layers is kept to and
    judged; with -1 the best placement is looked for.  Pure arithmetic, some milliseconds.  Raises UsageError
    for a context below one token and for values that cannot be meant.
    """
    asked = question(model, hardware, n_ctx=n_ctx, params=params, learnt=learnt)
    plan = asked.case.best(asked.wanted)
    return replace(as_fit(asked, plan), remedies=remedies(asked, plan))


def exact_fit(
    model: ModelFile,
    hardware: Hardware,
    *,
    n_ctx: int = 4096,
    params: RunParams | None = None,
    learnt: Learnt = _NOTHING_LEARNT,
    probe: Prober,
    cancel: CancelToken,
) -> Fit:
    """The verdict in llama.cpp's own numbers: seconds the first time a model is asked about, then milliseconds.

    Where llama.cpp cannot answer (another machine is meant, a file is gone, the probe failed) it is the estimate,
    with the reason.  Raises UsageError as ``fit``, and Cancelled.
    """
    asked = question(model, hardware, n_ctx=n_ctx, params=params, learnt=learnt)
    plan = asked.case.best(asked.wanted)
    if hardware.described:
        why = said("llama.cpp can be asked on the machine itself only, not about {machine}", machine=hardware.label)
    else:
        try:
            return exactly(asked, plan, probe, cancel)
        except ProbeError as error:
            why = said("llama.cpp could not be asked: {message}", message=error.message)
            log.warning("%s was not probed: %s", model.path.name, error.message)
    estimate = as_fit(asked, plan)
    why = said("An estimate: {why}", why=why)
    return replace(estimate, reasons=(*estimate.reasons, why), remedies=remedies(asked, plan))


def question(model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None, learnt: Learnt) -> Question:
    """What is asked, with the context that llama.cpp would make of the wish."""
    if n_ctx < 1:
        raise UsageError(
            said("A context of {n_ctx} tokens is not possible.", n_ctx=n_ctx), hint=said("Ask for at least 1 token.")
        )
    choices = params or RunParams()
    _refuse_impossible(choices)
    context = rounded_context(n_ctx, choices)
    at_most = trained_context(model.n_ctx_train, choices)
    wanted = replace(choices, n_ctx=context if at_most is None else min(context, at_most))
    case = Case.of(model.header, hardware, learnt.reserves)
    return Question(model, case, wanted, n_ctx, learnt)


def _refuse_impossible(params: RunParams) -> None:
    """What llama.cpp would refuse when the context is made."""
    if params.n_seq_max < 1:
        raise UsageError(
            said("{n_seq_max} sequences are not possible.", n_seq_max=params.n_seq_max),
            hint=said("Ask for at least 1."),
        )
    for name in (params.type_k, params.type_v):
        if name not in CACHE_TYPES:
            raise UsageError(
                said("The cache cannot have the type {name!r}.", name=name),
                hint=said("Use {cache_types}.", cache_types=", ".join(CACHE_TYPES)),
            )
    if params.flash_attn == "off" and params.type_v not in {"f32", "f16", "bf16"}:
        raise UsageError(
            said("A cache of type {type_v} needs flash attention.", type_v=params.type_v),
            hint=said("Set flash attention to auto, or use f16."),
        )
