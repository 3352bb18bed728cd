"""Problem documents (RFC 9457): how an error travels."""

from __future__ import annotations

from typing import Any

PROBLEM_TYPE = "application/problem+json"


def problem_document(status: int, title: str, detail: str, code: str) -> dict[str, Any]:
    """The body of an answer that is an error.

    Args:
        status: Of the answer.
        title: What kind of error it is, for people.
        detail: What is wrong, and what to do about it.
        code: What kind of error it is, for programs; such as ``ServiceError.code``.
    """
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
