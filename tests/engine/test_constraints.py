"""Real models held to grammars and schemas: what they write can always be read."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.conftest import GREEDY, Open, answer, request
from tests.unit.engine.test_schema import SCHEMAS as RANDOM
from tests.unit.engine.test_schema import document
from workbench.engine import native, tool_calls
from workbench.engine.base import Constraint, Grammar, JsonSchema, Request, Sampling, StopReason, Tool
from workbench.engine.grammar_vet import GrammarVetter
from workbench.engine.native_grammar import HeldToGrammar, Row
from workbench.engine.sampling import Sampler, gbnf_of
from workbench.errors import GenerationError, GrammarError, SchemaError
from workbench.jobs import Cancelled, CancelToken
from workbench.models.params import RunParams

HOT = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0)

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["name", "age"],
}
SCHEMAS: tuple[Any, ...] = (
    PERSON,
    {"type": "string", "format": "date"},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{1,3}$"},
    {"type": "array", "items": {"type": "number", "minimum": -1, "maximum": 1}, "minItems": 1, "maxItems": 3},
    {"type": "string", "minLength": 3, "maxLength": 6},
    {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"k": {"const": "é🙂"}}, "required": ["k"]}]},
)


def held(asked: Request, constraint: Constraint) -> Request:
    return replace(asked, constraint=constraint)


@pytest.fixture(scope="module")
def weights(smollm2_path: Path) -> Iterator[native.Weights]:
    with native.Weights(smollm2_path, n_gpu_layers=0) as loaded:
        yield loaded


def accepted(weights: native.Weights, gbnf: str, text: str) -> bool:
    """Whether llama.cpp's own grammar takes the text, token by token, and then an end."""
    grammar, row = HeldToGrammar(weights, gbnf), Row(weights.n_vocab)
    try:
        for token in (*weights.tokenize(text, special=False), weights.eos):
            if not grammar.allows(row, token):
                return False
            grammar.accept(token)
    finally:
        grammar.close()
    return True


@pytest.mark.parametrize("asked", SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_hot_models_answer_is_valid_whenever_it_ends(open_model: Open, smollm2_path: Path, asked: Any) -> None:
    engine, ended = open_model(smollm2_path), 0
    for seed in range(3):
        text = f"Write JSON, number {seed}."
        got = answer(
            engine, held(request(text, sampling=replace(HOT, seed=seed), max_tokens=90), JsonSchema(json.dumps(asked)))
        )
        assert got.samplers[0] == "grammar"
        if got.stop_reason is StopReason.END:
            jsonschema.Draft202012Validator(asked, format_checker=jsonschema.FormatChecker()).validate(
                json.loads(got.text)
            )
            ended += 1
        else:
            assert got.stop_reason is StopReason.MAX_TOKENS
    assert ended


@pytest.mark.parametrize(
    ("asked", "document", "valid"),
    [
        (PERSON, '{"name": "Zoë 🙂", "age": 42, "tags": ["a", "b"]}', True),
        (PERSON, '{\n  "name": "x",\n  "age": 0\n}', True),
        (PERSON, '{"name": "x", "age": 121}', False),
        (PERSON, '{"name": "123456789", "age": 1}', False),
        (PERSON, '{"age": 1}', False),
        (PERSON, '{"name": "x", "age": 1', False),
        ({"type": "string", "format": "date"}, '"2024-02-29"', True),
        ({"type": "string", "format": "date"}, '"2023-02-29"', False),
        ({"type": "string", "maxLength": 2000}, '"' + "é" * 2000 + '"', True),
        ({"type": "string", "maxLength": 2000}, '"' + "é" * 2001 + '"', False),
        ({"additionalProperties": {"type": "null"}, "properties": {"ab": {"type": "integer"}}}, '{"abc": null}', True),
        ({"additionalProperties": {"type": "null"}, "properties": {"ab": {"type": "integer"}}}, '{"ab": null}', False),
    ],
)
def test_llama_cpp_reads_a_schemas_grammar_as_it_is_meant(
    weights: native.Weights, asked: Any, document: str, valid: bool
) -> None:
    assert accepted(weights, gbnf_of(JsonSchema(json.dumps(asked))), document) is valid


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RANDOM, st.randoms(use_true_random=False))
def test_llama_cpp_takes_every_valid_document_of_any_schema(
    weights: native.Weights, asked: Any, rng: random.Random
) -> None:
    text = json.dumps(document(asked, rng), ensure_ascii=False)
    assert accepted(weights, gbnf_of(JsonSchema(json.dumps(asked))), text)
    assert not accepted(weights, gbnf_of(JsonSchema(json.dumps(asked))), text + "x")


