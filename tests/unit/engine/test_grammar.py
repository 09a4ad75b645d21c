"""A grammar is judged before llama.cpp sees it, and said to be wrong in words."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.sentences import matches
from workbench.engine import gbnf, grammar
from workbench.errors import GrammarError


@pytest.mark.parametrize(
    ("text", "fits", "does_not"),
    [
        ('root ::= "yes" | "no"', ["yes", "no"], ["", "yesno", "ye"]),
        ('root ::= [a-c]{2,3} "-"? [^x]', ["ab-y", "abc1"], ["a-y", "abx", "dd1"]),
        ('root ::= item ("," item)*\nitem ::= [0-9]+ # a number', ["1", "1,22,3"], [",", "1,", "x"]),
        ('root ::= (\n  "a" |\n  "b"\n) {3}', ["aba"], ["ab", "abab"]),
        ('root ::= "\\x41\\u00e9\\U0001F642" .', ["Aé🙂!"], ["Aé🙂"]),
        ('root ::= [\\]\\-^] "\\"\\\\\\n"', ['-"\\\n', '^"\\\n'], ['a"\\\n']),
        ('root ::= "(" root ")" | ""', ["", "(())"], ["(", "())"]),
        ('root ::= "a"{2,} b\r\nb ::= "b"', ["aab", "aaaab"], ["ab"]),
    ],
)
def test_a_grammar_matches_what_it_says(text: str, fits: list[str], does_not: list[str]) -> None:
    rules = grammar.check(text)
    assert [matches(rules, one) for one in fits] == [True] * len(fits)
    assert [matches(rules, one) for one in does_not] == [False] * len(does_not)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rule named root"),
        ('answer ::= "a"', "no rule named root"),
        ('root := "a"', "::= is expected after root"),
        ("root ::= missing", "a rule missing, which is not there"),
        ('root ::= root "a" | "b"', "begins with itself"),
        ('root ::= a "x"\na ::= b root\nb ::= c\nc ::= "" | "z"', "begins with itself"),
        ('root ::= ("a"?)*', "repeats without end what may be empty"),
        ('root ::= "a" root', "can never end"),
        ('root ::= "a"{1000000}', "repeats at most 2,000"),
        ('root ::= ("a" | "b"){1000}{1000}', "repeats at most 2,000"),
        ('root ::= "' + "a" * 1000 + '"{2000}', "too many when they are written out"),
        ("root ::= " + "(" * 1000 + '"a"' + ")" * 1000, "nested more than 64 deep"),
        ("x" * 70_000, "longer than 64 KiB"),
        ('root ::= "a', "a text is not closed"),
        ("root ::= [a", "[ is not closed"),
        ("root ::= []", "names no character"),
        ("root ::= [z-a]", "end of a range lies before"),
        ('root ::= "\\q"', "escape is not known"),
        ('root ::= "\\x00"', "no character that a model can write"),
        ("root ::= *", "nothing to repeat"),
        ('root ::= "a"{5,2}', "asks for more than it allows"),
        ('root ::= "a" )', "is not expected here"),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 10: root is defined twice"),
        ("root ::= <thing", "a token is written"),
        ("root ::= <[12", "a token is written"),
        ("root ::= <[a]>", "a token is written"),
        ('root ::= "a\x00"', "NUL"),
    ],
)
def test_a_wrong_grammar_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(GrammarError) as caught:
        grammar.check(text)
    assert said in caught.value.message
    assert caught.value.hint is not None


def test_a_long_chain_of_rules_is_refused_before_anything_recurses_over_it() -> None:
    chain = "\n".join(f"r{number} ::= r{number + 1}" for number in range(3000))
    with pytest.raises(GrammarError, match="begin one with the other"):
        grammar.check(f'root ::= r0\n{chain}\nr3000 ::= "a"')


_CHARS = st.builds(lambda low, more: gbnf.Chars(((low, low + more),)), st.integers(0x20, 0xD000), st.integers(0, 300))
_NODES = st.recursive(
    st.one_of(_CHARS, st.text('ab"\\\n]^-é🙂', min_size=1, max_size=4).map(gbnf.Text)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: gbnf.seq(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: gbnf.choice(*parts)),
        st.builds(gbnf.repeat, inner, st.just(0), st.integers(1, 3)),
    ),
    max_leaves=8,
)


@given(_NODES, st.text('ab"\\\n]^-é🙂', max_size=6))
def test_what_is_written_is_read_as_the_same_language(node: gbnf.Node, text: str) -> None:
    rules = {"root": node}
    assert matches(grammar.check(gbnf.render(rules)), text) == matches(rules, text)


@given(st.text('abroot:=|()[]{}<>!?*+.,0129"\\^-#\n ', max_size=60))
def test_any_text_is_either_a_grammar_or_refused(text: str) -> None:
    with contextlib.suppress(GrammarError):
        assert "root" in grammar.check("root ::= " + text)
