"""The one way to the network: where requests may go, what they say of us, and how long they may take."""

from __future__ import annotations

import functools
import http.cookiejar
import logging
import os
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx2

import workbench
from workbench.errors import HubError
from workbench.hub.addresses import CHECK_ENDPOINT, bad_endpoint, is_loopback, led_astray, too_many_redirects, too_slow
from workbench.hub.breaking import Breaker
from workbench.hub.failures import (
    PASSING,
    CutOffError,
    Interrupted,
    Patience,
    StalledError,
    UnreachableError,
    captive_portal,
    refusal,
)
from workbench.jobs import CancelToken
from workbench.words import said

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_METADATA_BYTES = 32 << 20
MAX_REDIRECTS = 5

# Read by the library when it is first imported: without the first it calls home, with an implicit token it
# would send one to any endpoint.
_SWITCHES = (
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_XET",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_HUB_DISABLE_UPDATE_CHECK",
)
_STREAMED = "workbench.streamed"

# Their lines at INFO hold whole addresses, and those of a CDN are signed: whoever has one may fetch.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Answer:
    """A response whose body was not read yet; close it."""

    def __init__(self, response: httpx2.Response, patience: Patience) -> None:
        self._response = response
        self._patience = patience
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = str(response.url)
        self.host = _shown_host(response.url)

    @property
    def location(self) -> str | None:
        """Where a redirect leads, as an absolute address."""
        if not self._response.has_redirect_location:
            return None
        try:
            target = self._response.url.join(self._response.headers["location"])
        except (httpx2.InvalidURL, ValueError) as error:
            raise HubError(
                said("{host} leads to an address that is none.", host=self.host), hint=CHECK_ENDPOINT
            ) from error
        # The client would take one without a host for a place on the same one.
        if not target.host:
            raise _led_astray(self.host, target)
        return str(target)

    def chunks(self) -> Generator[bytes, None, None]:
        """The body as it comes.  Raises Interrupted where it breaks off, stands still or hardly moves."""
        began, received = time.monotonic(), 0
        with _translated(self.host):
            for chunk in self._response.iter_raw():
                yield chunk
                received += len(chunk)
                if (now := time.monotonic()) - began > self._patience.slow_s:
                    if received < self._patience.slow_bytes:
                        raise Interrupted(too_slow(self.host))
                    began, received = now, 0

    def close(self) -> None:
        self._response.close()


