"""What a new comparison starts with."""

from __future__ import annotations

from workbench.chat.options import Options, SamplingMode
from workbench.chat.plan import RunMode
from workbench.settings import Settings


def default_options(settings: Settings) -> Options:
    """As the settings say."""
    from workbench.engine.base import ContextPolicy, Sampling

    sampling = Sampling(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition_penalty,
    )
    return Options(
        sampling=sampling,
        max_tokens=settings.max_tokens,
        mode=RunMode(settings.run_mode),
        sampling_mode=SamplingMode(settings.sampling_mode),
        policy=ContextPolicy(settings.context_policy),
    )
