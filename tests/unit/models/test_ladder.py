"""The ladder of one model's quantisations, and which rung is recommended on machines of all kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.described_models import model, quantisations, with_gpu, with_ram
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.models.fit import Verdict
from workbench.models.ladder import groups, ladder, with_fits
from workbench.models.learnt import DeviceSpeed, Learnt
from workbench.models.quality import bits_by_quantisation, published_loss, quantisation_within


def recommended(machine, *names: str, scale: float = 1.0, **more: object):
    found = ladder(quantisations(*names, scale=scale), machine, **more)
    assert found.recommended is not None
    return found.recommended


def test_rungs_come_largest_first_with_word_and_published_loss() -> None:
    found = ladder(quantisations("Q4_K_M", "F16", "Q2_K", "Q6_K", "Q3_K_M"), RTX_4070)
    assert found.title == "Llama 3 8B"
    assert [rung.fit.model.quantisation for rung in found.rungs] == ["F16", "Q6_K", "Q4_K_M", "Q3_K_M", "Q2_K"]
    assert [rung.word for rung in found.rungs] == ["full", "large", "balanced", "small", "tiny"]
    losses = [rung.loss.mean_kl_divergence for rung in found.rungs if rung.loss is not None]
    assert losses == sorted(losses)
    assert len(losses) == 5
    assert found.skipped == ()


def test_one_rung_at_most_is_recommended_and_says_why() -> None:
    found = ladder(quantisations(), RTX_4070)
    marked = [rung for rung in found.rungs if rung.recommended]
    assert marked == [found.recommended]
    assert [bool(rung.reason) for rung in found.rungs] == [rung.recommended for rung in found.rungs]


def test_a_gpu_gets_the_best_quality_that_is_wholly_on_it() -> None:
    rung = recommended(with_gpu(8))
    assert rung.fit.verdict is Verdict.GPU
    better = ladder(quantisations("Q8_0"), with_gpu(8)).rungs[0]
    assert better.fit.verdict is not Verdict.GPU
    assert "wholly on the GPU" in rung.reason
    assert f"{rung.fit.context:,} tokens" in rung.reason


def test_full_precision_is_not_worth_twice_the_memory() -> None:
    rung = recommended(with_gpu(40))
    assert rung.fit.model.quantisation == "Q8_0"
    assert "F16 fits too" in rung.reason
    assert recommended(with_gpu(40), "F16").fit.model.quantisation == "F16"


def test_a_rung_that_only_just_fits_is_left_for_one_with_room() -> None:
    (eight,) = ladder(quantisations("Q8_0"), with_gpu(40)).rungs
    needs_gib = eight.fit.shares[0].total_bytes / (1 << 30) + 0.5
    assert recommended(with_gpu(needs_gib + 0.01), "Q8_0", "Q6_K").fit.model.quantisation == "Q6_K"
    tight = recommended(with_gpu(needs_gib + 0.01), "Q8_0")
    assert "little memory to spare" in tight.reason


def test_without_a_gpu_the_knee_is_preferred_to_the_largest() -> None:
    rung = recommended(with_ram(40))
    assert rung.fit.verdict is Verdict.CPU
    assert rung.fit.model.quantisation in {"Q4_K_M", "Q5_K_M", "Q6_K"}
    assert "RAM" in rung.reason


def test_without_a_gpu_it_has_to_be_fast_enough_to_read() -> None:
    key = LAPTOP_WITHOUT_GPU.cpu.key
    for bandwidth, expected in ((60e9, "Q6_K"), (31e9, "Q5_K_M"), (26e9, "Q4_K_M")):
        slow = Learnt(speeds={key: DeviceSpeed(bandwidth, 0.0, None, runs=5, spread=0.1)})
        rung = recommended(with_ram(20), learnt=slow)
        assert rung.fit.model.quantisation == expected
        assert rung.fit.speed is not None
        assert rung.fit.speed.decode_tokens_per_s is not None
        assert rung.fit.speed.decode_tokens_per_s.high >= 5


def test_where_nothing_is_fast_the_fastest_without_much_loss_is_named_slow() -> None:
    rung = recommended(with_ram(60), scale=8.8)
    assert rung.fit.model.quantisation in {"Q4_K_M", "IQ4_XS"}
    assert rung.reason.startswith("Slow, about")


def test_an_unknown_speed_decides_nothing() -> None:
    silent = replace(with_ram(40), memory=replace(with_ram(40).memory, bandwidth_bytes_per_s=None))
    assert recommended(silent).fit.model.quantisation == "Q6_K"


def test_below_three_bits_only_where_nothing_else_fits_and_it_says_so() -> None:
    machine = with_ram(7)
    found = ladder(quantisations("Q4_K_M", "Q2_K", "IQ1_S"), machine)
    assert found.rungs[0].fit.verdict is Verdict.TOO_BIG
    assert found.recommended is not None
    assert found.recommended.fit.model.quantisation == "Q2_K"
    assert "answers suffer" in found.recommended.reason
    split = recommended(with_gpu(5), "Q4_K_M", "IQ1_S")
    assert split.fit.model.quantisation == "Q4_K_M", "partly on the GPU, rather than too few bits wholly there"


def test_other_numbers_for_a_file_may_move_the_star() -> None:
    found = ladder(quantisations(), RTX_4070)
    fits = [replace(one.fit, verdict=Verdict.TOO_BIG) if one.recommended else one.fit for one in found.rungs]
    again = with_fits(found, fits, RTX_4070)
    assert found.recommended is not None
    assert again.recommended is not None
    assert again.recommended.fit.model is not found.recommended.fit.model
    assert again.recommended.fit.verdict is Verdict.GPU
    assert again.recommended.reason
    assert [bool(rung.reason) for rung in again.rungs] == [rung.recommended for rung in again.rungs]
    assert with_fits(found, [rung.fit for rung in found.rungs], RTX_4070) == found


def test_nothing_is_recommended_where_nothing_fits() -> None:
    found = ladder(quantisations(scale=60), LAPTOP_WITHOUT_GPU)
    assert found.recommended is None
    assert {rung.fit.verdict for rung in found.rungs} == {Verdict.TOO_BIG}


@pytest.mark.parametrize("machine", [LAPTOP_WITHOUT_GPU, RTX_4070, M3_PRO], ids=lambda machine: machine.label)
@pytest.mark.parametrize("scale", [0.15, 0.5, 1.0, 1.6, 4.0])
def test_a_recommended_rung_fits_and_has_enough_bits_where_one_does(machine, scale: float) -> None:
    found = ladder(quantisations(scale=scale), machine)
    fitting = [rung for rung in found.rungs if rung.fit.verdict is not Verdict.TOO_BIG]
    if not fitting:
        assert found.recommended is None
        return
    assert found.recommended in fitting
    if any(rung.word != "tiny" for rung in fitting):
        assert found.recommended is not None
        assert found.recommended.word != "tiny"


# --- one model among files -------------------------------------------------------------------


def test_files_of_several_models_are_told_apart_by_their_metadata() -> None:
    base = {"general.basename": "Llama-3.1", "general.size_label": "8B"}
    chat = [
        model(size, name=f"chat-{name}", title="Llama 3.1 8B Instruct", quantisation=name,
              metadata=base | {"general.finetune": "Instruct"})
        for name, size in (("Q4_K_M", 4.6), ("Q8_0", 8.0))
    ]  # fmt: skip
    plain = model(4.6, name="plain", title="Llama 3.1 8B", metadata=base)
    assert groups([chat[0], plain, chat[1]]) == (
        ("Llama 3.1 8B Instruct", (chat[0], chat[1])),
        ("Llama 3.1 8B", (plain,)),
    )


def test_files_without_metadata_are_told_apart_by_name_without_quantisation() -> None:
    names = [
        "Foo-7B-Instruct-Q4_K_M",
        "Foo-7B-Instruct.Q8_0",
        "foo-7b-instruct-UD-Q2_K_XL",
        "Bar-7B-IQ3_XXS",
        "Bar-7B-BF16",
    ]
    files = [model(4, name=name, title=name) for name in names]
    assert [(title, len(own)) for title, own in groups(files)] == [("Foo-7B-Instruct", 3), ("Bar-7B", 2)]


def test_strangers_and_doubles_are_skipped_with_a_reason() -> None:
    files = quantisations("Q4_K_M", "Q8_0")
    double = replace(files[0], name="copy")
    stranger = quantisations("Q6_K", title="Another 8B")
    found = ladder([*files, double, *stranger], RTX_4070)
    assert len(found.rungs) == 2
    said = dict(found.skipped)
    assert said[stranger[0].name] == "another model: Another 8B"
    assert sum(reason.startswith("the same as") for reason in said.values()) == 1


def test_no_files_make_an_empty_ladder() -> None:
    assert ladder([], RTX_4070).rungs == ()


# --- published figures -----------------------------------------------------------------------


def test_published_losses_name_their_model_source_and_date() -> None:
    loss = published_loss("q4_k_m")
    assert loss is not None
    assert loss.mean_kl_divergence == 0.031273
    assert loss.model == "Llama 3 8B"
    assert "tools/perplexity/README.md" in loss.source
    assert "2024" in loss.source
    assert published_loss("Q4_K_XL") is None


def test_more_bits_lose_less_among_the_usual_ones() -> None:
    usual = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "IQ2_M", "IQ1_S"]
    bits = [bits_by_quantisation()[name] for name in usual]
    assert bits == sorted(bits, reverse=True)
    losses = [loss.mean_kl_divergence for name in usual if (loss := published_loss(name))]
    assert losses == sorted(losses)
    assert bits_by_quantisation()["Q4_K_M"] == pytest.approx(4.9, abs=0.05)


def test_the_quantisation_within_a_number_of_bits_is_the_next_smaller() -> None:
    assert quantisation_within(8.6) == "Q8_0"
    assert quantisation_within(6.6) == "Q6_K"
    assert quantisation_within(4.8) == "Q4_K_S"
    assert quantisation_within(1.0) is None