class Connection:
    """One HTTP client for metadata and bytes, towards one hub.  Close it; one thread at a time.

    A request goes over https, or to the hub's own origin, or, from a hub on this machine, to this machine;
    redirects elsewhere are refused.  Proxies of the environment are used.  A token goes to the hub's own
    origin only, and never in the clear to another machine.  When ``cancel`` is set, whatever is waited for is
    Interrupted.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        patience: Patience | None = None,
        token: str | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.patience = patience or Patience()
        try:
            url = httpx2.URL(endpoint.rstrip("/"))
        except httpx2.InvalidURL as error:
            raise bad_endpoint(endpoint) from error
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            raise bad_endpoint(endpoint)
        self.endpoint = str(url).rstrip("/")
        self.host = _shown_host(url)
        self._origin = _origin(url)
        self._is_local = is_loopback(url.host)
        self._token = token if url.scheme == "https" or self._is_local else None
        try:
            self._client = httpx2.Client(
                # Nobody is to be recognised by what they were told to remember.
                cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
                event_hooks={"request": [self._before], "response": [self._after]},
                verify=_certificates(),
                follow_redirects=True,
                max_redirects=MAX_REDIRECTS,
                # No proxy leads to this machine.
                mounts={f"all://{url.host}": None} if self._is_local else None,
                timeout=httpx2.Timeout(self.patience.read_s, connect=self.patience.connect_s),
            )
        except ImportError as error:  # of the package that SOCKS takes
            raise HubError(
                said("The environment names a SOCKS proxy, which this program cannot use."), hint=_NAME_A_PROXY
            ) from error
        except (ValueError, httpx2.InvalidURL) as error:
            raise HubError(
                said("The proxy that the environment names cannot be used: {error}.", error=error), hint=_NAME_A_PROXY
            ) from error
        self._breaker = Breaker(cancel) if cancel is not None else None

    def close(self) -> None:
        if self._breaker is not None:
            self._breaker.close()
        self._client.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def is_own(self, url: str) -> bool:
        """Whether an address is the hub's own, not that of a place it led to."""
        return _origin(httpx2.URL(url)) == self._origin

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask for an address, without following it on.

        Raises Interrupted where nobody answers, and HubError for an address that may not be asked.
        """
        with _translated(self._host_of(url)):
            request = self._client.build_request("GET", url, headers=dict(headers), extensions={_STREAMED: True})
            return Answer(self._client.send(request, stream=True, follow_redirects=False), self.patience)

    @contextmanager
    def api(self) -> Iterator[HfApi]:
        """The hub's own client for metadata, speaking through this connection.

        Raises Interrupted where nobody answers; the library's own errors pass.
        """
        for name in _SWITCHES:
            os.environ[name] = "1"
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError

        huggingface_hub.set_client_factory(_Session)
        speaking = _speaking.set(self)
        try:
            with _translated(self.host, passed=HfHubHTTPError):
                yield huggingface_hub.HfApi(self.endpoint, token=False)
        finally:
            _speaking.reset(speaking)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """A request of the library's, with our time-outs in place of its own (none).

        Raises Interrupted itself for what may pass: the library would wait unseen, and for as long as it is told.
        """
        request.extensions = {**request.extensions, "timeout": self._client.timeout.as_dict()}
        with _translated(self.host):
            response = self._client.send(request, **options)
        # Not of questions about single files, which some mirrors do not understand and answer with 500.
        if response.status_code in PASSING and request.method == "GET":
            failure = refusal(response.status_code, response.headers, what="answer", host=self.host)
            response.close()
            raise failure
        return response

    def _host_of(self, url: str) -> str:
        try:
            return _shown_host(httpx2.URL(url)) or self.host
        except httpx2.InvalidURL:
            return self.host

    def _before(self, request: httpx2.Request) -> None:
        """At every hop: may it go there, and with what of ours."""
        url, own = request.url, _origin(request.url) == self._origin
        schemes = ("http", "https") if self._is_local and is_loopback(url.host) else ("https",)
        allowed = own or (url.scheme in schemes and (self._is_local or not is_loopback(url.host)))
        if not allowed or url.userinfo:
            raise _led_astray(self.host, url)
        if self._breaker is not None:
            # No new socket either, once everything that waits was broken off.
            if self._breaker.is_broken:
                raise Interrupted(
                    UnreachableError(said("Asking {host} was stopped.", host=self.host), hint=said("Try again."))
                )
            request.extensions = {**request.extensions, "trace": self._breaker.trace}
        request.headers["user-agent"] = f"workbench/{workbench.__version__}"
        request.headers["accept-encoding"] = "identity"
        request.headers.pop("authorization", None)
        if own and self._token:
            request.headers["authorization"] = f"Bearer {self._token}"

    def _after(self, response: httpx2.Response) -> None:
        """At every answer: its body comes as it is, and what is read at once has an end."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise HubError(
                said(
                    "{url} sends the data encoded ({encoding!a}) though it was asked not to.",
                    url=_shown_host(response.url),
                    encoding=encoding[:20],
                ),
                hint=said("A proxy in between may do that: try another network, or another mirror."),
            )
        if _STREAMED not in response.request.extensions:
            assert isinstance(response.stream, httpx2.SyncByteStream)
            if response.is_success and response.headers.get("content-type", "").lower().startswith("text/html"):
                raise captive_portal(_shown_host(response.url), said("the model hub's answer"))
            response.stream = _Bounded(response.stream, _shown_host(response.url), self.patience.metadata_s)


