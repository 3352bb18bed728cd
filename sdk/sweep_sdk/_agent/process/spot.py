"""Interruption notices of spot instances, from the instance metadata service (IMDSv2)."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sweep_sdk._world import threads

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 5.0
#: Seconds before the interruption that are reserved for the delivery of results.
RESERVE_SECONDS = 30.0
#: Seconds before the interruption at which a notice is given.
_NOTICE_SECONDS = 120.0
#: Minimum time that a program is given.
_LEAST_SECONDS = 5.0
_TIMEOUT_SECONDS = 2.0
_TOKEN_SECONDS = 21_600
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


@dataclass(frozen=True)
class SpotNotice:
    """An interruption notice, such as ``{"action": ..., "time": ...}``."""

    text: str

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the interruption; None if the notice has no time.

        Args:
            now: Seconds since the epoch.
        """
        try:
            at = datetime.fromisoformat(str(json.loads(self.text)["time"]).replace("Z", "+00:00"))
        except (ValueError, KeyError, TypeError):
            return None
        return at.replace(tzinfo=at.tzinfo or timezone.utc).timestamp() - now


def grace_seconds(left: float | None, term_timeout_seconds: float) -> float:
    """How many seconds a program has to end after a notice.

    Args:
        left: Seconds until the interruption; None if unknown.
        term_timeout_seconds: Seconds that it has after other signals.
    """
    if left is None or left <= 0:  # a time in the past means that a clock is wrong
        return min(term_timeout_seconds, _NOTICE_SECONDS - RESERVE_SECONDS)
    return max(left - RESERVE_SECONDS, min(term_timeout_seconds, _LEAST_SECONDS, left))


class SpotWatch:
    """Polls for a notice, which is given two minutes before the interruption."""

    def __init__(
        self,
        metadata_url: str,
        on_notice: Callable[[SpotNotice], None],
        notice: Callable[[str], None],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Set up.

        Args:
            metadata_url: URL of the metadata service, such as ``http://169.254.169.254``.
            on_notice: Called once with the notice.
            notice: Called once with a message if there is no such service.
            poll_seconds: Interval between requests.
        """
        self._url = metadata_url
        self._on_notice = on_notice
        self._notice = notice
        self._poll_seconds = poll_seconds
        self._token: str | None = None
        self._is_trouble_reported = False
        self._closing = threads.Event()
        self._thread = threads.Thread(target=self._run, name="spot", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop polling."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            notice = self._look()
            if notice is not None:
                self._on_notice(SpotNotice(notice))
                return
            self._closing.wait(self._poll_seconds)

    def _look(self) -> str | None:
        try:
            if self._token is None:
                self._token = self._fetch_token()
            status, body = self._request(
                "GET",
                "/latest/meta-data/spot/instance-action",
                {"X-aws-ec2-metadata-token": self._token},
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._notice_once(f"no instance metadata at {self._url}: {error}")
            return None
        if status == _UNAUTHORIZED:
            self._token = None
        return body if status == _OK else None

    def _fetch_token(self) -> str:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
        status, body = self._request("PUT", "/latest/api/token", headers)
        if status != _OK:
            raise ValueError(f"it answers {status} to the request for a token")
        return body

    def _request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Send a request without a proxy, since the service is link-local."""
        parts = urlsplit(self._url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.request(method, parts.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(10_000).decode("utf-8", "replace").strip()
        finally:
            connection.close()

    def _notice_once(self, message: str) -> None:
        if not self._is_trouble_reported:
            self._is_trouble_reported = True
            self._notice(f"{message}; interruption notices are not seen")
