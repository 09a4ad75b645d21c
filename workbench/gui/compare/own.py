"""What a pane does differently from the others, in short phrases: for its head, and to tell a model from itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.engine.base import Sampling


def own_settings(pane: Pane, n_ctx: int | None, shared: Options) -> tuple[str, ...]:
    """A phrase each, the most telling first: "temperature 0", "adapter poet", "template chatml".

    ``n_ctx`` is the pane's own context, None where it has the shared one.
    """
    return tuple(_own_settings(pane, n_ctx, shared)) if pane.model is not None else ()


def _own_settings(own: Pane, n_ctx: int | None, shared: Options) -> Iterator[str]:
    if own.sampling is not None:
        yield from _sampling(own.sampling, shared.sampling)
    if own.system is not None:
        yield tr("a system prompt of its own") if own.system.strip() else tr("no system prompt")
    for adapter in own.adapters:
        scale = "" if adapter.scale == 1 else f" × {adapter.scale:g}"
        yield tr("adapter {name}{scale}", name=adapter.path.stem, scale=scale)
    if own.template is not None:
        yield tr("no template") if own.template == "none" else tr("template {name}", name=own.template)
    if n_ctx is not None:
        yield tr("context {n:,}", n=n_ctx)
    if own.isolated:
        yield tr("in a process of its own")


def _sampling(own: Sampling, shared: Sampling) -> Iterator[str]:
    told = (
        (tr("temperature {value:g}", value=own.temperature), own.temperature != shared.temperature),
        (tr("top-k {value}", value=own.top_k), own.top_k != shared.top_k),
        (tr("top-p {value:g}", value=own.top_p), own.top_p != shared.top_p),
        (tr("min-p {value:g}", value=own.min_p), own.min_p != shared.min_p),
        (
            tr("repetition penalty {value:g}", value=own.repetition_penalty),
            own.repetition_penalty != shared.repetition_penalty,
        ),
        (tr("seed {value}", value=own.seed), own.seed is not None and own.seed != shared.seed),
    )
    different = [words for words, differs in told if differs]
    yield from different or [tr("a sampling of its own, the same for now")]


def told_apart(pane: Pane, panes: Sequence[Pane], own: Sequence[str]) -> str:
    """What the head says after the quantisation where another pane has the same file's model and quantisation."""
    model = pane.model
    if model is None:
        return ""
    others = [other.model for other in panes if other is not pane and other.model is not None]
    alike = [one for one in others if (one.title, one.quantisation) == (model.title, model.quantisation)]
    if alike and own:
        return own[0]
    return model.path.name if any(one.path != model.path for one in alike) else ""