# Whose words the library's session speaks now, in this thread.
_speaking: ContextVar[Connection] = ContextVar("speaking")


class _Session(httpx2.Client):
    """What the library takes for its client, one for the whole process; it has no way out of its own."""

    def __init__(self) -> None:
        super().__init__(transport=httpx2.BaseTransport(), trust_env=False)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        return _speaking.get().send(request, **options)


class _Bounded(httpx2.SyncByteStream):
    """A body that ends in time: metadata, which is read at once."""

    def __init__(self, stream: httpx2.SyncByteStream, host: str, limit_s: float) -> None:
        self._stream = stream
        self._host = host
        self._limit_s = limit_s

    def __iter__(self) -> Iterator[bytes]:
        began, received = time.monotonic(), 0
        for chunk in self._stream:
            received += len(chunk)
            if received > MAX_METADATA_BYTES:
                raise HubError(
                    said(
                        "{host} answers with more than {max_metadata_bytes} MiB of metadata.",
                        host=self._host,
                        max_metadata_bytes=MAX_METADATA_BYTES >> 20,
                    ),
                    hint=CHECK_ENDPOINT,
                )
            if time.monotonic() - began > self._limit_s:
                raise Interrupted(too_slow(self._host))
            yield chunk

    def close(self) -> None:
        self._stream.close()


_NAME_A_PROXY = said("Name an http:// proxy in HTTPS_PROXY, or none.")


@contextmanager
def _translated(host: str, passed: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """The library's failures as ours; those ``passed`` are left to the caller."""
    try:
        yield
    except passed:
        raise
    except httpx2.TimeoutException as error:
        kind = StalledError if isinstance(error, httpx2.ReadTimeout) else UnreachableError
        raise Interrupted(
            kind(said("{host} did not answer in time.", host=host), hint=said("Check the network, or try again later."))
        ) from error
    except httpx2.TooManyRedirects as error:
        raise too_many_redirects(host) from error
    except httpx2.ProxyError as error:
        raise HubError(
            said("The proxy on the way to {host} refused: {error}.", host=host, error=error),
            hint=said("Check the proxy settings."),
        ) from error
    except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise HubError(
                said("{host} does not prove that it is what it says: its certificate is not trusted here.", host=host),
                hint=said(
                    "A proxy that reads along does that: its certificate has to be among the system's trusted "
                    "ones, or in the file that SSL_CERT_FILE names."
                ),
            ) from error
        broke_off = isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError)
        # The reason is the system's ("Connection refused"), or the library's about the other side.
        raise Interrupted(
            (CutOffError if broke_off else UnreachableError)(
                said("{host} cannot be reached, or broke off: {error}.", host=host, error=error),
                hint=said(
                    "Check the network, the proxy if there is one, and the address of the model hub; models "
                    "on this machine need none of them."
                ),
            )
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise HubError(said("{host} cannot be asked: {error}.", host=host, error=error), hint=CHECK_ENDPOINT) from error


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


@functools.lru_cache
def _certificates() -> ssl.SSLContext:
    """The trusted ones, those of SSL_CERT_FILE or SSL_CERT_DIR or the system's; read once: that takes longer than
    most of what a client does."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        named = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
        reason = said("there are none in it") if isinstance(error, ssl.SSLError) else error.strerror
        raise HubError(
            said("The trusted certificates that {named} names cannot be read ({reason}).", named=named, reason=reason)
            if named
            else said("The trusted certificates cannot be read ({reason}).", reason=reason),
            hint=said(
                "Check {what}: without them no hub can be trusted.",
                what=named or said("the certificates of the system"),
            ),
        ) from error


def _shown_host(url: httpx2.URL) -> str:
    """With its port, where it has one of its own."""
    return url.netloc.decode("ascii")


def _led_astray(host: str, url: httpx2.URL) -> HubError:
    here = is_loopback(url.host)
    return led_astray(host, url.scheme, _shown_host(url), has_login=bool(url.userinfo), is_here=here)
