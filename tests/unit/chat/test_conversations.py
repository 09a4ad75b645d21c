"""What a restart finds: turns, answers, unfinished ones, drafts."""

from __future__ import annotations

import pytest

from workbench.chat.answer import Answer, Problem
from workbench.chat.conversations import Conversations
from workbench.chat.diary import Diary
from workbench.chat.options import Options
from workbench.chat.stored import Listed, Wanted
from workbench.chat.titles import title_of
from workbench.chat.votes.ballots import Ballots, Before, Contender, Side, Vote
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.errors import GenerationError
from workbench.models.file import Family
from workbench.models.params import RunParams
from workbench.stats.outcome import Outcome
from workbench.store.database import Database


@pytest.fixture
def db(tmp_path):
    with Database(tmp_path / "w.sqlite3") as opened:
        yield opened


def ask(drive, diary, script=("Blue.",), prompt="Which colour?"):
    driven = drive(FakeBackend(say(list(script))), journal=diary)
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("a", Family.GEMMA), n_ctx=2048, n_threads=3)
    driven.comparison.ask(prompt)
    driven.until_quiet()
    return driven


def test_turns_and_answers_come_back_as_they_were(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = ask(drive, diary)
    stored = conversations.load(diary.conversation_id)
    assert stored.title == "Which colour?"
    assert [turn.prompt for turn in stored.turns] == ["Which colour?"]
    pane = driven.comparison.panes[0]
    assert stored.turns[0].answers == {pane.id: pane.exchanges[0].answer}
    (kept,) = stored.panes
    assert (kept.n_ctx, kept.n_threads, kept.model_path) == (2048, 3, str(pane.model.path))


def test_a_vote_tells_the_system_prompt_that_its_answers_read_not_the_one_of_now(db, drive):
    conversations, diary = Conversations(db), Diary(Conversations(db))
    driven = drive(FakeBackend(say(["Blue."])), journal=diary)
    for name in ("a", "b"):
        driven.comparison.choose(driven.comparison.add_pane(), fake_model(name))
    driven.comparison.options = Options("Be brief.")
    driven.comparison.ask("Which colour?")
    driven.until_quiet()
    conversations.set_shared(diary.conversation_id, "Be a pirate.", {})
    asked = [pane.exchanges[0] for pane in driven.comparison.panes]
    sides = [Side(Contender.of(one.answer), 5, one.generation_id) for one in asked]
    ballots = Ballots(db)
    ballots.cast(Vote(*sides, Outcome.LEFT, seed=1, turn=asked[0].turn_id))
    (told,) = ballots.compared()
    assert (told.before_left, told.before_right) == (Before("Be brief."), Before("Be brief."))


def test_parameters_chosen_for_a_load_come_back_and_the_planners_do_not(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = drive(FakeBackend(say(["Blue."])), journal=diary)
    wanted = RunParams(n_ctx=2048, n_gpu_layers=0, type_k="q8_0", type_v="q8_0")
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("a"), params=wanted)
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("b"), n_ctx=2048)
    driven.comparison.ask("Which colour?")
    driven.until_quiet()
    assert [pane.params for pane in conversations.load(diary.conversation_id).panes] == [wanted, None]


