"""Ranges of a remote file: only what was asked for, of one version, resumed, and never sent astray."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.loopback_hub import Faults, LoopbackHub, http_date
from workbench.errors import Cancelled, GatedModelError, HubError, ModelNotFoundError
from workbench.hub.connection import Connection, _certificates, _translated
from workbench.hub.failures import Patience, requested_wait_s
from workbench.hub.ranges import FileChangedError, RangedReader, Source
from workbench.jobs import CancelToken

SIZE_BYTES = 3 << 20
REPOSITORY, FILE = "owner/name", "model.gguf"
HASTY = Patience(connect_s=5, read_s=5, tries=3, first_wait_s=0.001, longest_wait_s=2)


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    content = random.Random(1).randbytes(SIZE_BYTES)
    (tmp_path / FILE).write_bytes(content)
    return content


@pytest.fixture
def connection(hub: LoopbackHub) -> Iterator[Connection]:
    with Connection(hub.endpoint, patience=HASTY) as connection:
        yield connection


@pytest.fixture
def reader(hub: LoopbackHub, connection: Connection, content: bytes, tmp_path: Path) -> Iterator[RangedReader]:
    with opened(hub, connection, tmp_path) as reader:
        yield reader


def opened(hub: LoopbackHub, connection: Connection, folder: Path, faults: Faults | None = None) -> RangedReader:
    commit = hub.add(REPOSITORY, {FILE: folder / FILE}, faults=faults)
    url = f"{connection.endpoint}/{REPOSITORY}/resolve/{commit}/{FILE}"
    return RangedReader(connection, Source(url, f"{FILE} of {REPOSITORY}", commit, SIZE_BYTES))


def read(reader: RangedReader, start: int, end: int, cancel: CancelToken | None = None) -> bytes:
    return b"".join(reader.chunks(start, end, cancel or CancelToken()))


def refusal(reader: RangedReader, *, end: int = SIZE_BYTES) -> HubError:
    with pytest.raises(HubError) as caught:
        read(reader, 0, end)
    assert caught.value.hint
    return caught.value


def test_only_the_bytes_asked_for_are_fetched(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    assert read(reader, 1000, 300_000) == content[1000:300_000]
    assert hub.sent_bytes(FILE) == reader.fetched_bytes == 299_000
    assert reader.size_bytes == SIZE_BYTES


def test_a_range_ends_where_the_file_does(reader: RangedReader, content: bytes) -> None:
    assert read(reader, SIZE_BYTES - 10, SIZE_BYTES + 1000) == content[-10:]
    assert read(reader, SIZE_BYTES, SIZE_BYTES + 1000) == b""


def test_a_redirect_is_resolved_once_and_kept(hub: LoopbackHub, reader: RangedReader) -> None:
    for start in range(0, 5000, 1000):
        read(reader, start, start + 1000)
    assert len(hub.requests(origin="hub")) == 1
    assert len(hub.requests(origin="cdn")) == 5
    assert all(one.headers["if-range"] == reader.etag for one in hub.requests(origin="cdn")[1:])


def test_an_address_that_expired_is_resolved_again(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    read(reader, 0, 1000)
    hub.break_(REPOSITORY, Faults(expired=1))
    assert read(reader, 1000, 2000) == content[1000:2000]
    assert [one.status for one in hub.requests()] == [302, 206, 403, 302, 206]


def test_a_body_that_breaks_off_is_resumed_where_it_did(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(cuts=4, cut_after_bytes=200_000))
    assert read(reader, 0, 1 << 20) == content[: 1 << 20]
    assert reader.fetched_bytes == 1 << 20
    asked = [one.range for one in hub.requests(origin="cdn")]
    assert asked == [f"bytes={start}-{(1 << 20) - 1}" for start in range(0, 1_000_000, 200_000)]


def test_a_server_that_always_breaks_off_at_once_is_given_up(hub: LoopbackHub, reader: RangedReader) -> None:
    hub.break_(REPOSITORY, Faults(cuts=99, cut_after_bytes=0))
    assert "broke off" in refusal(reader).message
    assert len(hub.requests(origin="cdn")) == HASTY.tries


def test_a_server_that_ignores_ranges_is_read_as_far_as_needed(
    hub: LoopbackHub, reader: RangedReader, content: bytes
) -> None:
    hub.break_(REPOSITORY, Faults(ignores_range=True))
    assert read(reader, 0, 1000) == content[:1000]
    assert read(reader, 1000, 70_000) == content[1000:70_000]
    assert read(reader, 100_000, 100_010) == content[100_000:100_010]
    assert len(hub.requests(origin="cdn")) == 1, "its one answer is read on"
    assert reader.fetched_bytes < 300_000


def test_going_back_where_ranges_are_ignored_asks_again(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(ignores_range=True))
    assert read(reader, 0, 70_000) == content[:70_000]
    assert read(reader, 10, 20) == content[10:20]
    assert len(hub.requests(origin="cdn")) == 2


def test_an_answer_without_its_length_will_do(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(ignores_range=True, no_length=True))
    assert read(reader, 0, SIZE_BYTES) == content


def test_a_body_longer_than_asked_is_cut(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(endless=True))
    assert read(reader, 0, 1000) == content[:1000]
    assert reader.fetched_bytes < SIZE_BYTES


def test_another_version_between_two_answers_is_refused(hub: LoopbackHub, reader: RangedReader) -> None:
    read(reader, 0, 1000)
    hub.break_(REPOSITORY, Faults(changed_etags=1))
    with pytest.raises(FileChangedError, match="another version"):
        read(reader, 1000, 2000)


@pytest.mark.parametrize("etag", ['W/"weak"', "", '"sp ace"'])
def test_answers_that_do_not_name_their_version_are_not_joined(
    hub: LoopbackHub, reader: RangedReader, content: bytes, etag: str
) -> None:
    hub.break_(REPOSITORY, Faults(headers={"ETag": etag}))
    assert read(reader, 0, 1000) == content[:1000], "one answer alone needs no name"
    with pytest.raises(HubError, match="cannot be joined"):
        read(reader, 1000, 2000)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(wrong_start=True), "another part of it"),
        (Faults(wrong_total=True), "were promised"),
        (Faults(encoding="gzip"), "encoded"),
        (Faults(headers={"Content-Range": "bytes 0-"}), "which part"),
        (Faults(headers={"Content-Range": "bytes 5-4/3145728"}), "another part"),
        (Faults(headers={"Content-Range": f"bytes 0-9/{10**18}"}), "impossible size"),
        (Faults(headers={"X-Repo-Commit": "0" * 40}), "another commit"),
        (Faults(headers={"X-Linked-Size": "17"}), "size that the hub's list says"),
        (Faults(redirect_loop=True), "without an end"),
        (Faults(location="ftp://127.0.0.1/x"), "does not follow"),
        (Faults(location="file:///etc/passwd"), "does not follow"),
        (Faults(location="http://192.0.2.1/x"), "does not follow"),
        (Faults(location="http://user:word@127.0.0.1:1/x"), "does not follow"),
        (Faults(location="http://[bad"), "does not follow"),
        (Faults(location="http://127.0.0.1:port/"), "that is none"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused_with_the_reason(
    hub: LoopbackHub, reader: RangedReader, faults: Faults, words: str
) -> None:
    hub.break_(REPOSITORY, faults)
    assert words in refusal(reader).message


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "a file of this computer"),
        ("ftp://127.0.0.1/x", "none of the web (ftp:)"),
        ("data:text/plain,x", "none of the web (data:)"),
        ("http://192.0.2.1/x", "192.0.2.1 without encryption"),
        ("http://user:word@127.0.0.1:1/x", "a name and a password"),
    ],
)
def test_where_a_hub_leads_that_nobody_follows_is_said_in_words(
    hub: LoopbackHub, reader: RangedReader, location: str, words: str
) -> None:
    hub.break_(REPOSITORY, Faults(location=location))
    message = refusal(reader).message
    assert words in message
    assert "user" not in message
    assert "word@" not in message


def test_a_fresh_address_that_is_refused_is_asked_for_once_more(
    hub: LoopbackHub, reader: RangedReader, content: bytes
) -> None:
    hub.break_(REPOSITORY, Faults(expired=1))
    assert read(reader, 0, 1000) == content[:1000]
    assert [one.status for one in hub.requests()] == [302, 403, 302, 206]


def test_two_fresh_addresses_that_are_refused_are_a_refusal(hub: LoopbackHub, reader: RangedReader) -> None:
    hub.break_(REPOSITORY, Faults(expired=99))
    assert refusal(reader).code == "access_refused"
    assert [one.status for one in hub.requests()] == [302, 403, 302, 403]


def test_a_promised_hash_that_the_hub_itself_contradicts_is_refused(
    hub: LoopbackHub, connection: Connection, content: bytes, tmp_path: Path
) -> None:
    commit = hub.add(REPOSITORY, {FILE: tmp_path / FILE}, faults=Faults(headers={"X-Linked-Etag": '"../../../x"'}))
    url = f"{hub.endpoint}/{REPOSITORY}/resolve/{commit}/{FILE}"
    with RangedReader(connection, Source(url, FILE, sha256="0" * 64)) as reader:
        assert "SHA-256" in refusal(reader).message


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/x", "http://[::1]:1/", "http://cdn.example/x", "ftp://x.example"]
)
def test_a_hub_elsewhere_may_not_lead_to_this_machine_nor_to_the_clear(address: str) -> None:
    with Connection("https://hub.example") as connection, pytest.raises(HubError, match="does not follow"):
        connection.get(address, {})


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "own.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    _certificates.cache_clear()
    try:
        with pytest.raises(HubError, match="certificates that SSL_CERT_FILE names cannot be read") as caught:
            Connection("https://hub.example")
    finally:
        _certificates.cache_clear()
    assert "SSL_CERT_FILE" in (caught.value.hint or "")


def test_a_proxy_that_takes_another_package_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(HubError, match="SOCKS proxy, which this program cannot use"):
        Connection("https://hub.example")


def test_a_busy_hub_is_asked_again_when_it_says(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(busy=2, retry_after="0"))
    assert read(reader, 0, 1000) == content[:1000]
    assert [one.status for one in hub.requests()] == [429, 429, 302, 206]


def test_a_hub_that_asks_to_wait_for_long_is_not_waited_for(hub: LoopbackHub, reader: RangedReader) -> None:
    hub.break_(REPOSITORY, Faults(busy=99, retry_after="3600"))
    assert "asks to wait 3600 s" in refusal(reader).message
    assert len(hub.requests()) == 1


def test_a_hub_out_of_order_is_asked_a_few_times(hub: LoopbackHub, reader: RangedReader, content: bytes) -> None:
    hub.break_(REPOSITORY, Faults(unavailable=2))
    assert read(reader, 0, 1000) == content[:1000]
    hub.forget()
    hub.break_(REPOSITORY, Faults(busy=0, unavailable=99))
    with RangedReader(reader._connection, reader._source) as other:
        assert "out of order" in refusal(other).message
    assert len(hub.requests()) == HASTY.tries


def test_the_second_origin_out_of_order_is_named(hub: LoopbackHub, reader: RangedReader) -> None:
    hub.break_(REPOSITORY, Faults(expired=99))
    message = refusal(reader).message
    assert hub.cdn.removeprefix("http://") in message
    assert FILE in message


def test_a_body_that_stands_still_is_given_up_and_resumed(hub: LoopbackHub, content: bytes, tmp_path: Path) -> None:
    impatient = Patience(read_s=0.2, tries=2, first_wait_s=0.001)
    with (
        Connection(hub.endpoint, patience=impatient) as connection,
        opened(hub, connection, tmp_path, Faults(stalls=1)) as reader,
    ):
        assert read(reader, 0, 1000) == content[:1000]
        hub.break_(REPOSITORY, Faults(stalls=99))
        with pytest.raises(HubError, match="did not answer in time"):
            read(reader, 1000, 2000)


def test_a_body_that_hardly_moves_is_given_up(hub: LoopbackHub, content: bytes, tmp_path: Path) -> None:
    impatient = Patience(read_s=5, slow_s=0.1, slow_bytes=100_000, tries=1)
    with (
        Connection(hub.endpoint, patience=impatient) as connection,
        opened(hub, connection, tmp_path, Faults(slow_s=0.01)) as reader,
    ):
        assert "hardly anything" in refusal(reader).message


def test_nobody_there_is_said_with_the_address(hub: LoopbackHub, content: bytes) -> None:
    with LoopbackHub() as gone:
        address = gone.endpoint
    source = Source(f"{address}/a/b/resolve/{'0' * 40}/c", "c")
    with Connection(address, patience=HASTY) as connection, RangedReader(connection, source) as reader:
        message = refusal(reader).message
    assert address.removeprefix("http://") in message


def test_cancelling_stops_between_two_pieces(reader: RangedReader) -> None:
    cancel = CancelToken()
    chunks = reader.chunks(0, SIZE_BYTES, cancel)
    with closing(chunks):  # type: ignore[type-var]  # a generator has a close
        next(chunks)
        cancel.cancel()
        with pytest.raises(Cancelled):
            next(chunks)
    assert reader.fetched_bytes < SIZE_BYTES


def test_cancelling_ends_the_wait_for_another_attempt(hub: LoopbackHub, content: bytes, tmp_path: Path) -> None:
    cancel = CancelToken()
    patient = Patience(first_wait_s=3600, longest_wait_s=7200)
    with (
        Connection(hub.endpoint, patience=patient) as connection,
        opened(hub, connection, tmp_path, Faults(unavailable=9)) as reader,
    ):
        cancel.wait = lambda timeout_s: True  # type: ignore[method-assign]  # as if it came during the wait
        with pytest.raises(Cancelled):
            read(reader, 0, 1000, cancel)
    assert len(hub.requests()) == 1


@pytest.mark.parametrize(
    ("faults", "gated", "private", "error"),
    [
        (Faults(), "manual", False, GatedModelError),
        (Faults(), False, True, ModelNotFoundError),
        (Faults(missing_files=True), False, False, ModelNotFoundError),
    ],
)
def test_what_may_not_be_read_says_why(
    hub: LoopbackHub,
    connection: Connection,
    content: bytes,
    tmp_path: Path,
    faults: Faults,
    gated: str | bool,
    private: bool,
    error: type[HubError],
) -> None:
    with opened(hub, connection, tmp_path) as reader:
        hub.add(REPOSITORY, {FILE: tmp_path / FILE}, faults=faults, gated=gated, private=private)
        refused = refusal(reader)
    assert type(refused) is error
    assert len(hub.requests()) == 1, "asking again would not help"


def test_a_token_goes_to_the_hub_and_to_nobody_else(hub: LoopbackHub, content: bytes, tmp_path: Path) -> None:
    with Connection(hub.endpoint, token="hf_canary") as connection, opened(hub, connection, tmp_path) as reader:
        read(reader, 0, 1000)
    assert [one.headers.get("authorization") for one in hub.requests(origin="hub")] == ["Bearer hf_canary"]
    assert [one.headers.get("authorization") for one in hub.requests(origin="cdn")] == [None]


def test_the_hub_learns_the_programs_name_and_remembers_nobody(hub: LoopbackHub, reader: RangedReader) -> None:
    hub.break_(REPOSITORY, Faults(headers={"Set-Cookie": "who=you; Path=/"}))
    read(reader, 0, 1000)
    read(reader, 1000, 2000)
    assert all(one.headers["user-agent"].startswith("workbench/") for one in hub.served)
    assert not any("cookie" in one.headers for one in hub.served)


def test_one_connection_serves_many_ranges(hub: LoopbackHub, reader: RangedReader) -> None:
    for start in range(0, 500_000, 100_000):
        read(reader, start, start + 100_000)
    assert len({one.client for one in hub.requests(origin="cdn")}) == 1


@pytest.mark.parametrize(
    "endpoint", ["", "hub.example", "ftp://hub.example", "https://u@hub.example", "https://x/?q=1"]
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(HubError, match="no address of a model hub"):
        Connection(endpoint)


def test_a_proxy_of_the_environment_is_no_way_to_this_machine(
    hub: LoopbackHub, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Connection(hub.endpoint) as connection, opened(hub, connection, tmp_path) as reader:
        assert read(reader, 0, 10) == content[:10]


@pytest.mark.parametrize("proxy", ["socks5://192.0.2.1:1080", "gopher://192.0.2.1"])
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(HubError, match="proxy"):
        Connection("https://hub.example")


def test_a_certificate_nobody_trusts_is_said_and_not_tried_again() -> None:
    with pytest.raises(HubError, match="does not prove"), _translated("hub.example"):
        raise httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")


def test_a_wait_is_asked_for_in_seconds_by_date_or_by_the_rate_limit() -> None:
    assert requested_wait_s({"retry-after": "7"}) == 7
    assert 50 < requested_wait_s({"retry-after": http_date(60)}) <= 60
    assert requested_wait_s({"retry-after": http_date(-60)}) == 0
    assert requested_wait_s({"ratelimit": '"api";r=0;t=55'}) == 55
    assert requested_wait_s({"ratelimit": '"api";r=12;t=55'}) == 0
    assert requested_wait_s({"retry-after": "soon"}) == 0
    assert requested_wait_s({"retry-after": "9" * 400}) == 0
