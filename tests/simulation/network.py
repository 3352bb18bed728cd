"""The simulated network below ``requests``, in which requests can fail in every way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import requests
import urllib3

from simulation.kernel import Kernel, Machine, Thread

if TYPE_CHECKING:
    from simulation.faults import Faults

#: The header that says which process has sent a request.
ORIGIN = "simulated-origin"
PAGE = b"<!doctype html><html><body>Please sign in to the guest network</body></html>"
#: What others on the way answer: status, headers, body.
FOREIGN: dict[str, tuple[int, dict[str, str], bytes]] = {
    "ingress 404": (404, {"Content-Type": "text/plain"}, b"default backend - 404"),
    "sign-in 302": (302, {"Location": "https://portal.example/login"}, b""),
    "sign-in 200": (200, {"Content-Type": "text/html"}, PAGE),
    "408": (408, {"Content-Type": "text/html"}, b"<html>Request Time-out</html>"),
    "502": (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>"),
    "gateway 401": (401, {"apigw-requestid": "abc="}, b'{"message":"Unauthorized"}'),
    "gateway 429": (429, {"apigw-requestid": "abc="}, b'{"message":"Too Many Requests"}'),
    "proxy 403": (403, {"Content-Type": "text/html"}, b"<html>Forbidden</html>"),
    "503": (503, {"Content-Type": "text/html", "Retry-After": "3"}, b"<html>Busy</html>"),
}
#: What API Gateway answers where the backend behind it does not know a route.
OUTDATED = "gateway 404"
_ANSWERS = {
    **FOREIGN,
    OUTDATED: (404, {"apigw-requestid": "abc="}, b'{"message":"Not Found"}'),
}
#: What may happen to a single request while the weather is bad.
TROUBLES = (
    "request lost",
    "answer lost",
    "request repeated",
    "request late",
    "answer late",
    "connection reset",
    "answer cut",
    "TLS cut",
    "no connection",
    *(f"foreign {name}" for name in FOREIGN),
)


@dataclass
class Weather:
    """How the network of one machine is.

    Attributes:
        shares: How likely each trouble is, by its name.
        is_silent: Whether nothing comes through, and nobody says so.
        is_unreachable: Whether every connection is refused at once.
        foreign: Who else answers everything; None for nobody.
    """

    shares: dict[str, float] = field(default_factory=dict)
    is_silent: bool = False
    is_unreachable: bool = False
    foreign: str | None = None


@dataclass
class Request:
    """A request as it leaves a session."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What a session returns: closed at the end of a block, and its own raw stream."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def raw(self) -> Answer:
        return self

    def stream(self, _: int, *, decode_content: bool) -> Iterator[bytes]:
        assert not decode_content
        yield self.content


class Exchange:
    """One request on its way.

    Attributes:
        number: Counts the requests in the order in which they were sent; 0 for a repetition.
    """

    def __init__(self) -> None:
        self.number = 0
        self.waiting: list[Thread] = []
        self.answer: Answer | None = None
        self.error: Exception | None = None

    @property
    def is_over(self) -> bool:
        return self.answer is not None or self.error is not None


