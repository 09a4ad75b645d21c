"""On what footing a model answered, and where several models' footings differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.engine.base import Completion, ContextPolicy, Dropped, EngineFacts, LoadRequest, Request, SystemHandling
from workbench.models.derived import subject_of
from workbench.models.file import ModelFile
from workbench.models.params import ALL_LAYERS, RunParams

if TYPE_CHECKING:
    from workbench.chat.answer import Answer


@dataclass(frozen=True, slots=True)
class Footing:
    """What is needed, beside the answer's own fields, to ask a model just so again, and to judge whether two
    models were asked alike.

    ``tokens`` are the prompt's ids, ``samplers`` llama.cpp's in their order, ``sampling`` says in plain words by
    whose wish the model was sampled so, ``together`` in what company it was answered, ``own_system`` is a system prompt
    that this pane alone was told; the others are those of ``RenderedPrompt`` and ``EngineFacts``.
    """

    template_sha256: str | None = None
    system: SystemHandling = "none"
    inserted_system: str | None = None
    date: str | None = None
    bos_count: int = 0
    tokens: tuple[int, ...] = ()
    samplers: tuple[str, ...] = ()
    sampling: str = ""
    exactness: str = "audit"
    together: str | None = None
    constraint: str | None = None
    adapters: tuple[str, ...] = ()
    isolated: bool = False
    dropped: Dropped | None = None
    engine_notes: tuple[str, ...] = ()
    cache_types: str | None = None
    flash_attention: str | None = None
    placement: str | None = None
    micro_batch: int | None = None
    own_system: str | None = None

    @classmethod
    def of(
        cls,
        load: LoadRequest,
        request: Request,
        completion: Completion,
        facts: EngineFacts,
        sampling: str,
        *,
        own_system: str | None = None,
    ) -> Footing:
        prompt = completion.prompt
        return cls(
            template_sha256=prompt.template_sha256,
            system=prompt.system,
            inserted_system=prompt.inserted_system,
            date=prompt.date,
            bos_count=prompt.bos_count,
            tokens=prompt.tokens,
            samplers=completion.samplers,
            sampling=sampling,
            exactness=request.mode.value,
            together=None if completion.together is None else str(completion.together),
            constraint=None if request.constraint is None else type(request.constraint).__name__,
            adapters=tuple(f"{one.path.name} × {one.scale:g}" for one in load.adapters),
            isolated=load.isolated,
            dropped=prompt.dropped,
            engine_notes=facts.notes,
            cache_types=f"{facts.params.type_k}/{facts.params.type_v}",
            flash_attention=facts.params.flash_attn,
            placement=_placement(load.model, facts.params),
            micro_batch=facts.params.n_ubatch,
            own_system=own_system,
        )

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Footing:
        """Unknown keys are left out, so that a record of a later version can still be read."""
        known = {one.name for one in fields(cls)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        if (dropped := values.get("dropped")) is not None:
            values["dropped"] = Dropped(ContextPolicy(dropped["policy"]), dropped["messages"], dropped["tokens"])
        return cls(**{key: value for key, value in values.items() if key in known})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the answer must know beside the prompt's own notes, in plain words."""
        found = []
        if self.dropped is not None:
            messages = "1 message" if self.dropped.messages == 1 else f"{self.dropped.messages} messages"
            found.append(f"{messages} ({self.dropped.tokens:,} tokens) left out: {_POLICIES[self.dropped.policy]}")
        if self.bos_count > 1:
            found.append(f"the prompt begins with {self.bos_count} BOS tokens")
        return (*found, *self.engine_notes)