def test_greedy_writes_the_same_whether_the_grammar_is_asked_first_or_last(weights: native.Weights) -> None:
    gbnf = 'root ::= "[" [0-9]{1,3} (", " [0-9]{1,3}){2,5} "]"'
    prompt = weights.tokenize("A list of numbers: ", special=False)

    def first(row: Row, grammar: HeldToGrammar, chain: Any) -> int:
        row.reset()
        row.apply(grammar._grammar)
        row.apply(chain)
        return row.selected

    written = []
    for choose in (first, lambda row, grammar, chain: grammar.choose(row, chain)):
        context = native.Context(weights, RunParams(n_ctx=256, n_batch=64, n_ubatch=64))
        grammar, row = HeldToGrammar(weights, gbnf), Row(weights.n_vocab)
        greedy, tokens = native.api().llama_sampler_init_greedy(), []
        context.prefill(prompt, 0, lambda: False, output=True)
        while not tokens or not weights.is_end(tokens[-1]):
            row.read(context, -1)
            tokens.append(choose(row, grammar, greedy))
            grammar.accept(tokens[-1])
            context.step(tokens[-1], len(prompt) + len(tokens) - 1)
        native.api().llama_sampler_free(greedy)
        grammar.close()
        context.close()
        written.append(tokens)
    assert written[0] == written[1]
    assert len(written[0]) > 5


def test_samplers_are_named_in_order_as_they_were_set_up(weights: native.Weights) -> None:
    full = Sampling(repetition_penalty=1.1)
    with Sampler(weights, full, 1, [], Grammar('root ::= "a"')) as sampler:
        assert sampler.names == ("grammar", "penalties", "top-k", "top-p", "min-p", "temp", "dist")
    with Sampler(weights, GREEDY, 1, []) as sampler:
        assert sampler.names == ("greedy",)


def test_the_same_seed_writes_the_same_under_a_grammar(open_model: Open, smollm2_path: Path) -> None:
    engine = open_model(smollm2_path)
    asked = held(request("Hi", sampling=replace(HOT, seed=5), max_tokens=40), JsonSchema(json.dumps(PERSON)))
    assert answer(engine, asked).text == answer(engine, asked).text


def test_no_control_token_stands_in_for_letters(weights: native.Weights) -> None:
    (control,) = weights.tokenize("<|im_start|>", special=True)
    grammar, row = HeldToGrammar(weights, 'root ::= "<|im_start|>"'), Row(weights.n_vocab)
    assert not grammar.allows(row, control)
    grammar.close()
    named = HeldToGrammar(weights, f"root ::= <[{control}]>")
    assert named.allows(row, control)
    named.close()


def test_an_answer_ends_within_no_character(weights: native.Weights) -> None:
    first_byte = next(token for token in range(weights.n_vocab) if weights.piece(token) == b"\xc3")
    grammar, row = HeldToGrammar(weights, "root ::= .*"), Row(weights.n_vocab)
    assert grammar.allows(row, weights.eos)
    grammar.accept(first_byte)
    assert not grammar.allows(row, weights.eos)
    assert not grammar.allows(row, weights.tokenize("a", special=False)[0])
    grammar.close()


@pytest.mark.parametrize("gbnf", ["root ::= <[999999]>", 'root ::= "a" <[999999]>'])
def test_a_grammar_that_no_token_fits_is_an_error_and_no_endless_answer(
    open_model: Open, smollm2_path: Path, gbnf: str
) -> None:
    engine = open_model(smollm2_path)
    with pytest.raises(GenerationError, match="No token"):
        answer(engine, held(request("Hi"), Grammar(gbnf)))
    assert answer(engine, "Hi").text


