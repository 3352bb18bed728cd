"""Problem documents (RFC 9457) of the local server itself."""

from __future__ import annotations

import json
from http import HTTPStatus

from sweep_sdk._version import __version__
from sweep_service.wire.headers import BACKEND_HEADER
from sweep_service.wire.problems import PROBLEM_TYPE, problem_document


class Refusal(Exception):
    """A request is rejected by the server itself."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)

    def headers(self) -> dict[str, str]:
        """The headers of the answer, without a length."""
        headers = {"content-type": PROBLEM_TYPE, BACKEND_HEADER: __version__}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = "1"
        return headers

    def body(self) -> bytes:
        """The body of the answer."""
        title = HTTPStatus(self.status).phrase
        code = title.lower().replace(" ", "-")
        return json.dumps(problem_document(self.status, title, self.detail, code)).encode()
