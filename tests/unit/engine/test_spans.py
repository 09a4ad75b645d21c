"""A prompt's scaffold told from what was written, also in long conversations."""

from __future__ import annotations

from workbench.engine.spans import align


def test_the_work_grows_with_a_conversation_and_does_not_double_with_every_message() -> None:
    marks = [f"mark-{number:03}" for number in range(200)]
    contents = {mark: f"message {number}" for number, mark in enumerate(marks)}
    outline = "".join(f"<user>{mark}</user>" for mark in marks)
    text = "".join(f"<user>{content}</user>" for content in contents.values())
    found = align(text, outline, contents)
    assert found is not None
    assert [span.text for span in found if not span.is_scaffold] == list(contents.values())
