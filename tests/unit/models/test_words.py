"""A verdict says itself with shape and word, whatever the colour."""

from __future__ import annotations

import pytest

from tests.unit.models.described_models import model, with_gpu
from workbench.engine.fake import fake_model
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.models.fit import fit
from workbench.models.words import verdict_words


@pytest.mark.parametrize(
    ("machine", "size_bytes", "shape", "says", "tone"),
    [
        (LAPTOP_WITHOUT_GPU, 10**9, "●", "fits in RAM", "good"),
        (RTX_4070, 10**9, "●", "fits", "good"),
        (RTX_4070, 20 * 10**9, "◐", "partly on CPU", "caution"),
        (LAPTOP_WITHOUT_GPU, 90 * 10**9, "✕", "too big by", "bad"),
    ],
)
def test_the_words_of_a_verdict(machine, size_bytes, shape, says, tone):
    words = verdict_words(fit(fake_model("m", size_bytes=size_bytes), machine), has_gpu=bool(machine.devices))
    assert (words.shape, words.tone) == (shape, tone)
    assert says in str(words)


def test_experts_in_ram_are_said_to_be_there():
    found = fit(model(14, experts=64, used=4), with_gpu(7))
    assert str(verdict_words(found, has_gpu=True)) == "◐ fits, experts partly in RAM (slower)"
