"""One model's answer to one prompt, with everything needed to say how it came about."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from workbench.engine.base import Completion, EngineFacts, LoadRequest, Request, Sampling, StopReason, ToolCall
from workbench.errors import WorkbenchError
from workbench.words import said

if TYPE_CHECKING:
    from workbench.chat.footing import Footing
    from workbench.engine.recorded import Choice
    from workbench.models.file import ModelFile
    from workbench.models.receipt import Receipt

UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an answer failed, in the user's terms."""

    code: str
    message: str
    hint: str | None

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        if isinstance(error, WorkbenchError):
            return cls(error.code, error.message, error.hint)
        return cls(
            UNEXPECTED,
            said("Unexpected error: {name}.", name=type(error).__name__),
            said("This is a fault of the program. Help ▸ Copy diagnostics holds the details."),
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What the load behind an answer was said to take beside what llama.cpp reported, without what neither
    speaks of; ``basis`` is "exact" or "estimate", ``difference`` (reported - predicted) / predicted."""

    predicted_bytes: int
    reported_bytes: int
    difference: float
    basis: str

    @classmethod
    def of(cls, receipt: Receipt | None) -> Checked | None:
        if receipt is None:
            return None
        return cls(receipt.predicted_bytes, receipt.reported_bytes, receipt.difference, receipt.predicted_basis)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: whole, cut short or failed (``stop_reason`` error).

    ``stop_reason`` "unfinished" marks an answer that was being written when the program ended.
    Times are those of ``Timings``; None where nothing was measured.  ``notes`` say what the template made
    of the messages ("the system prompt was merged into the first message").  ``thinking`` came before ``text`` and is
    no part of it.  ``choices`` are there where alternatives were asked for.  ``conditions`` are what held the machine
    back meanwhile ("on battery (62 %)"): they stand beside its speeds.  ``system`` is the system prompt that went with
    the prompt, empty: none; None where that was not recorded.
    """

    model: str
    path: str
    family: str
    quantisation: str
    synthetic: bool
    text: str
    stop_reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reused_tokens: int | None = None
    rendered_prompt: str | None = None
    template_source: str | None = None
    load_ms: float | None = None
    vet_ms: float | None = None
    ttft_ms: float | None = None
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    context: int | None = None
    threads: int | None = None
    engine: str | None = None
    engine_version: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()
    error: Problem | None = None
    fit: Checked | None = None
    repeat_last_n: int | None = None
    thinking: str = ""
    thinking_tokens: int = 0
    thinking_ms: float = 0.0
    footing: Footing | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    choices: tuple[Choice, ...] = ()
    conditions: tuple[str, ...] = ()
    system: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Answer:
        """Unknown keys are left out, so that a record of a later version can still be read."""
        from workbench.chat.footing import Footing

        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in record.items() if key in known}
        if values.get("error") is not None:
            values["error"] = Problem(**values["error"])
        if values.get("fit") is not None:
            values["fit"] = Checked(**{field.name: values["fit"][field.name] for field in fields(Checked)})
        if values.get("footing") is not None:
            values["footing"] = Footing.from_json(values["footing"])
        values["notes"] = tuple(values.get("notes", ()))
        values["conditions"] = tuple(values.get("conditions", ()))
        values["tool_calls"] = tuple(ToolCall(**one) for one in values.get("tool_calls", ()))
        values["choices"] = tuple(map(_choice, values.get("choices", ())))
        return cls(**values)

    @property
    def chips(self) -> tuple[str, ...]:
        """Short warnings that stay with the answer wherever it is shown."""
        chips = []
        if self.synthetic:
            chips.append(said("synthetic, answers are noise"))
        if self.template_source == "none":
            chips.append(said("no chat template: completed raw"))
        elif self.template_source and self.template_source != "file":
            chips.append(said("template: {source}", source=self.template_source))
        if self.stop_reason in CUT_SHORT:
            chips.append(CUT_SHORT[self.stop_reason])
        chips += self.notes
        if self.footing is not None:
            chips += [warning for warning in self.footing.warnings if warning not in chips]
        return tuple(chips)


CUT_SHORT = {
    StopReason.MAX_TOKENS.value: said("cut off at the token limit"),
    StopReason.CONTEXT_FULL.value: said("cut off: context full"),
    StopReason.CANCELLED.value: said("stopped by you"),
    "unfinished": said("unfinished: the program ended"),
    "imported": said("imported: not answered here"),
}


def blank(model: ModelFile, text: str, stop_reason: str, *, error: BaseException | None = None) -> Answer:
    """An answer about which nothing was measured."""
    return Answer(
        **_file(model),
        text=text,
        stop_reason=stop_reason,
        error=Problem.of(error) if error is not None else None,
    )


def measured(
    load: LoadRequest,
    request: Request,
    completion: Completion,
    facts: EngineFacts,
    *,
    fresh: bool,
    advised: str = "",
    receipt: Receipt | None = None,
    own_system: str | None = None,
    conditions: tuple[str, ...] = (),
) -> Answer:
    """A completed answer; ``fresh`` says whether the load was made for it, ``receipt`` is that of its load, and
    ``advised`` by whose wish it was sampled so.  ``own_system`` is a system prompt of the pane's own."""
    from workbench.chat.footing import Footing

    timings, sampling = completion.timings, request.sampling
    return Answer(
        **_file(load.model),
        text=completion.text,
        stop_reason=completion.stop_reason.value,
        prompt_tokens=completion.prompt.token_count,
        completion_tokens=timings.completion_tokens,
        reused_tokens=timings.reused_tokens,
        rendered_prompt=completion.prompt.text,
        template_source=completion.prompt.template_source,
        notes=completion.prompt.notes,
        load_ms=facts.load_ms if fresh else 0.0,
        vet_ms=facts.vet_ms if fresh else 0.0,
        ttft_ms=timings.ttft_ms,
        prefill_tokens_per_s=timings.prefill_tokens_per_s,
        decode_tokens_per_s=timings.decode_tokens_per_s,
        seed=completion.seed,
        **_sampling(sampling),
        context=facts.n_ctx,
        threads=request.n_threads,
        engine=facts.engine,
        engine_version=facts.engine_version,
        fit=Checked.of(receipt),
        repeat_last_n=sampling.repeat_last_n,
        thinking=completion.thinking,
        thinking_tokens=timings.thinking_tokens,
        thinking_ms=timings.thinking_ms,
        footing=Footing.of(load, request, completion, facts, advised, own_system=own_system),
        tool_calls=completion.tool_calls,
        choices=completion.choices,
        conditions=conditions,
        system="\n\n".join(one.content for one in request.messages if one.role == "system"),
    )


def _file(model: ModelFile) -> dict[str, Any]:
    return {
        "model": model.name,
        "path": str(model.path),
        "family": model.family.value,
        "quantisation": model.quantisation,
        "synthetic": model.synthetic,
        "size_bytes": model.size_bytes,
        "sha256": model.sha256,
    }


def _choice(record: dict[str, Any]) -> Choice:
    from workbench.engine.recorded import Candidate, Choice

    others = tuple(Candidate(**other) for other in record["others"])
    return Choice(Candidate(**record["taken"]), others, record["start"], record["thinking"])


def _sampling(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
    }