_POLICIES = {
    ContextPolicy.DROP_OLDEST: "the oldest were dropped",
    ContextPolicy.MIDDLE_OUT: "the middle was dropped",
    ContextPolicy.REFUSE: "",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which answers were not asked for alike: ``values`` in the order of the answers."""

    what: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what}: {' / '.join(self.values)}"


_SHOWN = 60  # letters of a system prompt

Reading: TypeAlias = "Callable[[Answer, Footing], object]"

_SYSTEM: dict[SystemHandling, str] = {
    "none": "none",
    "native": "as system prompt",
    "merged": "merged into the first message",
    "unsupported": "left out",
}

# Not compared: what must differ between models, such as their templates' texts and token counts.
_READINGS: tuple[tuple[str, Reading], ...] = (
    ("temperature", lambda answer, _: answer.temperature),
    ("top-k", lambda answer, _: answer.top_k),
    ("top-p", lambda answer, _: answer.top_p),
    ("min-p", lambda answer, _: answer.min_p),
    ("repetition penalty", lambda answer, _: answer.repetition_penalty),
    ("seed", lambda answer, _: answer.seed),
    ("chat template", lambda answer, _: _template(answer.template_source)),
    ("system prompt", lambda _, footing: _SYSTEM[footing.system]),
    ("system prompt's words", lambda _, footing: _own(footing.own_system)),
    ("system prompt of the template's own", lambda _, footing: "yes" if footing.inserted_system else "no"),
    ("BOS tokens", lambda _, footing: "doubled" if footing.bos_count > 1 else "as usual"),
    ("left out of the prompt", lambda _, footing: _dropped(footing.dropped)),
    ("context", lambda answer, _: answer.context),
    ("threads", lambda answer, _: answer.threads),
    ("constraint", lambda _, footing: footing.constraint or "none"),
    ("adapters", lambda _, footing: ", ".join(footing.adapters) or "none"),
    ("process", lambda _, footing: "its own" if footing.isolated else "the program's"),
    ("KV cache K/V", lambda _, footing: footing.cache_types),
    ("flash attention", lambda _, footing: footing.flash_attention),
    ("on a GPU", lambda _, footing: footing.placement),
    ("micro-batch", lambda _, footing: footing.micro_batch),
    ("done otherwise", lambda _, footing: "; ".join(footing.engine_notes) or "nothing"),
    ("exactness", lambda _, footing: ", ".join(filter(None, (footing.exactness, footing.together)))),
)


def differences(answers: Sequence[Answer]) -> tuple[Difference, ...]:
    """Where the answers to one prompt do not stand on the same footing; failed ones and old records are left out."""
    told = [(answer, answer.footing) for answer in answers if answer.error is None]
    asked = [(answer, footing) for answer, footing in told if footing is not None]
    found = []
    for what, reading in _READINGS:
        values = [reading(answer, footing) for answer, footing in asked]
        if len(set(map(_plain, values))) > 1 and None not in values:
            found.append(Difference(what, tuple(map(_plain, values))))
    dates = {footing.date for _, footing in asked if footing.date is not None}
    if len(dates) > 1:
        found.append(Difference("date", tuple(footing.date or "none" for _, footing in asked)))
    return tuple(found)


def _placement(model: ModelFile, params: RunParams) -> str:
    everything = subject_of(model.header).offloadable_layers
    if params.n_gpu_layers == ALL_LAYERS or params.n_gpu_layers >= everything:
        return f"all but {params.n_cpu_moe} layers' experts" if params.n_cpu_moe else "all layers"
    return f"{params.n_gpu_layers} of {everything} layers" if params.n_gpu_layers else "nothing"


def _template(source: str | None) -> str:
    return {"file": "the model's own", "none": "none", None: "unknown"}.get(source, str(source))


def _dropped(dropped: Dropped | None) -> str:
    return f"{dropped.messages} messages" if dropped is not None else "nothing"


def _own(system: str | None) -> str:
    """An empty one is told, too: it takes the shared one away."""
    if system is None:
        return "the shared ones"
    line = " ".join(system.split())
    return f"its own: {line if len(line) <= _SHOWN else line[: _SHOWN - 1] + '…'}" if line else "its own: none"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"
