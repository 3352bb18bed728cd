"""Problem documents (RFC 9457): the wire format of errors."""

from __future__ import annotations

from typing import Any

PROBLEM_TYPE = "application/problem+json"


def problem_document(status: int, title: str, detail: str, code: str) -> dict[str, Any]:
    """Build the body of an error answer.

    Args:
        status: HTTP status of the answer.
        title: Kind of the error, for people.
        detail: What is wrong, and what to do about it.
        code: Kind of the error, for programs, such as ``ServiceError.code``.
    """
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
