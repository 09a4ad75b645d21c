"""Every quantisation of one model on one machine, largest first, with one of them recommended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workbench.hardware.facts import Hardware
from workbench.models.file import ModelFile
from workbench.models.fit import fit
from workbench.models.learnt import Learnt
from workbench.models.naming import without_quantisation
from workbench.models.params import RunParams
from workbench.models.placement import usable_devices
from workbench.models.quality import bits_by_quantisation, published_loss
from workbench.models.verdict import Fit, Ladder, Rung, Verdict
from workbench.words import said

READABLE_TOKENS_PER_S = 5.0  # about as fast as people read

# By bits per weight; the published bits of the same file type where there are any.
_WORDS = (
    (3.2, said("tiny")),
    (4.3, said("small")),
    (6.0, said("balanced")),
    (10.0, said("large")),
    (math.inf, said("full")),
)
_POOR_BITS = 3.2  # below this answers suffer visibly: every published KL divergence is above 0.3
_KNEE = (4.4, 7.0)  # Q4_K_S to Q6_K: less loses quickly, more gains hardly anything
_MARGIN = 0.03  # of what is available, left for what nobody foresaw

_NOTHING_LEARNT = Learnt()


def ladder(
    files: Sequence[ModelFile],
    hardware: Hardware,
    *,
    n_ctx: int = 4096,
    params: RunParams | None = None,
    learnt: Learnt = _NOTHING_LEARNT,
) -> Ladder:
    """The quantisations of the model that most of ``files`` are of; the others are named in ``skipped``."""
    several = groups(files)
    if not several:
        return Ladder("", ())
    title, own = max(several, key=lambda group: len(group[1]))
    skipped = [
        (file.name, said("another model: {other}", other=other))
        for other, strangers in several
        if other != title
        for file in strangers
    ]
    seen: dict[tuple[str, int], ModelFile] = {}
    for file in sorted(own, key=lambda file: (-file.size_bytes, file.name)):
        same = seen.setdefault((file.quantisation, file.size_bytes), file)
        if same is not file:
            skipped.append((file.name, said("the same as {same}", same=same.name)))
    fits = [fit(file, hardware, n_ctx=n_ctx, params=params, learnt=learnt) for file in seen.values()]
    rungs = tuple(Rung(found, word_for(found.model), published_loss(found.model.quantisation)) for found in fits)
    return with_fits(Ladder(title, rungs, tuple(skipped)), fits, hardware)


def with_fits(before: Ladder, fits: Sequence[Fit], hardware: Hardware) -> Ladder:
    """The ladder with these verdicts for its files, in its order, and the recommended one chosen by them."""
    chosen, reason = _recommended(fits, hardware)
    rungs = tuple(
        replace(rung, fit=found, recommended=found is chosen, reason=reason if found is chosen else "")
        for rung, found in zip(before.rungs, fits, strict=True)
    )
    return replace(before, rungs=rungs)


def groups(files: Sequence[ModelFile]) -> tuple[tuple[str, tuple[ModelFile, ...]], ...]:
    """Files of one model together, each model with its title, in the order in which they first appear.

    The same model is what its metadata calls so (base name, size, fine-tune, version); where it has none, what
    the file is called without its quantisation.
    """
    found: dict[tuple[object, ...], list[ModelFile]] = {}
    for file in files:
        found.setdefault(_identity(file), []).append(file)
    titles: dict[str, int] = {}
    result = []
    for own in found.values():
        title = _title(own[0])
        titles[title] = titles.get(title, 0) + 1
        # Two models that call themselves the same are told apart by a file's name.
        shown = title if titles[title] == 1 else f"{title} ({own[0].name})"
        result.append((shown, tuple(own)))
    return tuple(result)


def word_for(model: ModelFile) -> str:
    """ "tiny", "small", "balanced", "large" or "full"."""
    return next(word for limit, word in _WORDS if bits(model) < limit)


def bits(model: ModelFile) -> float:
    """Bits per weight as published for the file type: small models keep large embeddings, which raise their own
    figure without raising their quality.  The file's own where nothing was published."""
    return bits_by_quantisation().get(model.quantisation.upper()) or model.bits_per_weight


# --- one of them -----------------------------------------------------------------------------


