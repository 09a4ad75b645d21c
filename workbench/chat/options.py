"""What all panes of a comparison share, and how that is written down."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.chat.plan import RunMode
from workbench.engine.base import (
    Constraint,
    ContextPolicy,
    Grammar,
    JsonSchema,
    Message,
    Mode,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)
from workbench.words import said

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

OWN_SAMPLING = said("this pane's own")
"""By whose wish a model was sampled, where that is its pane's."""


class SamplingMode(enum.StrEnum):
    """SAME: every model is sampled alike.  VENDOR: each as its publisher recommends."""

    SAME = "same"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Advice:
    """A publisher's sampling for a model, without a seed; ``source`` says in plain words where it stands, and
    ``unheeded`` what of it is not done."""

    sampling: Sampling
    source: str
    unheeded: tuple[str, ...] = ()


Advise: TypeAlias = "Callable[[ModelFile], Advice | None]"
"""What a model's publisher recommends; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Options:
    """``alternatives`` is how many candidates are told with each token.  ``exactness`` AUDIT answers bit for bit as a
    cold start would; see ``engine.base.Mode``.  ``date`` (YYYY-MM-DD) is told to templates that ask, None: the day of
    the question; ``thinking`` asks reasoning models to think, or not to, None: as their templates have it."""

    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    mode: RunMode = RunMode.AUTO
    sampling_mode: SamplingMode = SamplingMode.SAME
    policy: ContextPolicy = ContextPolicy.REFUSE
    constraint: Constraint | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    alternatives: int = 0
    exactness: Mode = Mode.AUDIT
    date: str | None = None
    thinking: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the system prompt, which is kept beside it."""
        return asdict(self.sampling) | {
            "max_tokens": self.max_tokens,
            "stop": list(self.stop),
            "mode": self.mode.value,
            "sampling_mode": self.sampling_mode.value,
            "policy": self.policy.value,
            "constraint": _written(self.constraint),
            "tools": [asdict(tool) for tool in self.tools],
            "tool_choice": self.tool_choice,
            "alternatives": self.alternatives,
            "exactness": self.exactness.value,
            "date": self.date,
            "thinking": self.thinking,
        }

    @classmethod
    def from_json(cls, system: str, record: dict[str, Any], default: Options) -> Options:
        """What is missing from the record has its default."""
        known = {one.name for one in fields(Sampling)}
        sampling = replace(default.sampling, **{name: value for name, value in record.items() if name in known})
        return cls(
            system=system,
            sampling=sampling,
            max_tokens=record.get("max_tokens", default.max_tokens),
            stop=tuple(record.get("stop", default.stop)),
            mode=RunMode(record.get("mode", default.mode)),
            sampling_mode=SamplingMode(record.get("sampling_mode", default.sampling_mode)),
            policy=ContextPolicy(record.get("policy", default.policy)),
            constraint=_read(record["constraint"]) if record.get("constraint") else default.constraint,
            tools=tuple(Tool(**one) for one in record["tools"]) if "tools" in record else default.tools,
            tool_choice=record.get("tool_choice", default.tool_choice),
            alternatives=int(record.get("alternatives", default.alternatives)),
            exactness=Mode(record.get("exactness", default.exactness)),
            date=record.get("date", default.date),
            thinking=record.get("thinking", default.thinking),
        )

    def request(self, messages: tuple[Message, ...], sampling: Sampling, *, n_threads: int, day: str | None) -> Request:
        """The question for one model; ``day`` is that of the question."""
        return Request(
            messages=messages,
            sampling=sampling,
            max_tokens=self.max_tokens,
            stop=self.stop,
            n_threads=n_threads,
            policy=self.policy,
            constraint=self.constraint,
            tools=self.tools,
            tool_choice=self.tool_choice,
            alternatives=self.alternatives,
            mode=self.exactness,
            date=self.date or day,
            enable_thinking=self.thinking,
        )

    def sampling_for(self, advice: Advice | None, own: Sampling | None = None) -> tuple[Sampling, str]:
        """How a model is sampled, and in plain words by whose wish; ``own`` is its pane's wish, the seed is the shared
        one unless that names another."""
        if own is not None:
            return replace(own, seed=self.sampling.seed if own.seed is None else own.seed), OWN_SAMPLING
        if self.sampling_mode is SamplingMode.SAME:
            return self.sampling, said("the same for all")
        if advice is None:
            return self.sampling, said("the shared one: no recommendation is known for this model")
        wish = said("as recommended ({source})", source=advice.source)
        if advice.unheeded:
            wish = said("{wish}, but for {left}", wish=wish, left=", ".join(advice.unheeded))
        return replace(advice.sampling, seed=self.sampling.seed), wish


def _written(constraint: Constraint | None) -> dict[str, str] | None:
    match constraint:
        case None:
            return None
        case Grammar(gbnf):
            return {"grammar": gbnf}
        case JsonSchema(text):
            return {"json_schema": text}


def _read(record: dict[str, str]) -> Constraint:
    return Grammar(record["grammar"]) if "grammar" in record else JsonSchema(record["json_schema"])
