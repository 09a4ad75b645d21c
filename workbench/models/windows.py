"""Which layers attend to a sliding window only, and how long it is."""

from __future__ import annotations

from workbench.models.architectures import RECURRENT_WITHOUT_HEADS, WINDOW_RULES, WindowRule
from workbench.models.keys import Keys

_PATTERN = "attention.sliding_window_pattern"


def windows_of(keys: Keys, n_layer: int) -> tuple[int, list[bool]]:
    """The window in tokens, 0 without one, and for each layer whether it has it (llama_hparams::is_swa)."""
    rule = WINDOW_RULES.get(keys.architecture)
    # EXAONE 4 has windows in its 32B model alone, which llama.cpp knows by its 64 layers.
    if rule is None or (keys.architecture == "exaone4" and n_layer != 64):
        return 0, [False] * n_layer
    window = _window(keys, rule)
    if not window:
        return 0, [False] * n_layer
    if keys.array(_PATTERN) is not None:
        return window, [bool(flag) for flag in keys.per_layer(_PATTERN, n_layer)]
    if keys.architecture in RECURRENT_WITHOUT_HEADS:
        return window, [True] * n_layer
    period = keys.number(_PATTERN, rule.period)
    if period == 0:
        return window, [True] * n_layer
    full = 0 if rule.dense_first else period - 1
    return window, [layer % period != full for layer in range(n_layer)]


def _window(keys: Keys, rule: WindowRule) -> int:
    window = keys.number("attention.sliding_window", rule.default)
    if rule.fixed and (window or not keys.has("attention.sliding_window")):
        return rule.fixed
    return window