def _recommended(fits: Sequence[Fit], hardware: Hardware) -> tuple[Fit | None, str]:
    """The best placement that any quantisation above three bits has, and the best quantisation with it."""
    usable = [found for found in fits if found.verdict is not Verdict.TOO_BIG]
    if not usable:
        return None, ""
    sound = [found for found in usable if bits(found.model) >= _POOR_BITS]
    if not sound:
        best = max(usable, key=_quality)
        return best, said("Nothing larger fits; below about three bits answers suffer: a smaller model may be better")
    roomy = [found for found in sound if _has_margin(found, hardware)]
    candidates = roomy or sound
    on_gpu = [found for found in candidates if found.verdict is Verdict.GPU]
    best, reason = _best_on_gpu(on_gpu) if on_gpu else _best_at_readable_speed(candidates, hardware)
    return best, reason if roomy else said("{reason}, with little memory to spare", reason=reason)


def _best_on_gpu(on_gpu: Sequence[Fit]) -> tuple[Fit, str]:
    quantised = [found for found in on_gpu if word_for(found.model) != "full"]
    best = max(quantised or on_gpu, key=_quality)
    where = said("wholly on the GPU with a context of {context:,} tokens", context=best.context)
    larger = [found for found in on_gpu if bits(found.model) > bits(best.model)]
    if not larger:
        return best, said("The best quality that is {where}", where=where)
    times = larger[0].model.size_bytes / best.model.size_bytes
    return best, said(
        "Hardly any loss, {where}; {quantisation} fits too, at {times:.1f} times the size",
        where=where,
        quantisation=larger[0].model.quantisation,
        times=times,
    )


def _best_at_readable_speed(candidates: Sequence[Fit], hardware: Hardware) -> tuple[Fit, str]:
    """Around the knee of quality against size: more bits cost speed and gain hardly anything."""
    has_gpu = bool(usable_devices(hardware))
    fast = [found for found in candidates if _tokens_per_s(found) >= READABLE_TOKENS_PER_S]
    if not fast:
        sound = [found for found in candidates if bits(found.model) >= _KNEE[0]] or candidates
        best = max(sound, key=_tokens_per_s)
        speed = said("about {n:.1f} tokens a second", n=_tokens_per_s(best))
        return best, said(
            "Slow, {speed}: the fastest that fits {where} without much loss",
            speed=speed,
            where=_where(best, has_gpu=has_gpu),
        )
    at_knee = [found for found in fast if bits(found.model) <= _KNEE[1]]
    best = max(at_knee or fast, key=_quality)
    where = _where(best, has_gpu=has_gpu)
    larger = [found for found in candidates if bits(found.model) > bits(best.model)]
    if any(found not in fast for found in larger):
        return best, said("The best quality that fits {where} and is fast enough to read along", where=where)
    if larger:
        return best, said("Hardly any loss of quality, fits {where} and is faster than the larger ones", where=where)
    return best, said("The best quality that fits {where}", where=where)


def _where(found: Fit, *, has_gpu: bool) -> str:
    if found.verdict is Verdict.SPLIT:
        return said("with part of it on the GPU")
    return said("in RAM, without the GPU") if has_gpu else said("in RAM")


def _quality(found: Fit) -> tuple[float, float]:
    """By published loss, that of the nearest number of bits where a type has none."""
    own = bits(found.model)
    known = published_loss(found.model.quantisation)
    if known is None:
        nearest = min(bits_by_quantisation().items(), key=lambda item: abs(item[1] - own))[0]
        known = published_loss(nearest)
    return -known.mean_kl_divergence if known is not None else 0.0, own


def _tokens_per_s(found: Fit) -> float:
    """The middle of the expected range; endless where nothing is known."""
    decode = found.speed.decode_tokens_per_s if found.speed is not None else None
    return math.inf if decode is None else math.sqrt(decode.low * decode.high)


def _has_margin(found: Fit, hardware: Hardware) -> bool:
    """Memory that a GPU shares is one; of a split model the GPU is filled on purpose."""
    unified = {device.name for device in hardware.devices if device.unified}
    if unified & {share.device for share in found.shares}:
        return found.available_bytes - found.total_bytes >= _MARGIN * found.available_bytes
    shares = found.shares[-1:] if found.verdict is Verdict.SPLIT else found.shares
    return all(share.margin_bytes >= _MARGIN * share.available_bytes for share in shares)


# --- one model -------------------------------------------------------------------------------


def _identity(file: ModelFile) -> tuple[object, ...]:
    header = file.header
    base = header.text("general.basename")
    if base is not None:
        more = tuple((header.text(f"general.{key}") or "").lower() for key in ("size_label", "finetune", "version"))
        return (file.architecture, base.lower(), *more)
    return file.architecture, without_quantisation(file.title).lower(), file.header.count("tokenizer.ggml.tokens")


def _title(file: ModelFile) -> str:
    return without_quantisation(file.title) or file.title
