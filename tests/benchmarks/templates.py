"""The template table: prompts beside independent references.

    python -m tests.benchmarks.templates [FOLDER OR FILE ...]

Without arguments: the built-in templates and those kept for the tests.  A folder is searched for ``*.jinja``, such
as ``models/templates`` of llama.cpp's source.  The references, as far as they apply to a template:

    jinja       plain Jinja, set up as Hugging Face documents it for transformers; no sandbox, no marks, no spans
    llama.cpp   its own C++ writers, for the formats it recognises (llama_chat_apply_template); system prompts and
                dates that only the template knows are beyond them
    mistral     what mistral-common wrote (tests/fixtures/mistral_common.json), for Mistral's formats
    documents   the publishers' documented formats, written out by hand

A template that none but plain Jinja can check is listed as untried: Jinja says that we run it as it is, nobody says
that it is what the model was trained on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.template_references import (
    CONVERSATIONS,
    FIXTURES,
    TODAY,
    Letters,
    Reference,
    by_documents,
    by_jinja,
    by_llama_cpp,
    by_mistral_common,
    usual_form,
)
from workbench.engine.prompt import PromptWriter
from workbench.engine.templates import TemplateChoice, builtin_names, choose
from workbench.errors import TemplateError

REFERENCES: dict[str, Reference] = {
    "jinja": by_jinja,
    "llama.cpp": by_llama_cpp,
    "mistral": by_mistral_common,
    "documents": by_documents,
}


def main(arguments: Sequence[str]) -> int:
    texts = {f"builtin:{name}": choose(None, name).text or "" for name in builtin_names()}
    for place in map(Path, arguments or [str(FIXTURES / "templates")]):
        files = sorted(place.glob("*.jinja")) if place.is_dir() else [place]
        texts |= {path.stem: path.read_text(encoding="utf-8") for path in files}
    print(f"{'template':44} {'system':12} {'own system':10} {'date':10} " + " ".join(f"{n:>10}" for n in REFERENCES))
    differing, untried = 0, []
    for name, text in texts.items():
        cells = {reference: cell(name, text, reference) for reference in REFERENCES}
        differing += sum("/" in value and value.split("/")[0] != value.split("/")[1] for value in cells.values())
        if all(value == "-" for reference, value in cells.items() if reference != "jinja"):
            untried.append(name)
        print(f"{name[:44]:44} {facts(text)} " + " ".join(f"{value:>10}" for value in cells.values()))
    print(f"{len(texts)} templates, {differing} cells with a difference")
    print(f"untried (no reference but plain Jinja): {', '.join(untried) or 'none'}")
    return 1 if differing else 0


def cell(name: str, text: str, reference: str) -> str:
    """How many of the conversations are written as the reference has them; "-" where it has none."""
    equal, tried = 0, 0
    for title, messages in CONVERSATIONS.items():
        refusal, ours = None, None
        try:
            ours = writer(text).write(messages).rendered
        except TemplateError as error:
            refusal = str(error)
        expected = REFERENCES[reference](name, text, messages, "" if ours is None else ours.system)
        if expected is None and (ours is not None or reference != "jinja"):
            continue
        tried += 1
        found = refusal if ours is None else usual_form(ours.text)
        if found == (refusal if expected is None else usual_form(expected)):
            equal += 1
        else:
            print(f"! {name}, {title}, {reference}:\n  ours      {found!r}\n  reference {expected!r}")
    return f"{equal}/{tried}" if tried else "-"


def facts(text: str) -> str:
    try:
        asked = writer(text).write(CONVERSATIONS["system"]).rendered
        plain = writer(text).write(CONVERSATIONS["question"]).rendered
    except TemplateError:
        return f"{'?':12} {'?':10} {'?':10}"
    own = "-" if plain.inserted_system is None else f"{len(plain.inserted_system)} chars"
    return f"{asked.system:12} {own:10} {plain.date or '-':10}"


def writer(text: str) -> PromptWriter:
    return PromptWriter(Letters(), TemplateChoice("user", text), today=TODAY)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
