"""Downloads: what is fetched, what is shown of it, and what becomes of the queue."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import Faults
from tests.unit.hub.downloading import FILE, HASTY, MANNERS, PIECE, REPOSITORY, SIZE, Bench, bench_in, sha256_of
from workbench.errors import Cancelled, GatedModelError, HubError, ModelNotFoundError, OfflineError
from workbench.hub.delivery import FileInTheWayError
from workbench.hub.digests import Digests
from workbench.hub.download_rows import Promise, State
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import connecting
from workbench.hub.locks import DownloadedElsewhereError
from workbench.hub.transfer import Manners, Phase
from workbench.hub.wanted import Wanted
from workbench.jobs import CancelToken, run
from workbench.models.file import Origin

LARGE = 2 * PIECE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


def test_a_file_arrives_whole_and_leaves_nothing_else(bench: Bench) -> None:
    found = bench.fetch(bench.publish())
    assert found.state is State.DONE
    assert found.files == (bench.final(),)
    assert (found.done_bytes, found.total_bytes) == (SIZE, SIZE)
    bench.assert_right()


def test_every_byte_is_fetched_once_by_several_connections(bench: Bench) -> None:
    bench.fetch(bench.publish(faults=Faults(step_s=0.002)))
    assert bench.hub.sent_bytes(FILE) == SIZE
    assert len({one.client for one in bench.hub.requests(FILE, origin="cdn")}) == MANNERS.connections


def test_its_hash_is_remembered_and_the_file_not_read_again(bench: Bench) -> None:
    bench.fetch(bench.publish())
    assert Digests(bench.db).known(bench.final()) == sha256_of(bench.contents[FILE])


def test_states_tell_of_a_beginning_a_middle_and_an_end(bench: Bench) -> None:
    bench.fetch(bench.publish(faults=Faults(step_s=0.002)))
    phases = [state.phase for state in bench.states]
    assert phases[0] is Phase.FETCHING
    assert phases[-1] is Phase.DONE
    done = [state.done_bytes for state in bench.states]
    assert done == sorted(done), "it never goes backwards"
    assert (done[-1], bench.states[-1].total_bytes) == (SIZE, SIZE)
    assert any(state.bytes_per_s > 0 and state.eta_s is not None for state in bench.states)
    assert (bench.states[-1].bytes_per_s, bench.states[-1].eta_s) == (0, None)


def test_what_the_hub_promises_is_asked_where_it_is_not_known(bench: Bench) -> None:
    bench.publish("sub/m-00001-of-00002.gguf", "sub/m-00002-of-00002.gguf")
    wanted = Wanted.of_origin(Origin(REPOSITORY, bench.commit, "sub/m-00001-of-00002.gguf"))
    downloads = bench.downloads()
    added = downloads.add(wanted)
    assert added.total_bytes is None
    run(downloads.fetch(added.id), on_event=bench.states.append)
    assert bench.states[0].phase is Phase.ASKING
    for name, content in bench.contents.items():
        assert bench.final(name).read_bytes() == content
    assert downloads.get(added.id).total_bytes == 2 * SIZE


def test_a_file_that_is_there_already_is_not_fetched(bench: Bench) -> None:
    wanted = bench.publish()
    bench.final().parent.mkdir(parents=True)
    bench.final().write_bytes(bench.contents[FILE])
    assert bench.fetch(wanted).state is State.DONE
    assert bench.hub.requests() == []
    assert Phase.CHECKING in {state.phase for state in bench.states}


def test_another_file_of_that_name_is_left_alone(bench: Bench) -> None:
    wanted = bench.publish()
    bench.final().parent.mkdir(parents=True)
    bench.final().write_bytes(b"mine")
    assert isinstance(bench.refusal(wanted), FileInTheWayError)
    assert bench.final().read_bytes() == b"mine"
    assert bench.hub.requests() == []


def test_another_file_of_that_name_goes_where_that_was_said(bench: Bench) -> None:
    wanted = bench.publish()
    bench.final().parent.mkdir(parents=True)
    bench.final().write_bytes(b"old")
    downloads = bench.downloads()
    run(downloads.fetch(downloads.add(wanted, replaces=True).id))
    bench.assert_right()


# --- split models ----------------------------------------------------------------------------

PARTS = tuple(f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3))


def test_a_split_model_is_one_download(bench: Bench) -> None:
    found = bench.fetch(bench.publish(*PARTS))
    assert [path.name for path in found.files] == list(PARTS)
    assert found.total_bytes == 3 * SIZE
    bench.assert_right(*PARTS)


def test_no_part_of_a_split_model_is_visible_before_all_are_right(bench: Bench) -> None:
    wanted = bench.publish(*PARTS)
    downloads = bench.downloads()
    for _ in downloads.fetch(downloads.add(wanted).id)(CancelToken()):
        if downloads.listing()[0].state is not State.DONE:
            assert bench.visible == []
    bench.assert_right(*PARTS)


def test_one_wrong_part_hides_them_all_and_the_right_ones_are_kept(bench: Bench) -> None:
    wanted = bench.publish(*PARTS, promised={PARTS[2]: "0" * 64})
    assert bench.refusal(wanted).code == "checksum"
    assert bench.visible == []
    right = bench.publish(*PARTS)
    bench.hub.forget()
    bench.fetch(right)
    assert bench.hub.sent_bytes(PARTS[0]) == bench.hub.sent_bytes(PARTS[1]) == 0
    assert [bench.final(name).read_bytes() for name in PARTS] == [bench.contents[name] for name in PARTS]


def test_names_given_to_some_parts_are_given_to_all_at_the_next_start(bench: Bench) -> None:
    wanted = bench.publish(*PARTS)
    downloads = bench.downloads()
    added = downloads.add(wanted)
    task = downloads.fetch(added.id)(CancelToken())
    for state in task:
        if state.name == PARTS[2] and state.phase in (Phase.FETCHING, Phase.VERIFYING):
            break
    task.close()
    # As a process leaves it that ends between two names: the last part has its own, the others not.
    bench.part(PARTS[2]).unlink()
    bench.journal(PARTS[2]).unlink()
    bench.final(PARTS[2]).write_bytes(bench.contents[PARTS[2]])
    with bench.db.transaction() as sql:
        sql.execute("UPDATE download SET state = 'publishing'")
    bench.hub.forget()
    assert run(bench.downloads().work()) == 1
    assert bench.hub.requests() == []
    bench.assert_right(*PARTS)


# --- the queue -------------------------------------------------------------------------------


def test_the_queue_survives_the_program_in_its_order(bench: Bench) -> None:
    first = bench.downloads()
    ids = [first.add(bench.publish(name)).id for name in ("a.gguf", "b.gguf", "c.gguf")]
    first.reorder(ids[2], 0)
    first.pause(ids[0])
    again = bench.downloads().listing()
    assert [(one.id, one.state) for one in again] == [
        (ids[2], State.QUEUED),
        (ids[0], State.PAUSED),
        (ids[1], State.QUEUED),
    ]


def test_work_takes_what_is_queued_in_order_and_leaves_the_rest(bench: Bench) -> None:
    wanted = [bench.publish(name, seed=seed) for seed, name in enumerate(("a.gguf", "b.gguf", "c.gguf"))]
    for one in wanted:
        bench.hub.add(REPOSITORY, {one.path: bench.home / "published" / f"{wanted.index(one)}-0"})
    downloads = bench.downloads()
    ids = [downloads.add(one).id for one in wanted]
    downloads.pause(ids[1])
    downloads.reorder(ids[2], 0)
    assert run(downloads.work(), on_event=bench.states.append) == 2
    assert list(dict.fromkeys(state.id for state in bench.states)) == [ids[2], ids[0]]
    assert bench.visible == ["a.gguf", "c.gguf"]


def test_one_that_fails_does_not_keep_the_next_from_coming(bench: Bench) -> None:
    downloads = bench.downloads()
    gone = Wanted.of_origin(Origin(REPOSITORY, "a" * 40, "gone.gguf"))
    failed = downloads.add(gone).id
    downloads.add(bench.publish())
    assert run(downloads.work(), on_event=bench.states.append) == 1
    bench.assert_right()
    reason = downloads.get(failed).reason
    assert reason is not None
    assert (downloads.get(failed).state, reason.code) == (State.FAILED, "model_not_found")
    assert [state.error for state in bench.states if state.id == failed][-1] == reason


def test_a_failed_one_is_retried_on_request(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(missing_files=True))
    downloads = bench.downloads()
    added = downloads.add(wanted)
    assert run(downloads.work()) == 0
    bench.hub.break_(REPOSITORY, Faults())
    assert run(downloads.work()) == 0, "not by itself"
    downloads.retry(added.id)
    assert run(downloads.work()) == 1
    assert downloads.get(added.id).reason is None


def test_pausing_stops_the_work_on_one_and_keeps_what_arrived(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(step_s=0.005))
    downloads = bench.downloads()
    added = downloads.add(wanted)
    for state in downloads.work()(CancelToken()):
        bench.states.append(state)
        if state.done_bytes > 4 * PIECE:
            downloads.pause(added.id)
    assert bench.states[-1].phase is Phase.PAUSED
    paused = downloads.get(added.id)
    assert (paused.state, paused.is_running) == (State.PAUSED, False)
    assert paused.done_bytes >= PIECE
    bench.hub.break_(REPOSITORY, Faults())
    bench.hub.forget()
    downloads.resume(added.id)
    assert run(downloads.work()) == 1
    assert bench.hub.sent_bytes(FILE) == SIZE - paused.done_bytes
    bench.assert_right()


@pytest.mark.parametrize("spoilt", [False, True], ids=["intact", "spoilt on the disk"])
def test_pausing_inside_large_pieces_loses_nothing_of_them(bench: Bench, spoilt: bool) -> None:
    size = 24 * LARGE
    wanted = bench.publish(size=size, faults=Faults(step_s=0.005))
    downloads = bench.downloads(manners=replace(MANNERS, piece_bytes=8 * LARGE))
    added = downloads.add(wanted)
    task = downloads.fetch(added.id)(CancelToken())
    for state in task:
        if state.done_bytes >= 6 * LARGE:
            break
    task.close()
    kept = downloads.get(added.id).done_bytes
    assert kept >= 6 * LARGE, "no piece was whole yet"
    if spoilt:
        with bench.part().open("r+b") as file:
            file.write(b"x" * 1000)
    bench.hub.break_(REPOSITORY, Faults())
    bench.hub.forget()
    run(downloads.fetch(added.id))
    again = bench.hub.sent_bytes(FILE) - (size - kept)
    assert again <= (8 * LARGE if spoilt else 0)
    assert (again > 0) == spoilt
    bench.assert_right()


def test_a_pause_from_another_process_is_heard(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(step_s=0.5))
    here, elsewhere = bench.downloads(), bench.downloads()
    added = here.add(wanted)
    for state in here.work()(CancelToken()):
        bench.states.append(state)
        if state.phase is Phase.FETCHING:
            elsewhere.pause(added.id)
    assert bench.states[-1].phase is Phase.PAUSED
    assert bench.hub.sent_bytes(FILE) < SIZE


def test_cancelling_keeps_the_part_and_removing_deletes_it(bench: Bench) -> None:
    wanted = bench.publish()
    bench.begin(wanted)
    downloads = bench.downloads()
    (added,) = downloads.listing()
    downloads.cancel(added.id)
    assert run(downloads.work()) == 0
    assert bench.part().exists()
    downloads.remove(added.id)
    assert bench.lying_there == []
    assert downloads.listing() == ()


def test_removing_one_that_runs_deletes_what_arrived(bench: Bench) -> None:
    downloads = bench.downloads()
    added = downloads.add(bench.publish(faults=Faults(step_s=0.005)))
    for state in downloads.work()(CancelToken()):
        bench.states.append(state)
        if state.done_bytes > 2 * PIECE and downloads.listing():
            downloads.remove(added.id)
    assert bench.states[-1].phase is Phase.CANCELLED
    assert bench.lying_there == []


def test_what_the_hub_promised_of_finished_ones_is_known_by_where_they_are(bench: Bench) -> None:
    wanted = bench.publish()
    downloads = bench.downloads()
    added = downloads.add(wanted)
    assert downloads.promised() == {}, "until it is there, another file may be"
    run(downloads.fetch(added.id))
    assert downloads.promised() == {bench.final(): Promise(sha256_of(bench.contents[FILE]), REPOSITORY, bench.commit)}


def test_another_hub_counts_for_what_begins_later(bench: Bench) -> None:
    wanted = bench.publish(gated="manual")
    downloads = bench.downloads(endpoint="http://127.0.0.1:1")
    added = downloads.add(wanted)
    downloads.use(bench.hub.endpoint, connecting(bench.hub.endpoint, offline=False, patience=HASTY), connections=1)
    with pytest.raises(GatedModelError) as caught:
        run(downloads.fetch(added.id))
    assert f"{bench.hub.endpoint}/{REPOSITORY}," in (caught.value.hint or "")
    assert "workbench models token set" in (caught.value.hint or "")
    assert "HF_TOKEN" in (caught.value.hint or "")
    bench.publish(gated=False)
    bench.hub.forget()
    run(downloads.fetch(added.id))
    assert len({one.client for one in bench.hub.requests(origin="cdn")}) == 1, "one connection"


def test_removing_a_finished_one_keeps_the_model(bench: Bench) -> None:
    found = bench.fetch(bench.publish())
    bench.downloads().remove(found.id)
    bench.assert_right()


def test_what_the_hub_said_of_a_finished_one_outlives_its_place_on_the_list(bench: Bench) -> None:
    wanted = bench.publish()
    found = bench.fetch(wanted)
    downloads = bench.downloads()
    promised = downloads.promised()
    downloads.remove(found.id)
    assert downloads.listing() == ()
    assert downloads.promised() == promised
    assert list(promised) == [bench.final()]
    with pytest.raises(ModelNotFoundError):
        downloads.get(found.id)
    (again,) = (downloads.add(wanted), *downloads.listing())[1:]
    assert again.state is State.QUEUED, "asked for again it is on the list again"
    assert downloads.promised() == {}


def test_what_the_hub_said_is_forgotten_with_the_files_it_said_it_of(bench: Bench) -> None:
    found = bench.fetch(bench.publish())
    downloads = bench.downloads()
    downloads.remove(found.id)
    downloads.forget([bench.final().with_name("another.gguf")])
    assert downloads.promised()
    downloads.forget([bench.final()])
    assert downloads.promised() == {}


def test_closing_the_program_leaves_a_download_queued(bench: Bench) -> None:
    cancel = CancelToken()
    downloads = bench.downloads()
    added = downloads.add(bench.publish(faults=Faults(step_s=0.005)))

    def close_soon(state: DownloadState) -> None:
        if state.done_bytes > PIECE:
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(downloads.work(), cancel=cancel, on_event=close_soon)
    assert downloads.get(added.id).state is State.QUEUED
    assert bench.part().exists()


def test_adding_the_same_again_is_no_second_download(bench: Bench) -> None:
    wanted = bench.publish()
    downloads = bench.downloads()
    assert downloads.add(wanted).id == downloads.add(wanted).id
    assert len(downloads.listing()) == 1


def test_a_newer_commit_takes_the_place_of_the_older_one(bench: Bench) -> None:
    downloads = bench.downloads()
    old = downloads.add(bench.publish())
    wanted = bench.publish(seed=2)
    assert downloads.add(wanted).id == old.id
    assert downloads.get(old.id).wanted.commit == wanted.commit
    run(downloads.work())
    bench.assert_right()


def test_an_unknown_download_is_named(bench: Bench) -> None:
    with pytest.raises(ModelNotFoundError, match="no download 7"):
        bench.downloads().pause(7)


def test_one_file_is_never_written_by_two(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(step_s=0.005))
    here, there = bench.downloads(), bench.downloads()
    added = here.add(wanted)
    task = here.fetch(added.id)(CancelToken())
    next(task)
    with pytest.raises(DownloadedElsewhereError, match="process"):
        run(there.fetch(added.id))
    assert run(there.work()) == 0
    with pytest.raises(DownloadedElsewhereError):
        there.remove(added.id)
    for _ in task:
        pass
    bench.assert_right()
    assert here.get(added.id).state is State.DONE


# --- what holds whatever the hub does --------------------------------------------------------


def test_offline_no_socket_is_opened(bench: Bench) -> None:
    downloads = bench.downloads(offline=True)
    added = downloads.add(bench.publish())
    for task in (downloads.fetch(added.id), downloads.work()):
        with pytest.raises(OfflineError):
            run(task)
    assert bench.hub.served == []
    assert downloads.get(added.id).state is State.QUEUED


def test_a_disk_without_room_pauses_before_a_byte_is_fetched(bench: Bench) -> None:
    wanted = bench.publish()
    bench.free_bytes = SIZE + 99
    error = bench.refusal(wanted, manners=Manners(floor_bytes=100, piece_bytes=PIECE))
    assert error.code == "disk_full"
    assert bench.hub.requests() == []
    (paused,) = bench.downloads().listing()
    assert paused.reason is not None
    assert (paused.state, paused.reason.code) == (State.PAUSED, "disk_full")


def test_a_disk_that_fills_up_meanwhile_pauses_and_keeps_what_arrived(bench: Bench) -> None:
    downloads = bench.downloads()
    added = downloads.add(bench.publish(faults=Faults(step_s=0.005)))
    for state in downloads.work()(CancelToken()):
        bench.states.append(state)
        if state.done_bytes > 3 * PIECE:
            bench.free_bytes = 0
    last = bench.states[-1]
    assert last.error is not None
    assert (last.phase, last.error.code) == (Phase.PAUSED, "disk_full")
    assert downloads.get(added.id).done_bytes >= PIECE
    bench.free_bytes = 1 << 50
    downloads.resume(added.id)
    run(downloads.work())
    bench.assert_right()


@pytest.mark.parametrize("path", ["../x.gguf", "/x.gguf", "a/../x.gguf", "con.gguf", "a\\b.gguf"])
def test_a_path_that_leads_out_cannot_be_wanted(path: str) -> None:
    with pytest.raises(HubError, match="names"):
        Wanted.of_origin(Origin(REPOSITORY, "a" * 40, path))


@pytest.mark.parametrize("repository", ["../..", "owner", "/etc/passwd", "a/b/c"])
def test_a_repository_that_is_none_cannot_be_wanted(repository: str) -> None:
    with pytest.raises(ModelNotFoundError):
        Wanted.of_origin(Origin(repository, "a" * 40, FILE))


def test_a_slow_line_is_shared_by_all_connections(bench: Bench) -> None:
    """Paid for by waiting: what the bucket asks for is counted, not timed."""
    downloads = bench.downloads(bytes_per_s=64 << 20)
    added = downloads.add(bench.publish())
    run(downloads.fetch(added.id))
    bench.assert_right()
    downloads.limit(None)


def test_threads_end_with_the_download(bench: Bench) -> None:
    bench.fetch(bench.publish())
    assert not [thread for thread in threading.enumerate() if thread.name in ("download", "hub-breaker")]