def test_a_constraint_that_cannot_be_used_is_refused_and_the_engine_goes_on(
    open_model: Open, smollm2_path: Path
) -> None:
    engine = open_model(smollm2_path)
    with pytest.raises(GrammarError, match="can never end"):
        answer(engine, held(request("Hi"), Grammar('root ::= "a" root')))
    with pytest.raises(SchemaError, match="nothing is fetched"):
        answer(engine, held(request("Hi"), JsonSchema('{"$ref": "https://example.org/s.json"}')))
    with pytest.raises(GrammarError, match="refuses the grammar"):
        answer(engine, held(request("Hi"), Grammar("root ::= <nothing like a token>")))
    assert answer(engine, "Hi").text


def test_a_forced_tool_call_is_a_call(open_model: Open, gemma_path: Path, weights: native.Weights) -> None:
    city = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]}
    tools = (Tool("weather", "The weather.", json.dumps(city)),)
    forced = tool_calls.tool_grammar(tools, tool_calls.Family.HERMES, weights)
    got = answer(open_model(gemma_path), held(request("Weather in Rome?", max_tokens=60), forced))
    (call,) = tool_calls.parse(got.text, tool_calls.Family.HERMES)[:1]
    assert call.name == "weather"
    jsonschema.validate(json.loads(call.arguments), city)


def test_a_model_that_computes_no_numbers_is_an_error_and_no_crash(weights: native.Weights) -> None:
    grammar, row = HeldToGrammar(weights, 'root ::= "a"'), Row(weights.n_vocab)
    greedy = native.api().llama_sampler_init_greedy()
    for wrong in (np.nan, np.inf):
        row.take(np.full(weights.n_vocab, wrong, np.float32))
        with pytest.raises(GenerationError, match="not numbers"):
            grammar.choose(row, greedy)
    native.api().llama_sampler_free(greedy)
    grammar.close()


SOUND = (
    'root ::= a | b\na ::= "x" [a-z]{1,3} c*\nb ::= "(" root ")" | <[5]>\nc ::= "-"? "."+ # c\n',
    'root ::= (("a" | "b"){2,4} [^\\x01-\\x1f"]? "\\u00e9")+',
)
BITS = (*'abcroot:=|()[]{}<>!?*+.,0129"\\^-#\n é🙂', "{999}", "{0}", "{0,0}", " root ", '""', "[]", "!<[3]>", "::=")


def test_a_damaged_grammar_is_refused_in_words_or_read_by_llama_cpp(weights: native.Weights) -> None:
    rng, read = random.Random(3), 0
    for _ in range(600):
        text = rng.choice(SOUND)
        for _ in range(rng.randint(1, 3)):
            at, cut = rng.randrange(len(text) + 1), rng.choice((0, 0, 1, 3))
            text = text[:at] + rng.choice(BITS) + text[at + cut :]
        with contextlib.suppress(GrammarError):
            gbnf_of(Grammar(text))
            HeldToGrammar(weights, text).close()
            read += 1
    assert read > 20


# --- a grammar is tried in a child first -------------------------------------------------------

# Each "a" can be read in two ways, which stay apart to the end: 2^n ways after n letters.
EXPLODING = 'root ::= x\nx ::= "a" x "b" | "a" x "c" | "a"'


def test_a_grammar_that_explodes_ends_a_child_and_nothing_else(
    smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.engine.grammar_vet.TRIAL_S", 3.0)
    with pytest.raises(GrammarError, match=r"too long|ends llama|seconds for one"):
        GrammarVetter().admit(Grammar(EXPLODING), smollm2_path, CancelToken())


def test_a_sound_grammar_is_tried_once(smollm2_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vetter, grammar = GrammarVetter(), Grammar('root ::= "yes" | "no"')
    vetter.admit(grammar, smollm2_path, CancelToken())
    monkeypatch.setattr("workbench.engine.child.call", lambda *_, **__: pytest.fail("tried again"))
    vetter.admit(grammar, smollm2_path, CancelToken())


def test_a_grammar_that_cannot_match_is_found_in_the_child(smollm2_path: Path) -> None:
    with pytest.raises(GenerationError, match="No token"):
        GrammarVetter().admit(Grammar("root ::= <[999999]>"), smollm2_path, CancelToken())


def test_trying_a_grammar_can_be_cancelled(smollm2_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        GrammarVetter().admit(Grammar('root ::= "a"'), smollm2_path, cancel)
