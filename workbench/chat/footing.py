"""On what footing a model answered, and where several models' footings differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.engine.base import Completion, ContextPolicy, Dropped, EngineFacts, LoadRequest, Request, SystemHandling
from workbench.words import counted, listed, said

if TYPE_CHECKING:
    from workbench.chat.answer import Answer
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams


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
            found.append(
                said(
                    "{messages} ({tokens:,} tokens) left out: {policy}",
                    messages=counted(self.dropped.messages, "message"),
                    tokens=self.dropped.tokens,
                    policy=_POLICIES[self.dropped.policy],
                )
            )
        if self.bos_count > 1:
            found.append(said("the prompt begins with {n} BOS tokens", n=self.bos_count))
        return (*found, *self.engine_notes)


_POLICIES = {
    ContextPolicy.DROP_OLDEST: said("the oldest were dropped"),
    ContextPolicy.MIDDLE_OUT: said("the middle was dropped"),
    ContextPolicy.REFUSE: "",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which answers were not asked for alike: ``values`` in the order of the answers."""

    what: str
    values: tuple[str, ...]

    @property
    def words(self) -> str:
        return said("{what}: {values}", what=self.what, values=listed(self.values, " / "))

    def __str__(self) -> str:
        return self.words


_SHOWN = 60  # letters of a system prompt

Reading: TypeAlias = "Callable[[Answer, Footing], object]"

_SYSTEM: dict[SystemHandling, str] = {
    "none": said("none"),
    "native": said("as system prompt"),
    "merged": said("merged into the first message"),
    "unsupported": said("left out"),
}

# Not compared: what must differ between models, such as their templates' texts and token counts.
_READINGS: tuple[tuple[str, Reading], ...] = (
    (said("temperature"), lambda answer, _: answer.temperature),
    (said("top-k"), lambda answer, _: answer.top_k),
    (said("top-p"), lambda answer, _: answer.top_p),
    (said("min-p"), lambda answer, _: answer.min_p),
    (said("repetition penalty"), lambda answer, _: answer.repetition_penalty),
    (said("seed"), lambda answer, _: answer.seed),
    (said("chat template"), lambda answer, _: _template(answer.template_source)),
    (said("system prompt"), lambda _, footing: _SYSTEM[footing.system]),
    (said("system prompt's words"), lambda _, footing: _own(footing.own_system)),
    (
        said("system prompt of the template's own"),
        lambda _, footing: said("yes") if footing.inserted_system else said("no"),
    ),
    (said("BOS tokens"), lambda _, footing: said("doubled") if footing.bos_count > 1 else said("as usual")),
    (said("left out of the prompt"), lambda _, footing: _dropped(footing.dropped)),
    (said("context"), lambda answer, _: answer.context),
    (said("threads"), lambda answer, _: answer.threads),
    (said("constraint"), lambda _, footing: footing.constraint or said("none")),
    (said("adapters"), lambda _, footing: ", ".join(footing.adapters) or said("none")),
    (said("process"), lambda _, footing: said("its own") if footing.isolated else said("the program's")),
    (said("KV cache K/V"), lambda _, footing: footing.cache_types),
    (said("flash attention"), lambda _, footing: footing.flash_attention),
    (said("on a GPU"), lambda _, footing: footing.placement),
    (said("micro-batch"), lambda _, footing: footing.micro_batch),
    (said("done otherwise"), lambda _, footing: "; ".join(footing.engine_notes) or said("nothing")),
    (said("exactness"), lambda _, footing: ", ".join(filter(None, (footing.exactness, footing.together)))),
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
        found.append(Difference(said("date"), tuple(footing.date or said("none") for _, footing in asked)))
    return tuple(found)


def _placement(model: ModelFile, params: RunParams) -> str:
    from workbench.models.derived import subject_of
    from workbench.models.params import ALL_LAYERS

    everything = subject_of(model.header).offloadable_layers
    if params.n_gpu_layers == ALL_LAYERS or params.n_gpu_layers >= everything:
        return said("all but {n} layers' experts", n=params.n_cpu_moe) if params.n_cpu_moe else said("all layers")
    return (
        said("{n} of {everything} layers", n=params.n_gpu_layers, everything=everything)
        if params.n_gpu_layers
        else said("nothing")
    )


def _template(source: str | None) -> str:
    return {"file": said("the model's own"), "none": said("none"), None: said("unknown")}.get(source, str(source))


def _dropped(dropped: Dropped | None) -> str:
    return said("{n} messages", n=dropped.messages) if dropped is not None else said("nothing")


def _own(system: str | None) -> str:
    """An empty one is told, too: it takes the shared one away."""
    if system is None:
        return said("the shared ones")
    line = " ".join(system.split())
    shown = line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
    return said("its own: {line}", line=shown) if line else said("its own: none")


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else f"{value}"