class Network:
    """Carries requests of any machine to the backend."""

    def __init__(self, kernel: Kernel, faults: Faults, seed: object) -> None:
        self.kernel = kernel
        self.faults = faults
        self.rng = random.Random(f"network {seed}")
        self.weather: dict[str, Weather] = {}
        self._numbers = itertools.count(1)
        self._newest: dict[str, int] = {}
        self.deliver: Callable[[str, str, dict[str, str], bytes, Callable[..., None]], bool]

    def of(self, machine: Machine) -> Weather:
        """The weather at a machine."""
        return self.weather.setdefault(machine.name, Weather())

    def exchange(self, request: Request, timeout_seconds: float, own: Exchange) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            requests.RequestException: There is none.
        """
        kernel = self.kernel
        kernel.step(f"request {request.method} {request.target}")
        request.headers[ORIGIN] = kernel.process().name
        own.number = next(self._numbers)
        self._send(request, own, self.of(kernel.machine()))
        if not own.is_over:
            kernel.wait(own.waiting, timeout_seconds)
        if own.error is not None:
            raise own.error
        if own.answer is None:
            raise requests.ReadTimeout("read timed out")
        return own.answer

    def _send(self, request: Request, own: Exchange, weather: Weather) -> None:
        rng, kernel = self.rng, self.kernel
        delay = rng.random() * 0.05
        if weather.is_silent:
            self.faults.count("silence")
            return
        if weather.is_unreachable:
            self.faults.count("unreachable")
            self._fail_later(
                own, delay, requests.ConnectionError(ConnectionRefusedError(111, "refused"))
            )
            return
        if weather.foreign is not None:
            self._foreign(own, delay, weather.foreign)
            return
        trouble = self._draw(weather)
        if trouble is not None:
            self.faults.count(trouble)
        if trouble is not None and trouble.startswith("foreign "):
            self._foreign(own, delay, trouble.removeprefix("foreign "), is_counted=False)
        elif trouble == "TLS cut":
            eof = requests.exceptions.SSLError("EOF occurred in violation of protocol")
            self._fail_later(own, delay, eof)
        elif trouble == "no connection":
            late = requests.ConnectTimeout("connect timed out")
            self._fail_later(own, 10.0, late)
        elif trouble == "connection reset":
            self._fail_later(own, delay, _broken("Connection reset by peer"))
        elif trouble != "request lost":
            if trouble == "request late":
                delay += rng.random() * 40
            if trouble == "request repeated":
                again = delay + rng.random() ** 3 * 90
                kernel.after(again, lambda: self._arrive(request, Exchange(), None))
            kernel.after(delay, lambda: self._arrive(request, own, trouble))

    def _draw(self, weather: Weather) -> str | None:
        point = self.rng.random()
        for name, share in weather.shares.items():
            point -= share
            if point < 0:
                return name
        return None

    def _arrive(self, request: Request, own: Exchange, trouble: str | None) -> None:
        def reply(status: int | None, headers: dict[str, str], body: bytes) -> None:
            delay = self.rng.random() * 0.05
            if status is None or trouble == "answer cut":
                self._fail_later(
                    own, delay, _broken("Remote end closed connection without response")
                )
            elif trouble != "answer lost":
                if trouble == "answer late":
                    delay += self.rng.random() * 45
                answer = Answer(status, headers, body)
                self.kernel.after(delay, lambda: self._give(own, answer))

        self._count_overtaken(request, own)
        headers = dict(request.headers)
        if not self.deliver(request.method, request.target, headers, request.body, reply):
            refused = requests.ConnectionError(ConnectionRefusedError(111, "refused"))
            self._fail_later(own, 0.001, refused)

    def _count_overtaken(self, request: Request, own: Exchange) -> None:
        """Count a request that arrives behind a later one of the same process."""
        origin = request.headers[ORIGIN]
        newest = self._newest[origin] = max(own.number, self._newest.get(origin, 0))
        if 0 < own.number < newest:
            self.faults.count("request overtaken by a later one")

    def _foreign(self, own: Exchange, delay: float, name: str, *, is_counted: bool = True) -> None:
        if is_counted:
            self.faults.count(f"foreign {name}")
        answer = Answer(*_ANSWERS[name])
        self.kernel.after(delay, lambda: self._give(own, answer))

    def _give(self, own: Exchange, answer: Answer) -> None:
        if not own.is_over:
            own.answer = answer
            self.kernel.wake(own.waiting)

    def _fail_later(self, own: Exchange, delay: float, error: Exception) -> None:
        self.kernel.after(delay, lambda: self._fail(own, error))

    def _fail(self, own: Exchange, error: Exception) -> None:
        if not own.is_over:
            own.error = error
            self.kernel.wake(own.waiting)


class Session:
    """What represents a ``requests.Session``, as far as the client needs one.

    It adds the headers and the credential as that does; how ``requests`` prepares a request and
    parses an answer is not simulated.

    Attributes:
        headers: Of every request.
        auth: Adds the credential to a request.
        adapters: What carries requests, by the beginnings of addresses: this session does.
    """

    def __init__(self, network: Network) -> None:
        self.headers: dict[str, str] = {}
        self.auth: Callable[[Request], Request] = lambda request: request
        self.adapters = {"": self}
        self._network = network
        self._open: list[Exchange] = []

    def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str],
        headers: dict[str, str],
        data: bytes | None,
        timeout: tuple[float, float],
        **_: Any,
    ) -> Answer:
        """Send a request; as ``requests`` has it."""
        path = urlsplit(url).path
        target = f"{path}?{urlencode(params)}" if params else path
        request = self.auth(Request(method, target, self.headers | headers, data or b""))
        own = Exchange()
        self._open.append(own)
        try:
            return self._network.exchange(request, timeout[1], own)
        finally:
            self._open.remove(own)

    def cut(self) -> None:
        """Break what is in flight, as shutting a socket down does."""
        for own in self._open:
            self._network._fail(own, _broken("closed"))

    def close(self) -> None:
        """Closing a session leaves alone what another thread waits for."""


def _broken(why: str) -> requests.ConnectionError:
    return requests.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, why))
    )