def test_load_parameters_of_a_later_version_leave_the_choice_to_the_planner(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    ask(drive, diary)
    with db.transaction() as sql:
        sql.execute("""UPDATE pane SET params = '{"n_ctx": 256, "levitation": true}'""")
    assert conversations.load(diary.conversation_id).panes[0].params is None


def test_an_answer_that_was_being_written_is_marked_unfinished_with_its_text(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = drive(FakeBackend(), journal=diary)
    pane = driven.comparison.add_pane()
    driven.comparison.choose(pane, fake_model("a"))
    pane.queue("Tell me.")
    diary.asked("Tell me.", [pane])
    diary.begun(pane)
    conversations.keep_partial(diary._generations[pane], "Once upon")
    assert conversations.mark_unfinished() == 1
    assert conversations.mark_unfinished() == 0, "only once"
    answer = conversations.load(diary.conversation_id).turns[0].answers[pane.id]
    assert (answer.text, answer.stop_reason) == ("Once upon", "unfinished")
    assert "unfinished: the program ended" in answer.chips


def test_asking_again_keeps_both_attempts_and_shows_the_newest(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = ask(drive, diary)
    driven.backend.script = say(["Green."])
    driven.comparison.regenerate(driven.comparison.panes[0])
    driven.until_quiet()
    stored = conversations.load(diary.conversation_id)
    assert stored.turns[0].answers[0].text == "Green."
    with db.read() as sql:
        texts = [row["text"] for row in sql.execute("SELECT text FROM generation ORDER BY attempt")]
    assert texts == ["Blue.", "Green."]


def test_a_restored_conversation_goes_on_where_it_ended(db, drive):
    conversations = Conversations(db)
    first = Diary(conversations)
    ask(drive, first)
    second = Diary(conversations, conversations.load(first.conversation_id))
    ask(drive, second, prompt="And at night?")
    stored = conversations.load(first.conversation_id)
    assert [turn.prompt for turn in stored.turns] == ["Which colour?", "And at night?"]


def test_a_failed_answer_keeps_its_reason(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = drive(FakeBackend(answer_error=GenerationError("It broke.", hint="Again.")), journal=diary)
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("a"))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    answer = conversations.load(diary.conversation_id).turns[0].answers[0]
    assert answer.error == Problem("generation", "It broke.", "Again.")


def test_conversations_are_listed_newest_first_and_can_be_deleted(db, drive):
    conversations = Conversations(db)
    for prompt in ("first", "second"):
        ask(drive, Diary(conversations), prompt=prompt)
    assert [listed.title for listed in conversations.listed()] == ["second", "first"]
    conversations.delete(conversations.listed()[0].id)
    assert [listed.title for listed in conversations.listed()] == ["first"]
    assert conversations.load(999) is None


def test_unsent_text_is_kept(db):
    conversations = Conversations(db)
    assert conversations.draft("composer") == ""
    conversations.keep_draft("composer", "half a thought")
    conversations.keep_draft("composer", "half a thought, longer")
    assert conversations.draft("composer") == "half a thought, longer"


def test_system_prompt_and_sampling_belong_to_the_conversation(db):
    conversations = Conversations(db)
    number = conversations.create("t")
    conversations.set_shared(number, "Be brief.", {"temperature": 0.1})
    stored = conversations.load(number)
    assert (stored.system_prompt, stored.sampling) == ("Be brief.", {"temperature": 0.1})


def test_a_record_of_a_later_version_can_still_be_read():
    record = {"model": "m", "path": "p", "family": "gemma", "quantisation": "Q4_0", "synthetic": False,
              "text": "t", "stop_reason": "end", "from_the_future": 1}  # fmt: skip
    assert Answer.from_json(record).text == "t"


@pytest.mark.parametrize(
    ("prompt", "title"),
    [("\n\n  Hello there \nmore", "Hello there"), ("x" * 100, "x" * 59 + "…"), ("   ", "")],
)
def test_the_title_is_the_first_line_cut_to_size(prompt, title):
    assert title_of(prompt) == title


def test_a_pane_whose_file_is_not_there_keeps_what_it_was(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = ask(drive, diary)
    pane, other = driven.comparison.panes[0], driven.comparison.add_pane()
    driven.comparison.choose(pane, None)
    conversations.set_panes(diary.conversation_id, [pane, other])
    kept, empty = conversations.load(diary.conversation_id).panes
    assert (kept.model_path, kept.n_ctx, empty.model_path) == (str(fake_model("a").path), 2048, None)
    conversations.set_panes(diary.conversation_id, [other])
    assert [one.slot for one in conversations.load(diary.conversation_id).panes] == [other.id]


def test_asking_some_panes_leaves_the_others_where_they_are(db, drive):
    conversations = Conversations(db)
    driven = drive(FakeBackend(say(["yes"])), panes=2, journal=(diary := Diary(conversations)))
    driven.comparison.ask("One?")
    driven.until_quiet()
    diary.asked("Two?", driven.comparison.panes[:1])
    assert [one.slot for one in conversations.load(diary.conversation_id).panes] == [0, 1]


def test_lists_can_be_narrowed(db):
    conversations = Conversations(db)
    first, second = conversations.create("Alpha"), conversations.create("Beta", kind="deck")
    conversations.set_folder(first, "  Work  ")
    conversations.set_pinned(first, True)
    conversations.set_tags(first, ["two", "One", "one", " "])
    titles = [
        [one.title for one in conversations.listed(wanted)]
        for wanted in (
            Wanted(folder="Work"), Wanted(folder=""), Wanted(tag="ONE"), Wanted(kind="deck"), Wanted(pinned=True),
            Wanted(title="ALP"), Wanted(model="nobody"), Wanted(deleted=True),
        )
    ]  # fmt: skip
    assert titles == [["Alpha"], ["Beta"], ["Alpha"], ["Beta"], ["Alpha"], ["Alpha"], [], []]
    (alpha,) = conversations.listed(Wanted(title="alpha"))
    assert alpha == Listed(first, "Alpha", alpha.changed_at, "Work", True, ("One", "two"))
    assert (conversations.folders(), conversations.tags()) == (("Work",), ("One", "two"))
    conversations.delete(first)
    conversations.delete(second)
    assert (conversations.folders(), conversations.tags(), conversations.listed()) == ((), (), ())
    assert len(conversations.listed(Wanted(deleted=True))) == 2


def test_an_answers_record_is_read_only_when_it_is_asked_for(db, drive):
    conversations = Conversations(db)
    diary = Diary(conversations)
    driven = ask(drive, diary)
    whole = driven.comparison.panes[0].exchanges[0].answer
    late = conversations.load(diary.conversation_id).turns[0].answers[0]
    gone = conversations.load(diary.conversation_id).turns[0].answers[0]
    with db.transaction() as sql:
        sql.execute("UPDATE generation SET record = replace(record, 'Blue.', 'Red.')")
    assert (late.text, late.model, late.error, late.stop_reason) == ("Blue.", "a", None, "end")
    assert late.rendered_prompt == whole.rendered_prompt
    assert late.text == "Red.", "now it was read"
    with db.transaction() as sql:
        sql.execute("DELETE FROM conversation")
    assert gone.rendered_prompt is None
    assert (gone.text, gone == whole, hash(late) == hash(late)) == ("Blue.", False, True)
    with pytest.raises(AttributeError):
        _ = late.nothing_of_the_kind
