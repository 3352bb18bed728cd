"""Reads ``infra/openapi.yaml``, and compares answers with it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "infra" / "openapi.yaml").read_text())
METHODS = ("get", "post", "patch", "delete")
OPERATIONS = {
    (method.upper(), path): item[method]
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
}


def resolve(reference):
    """The part of the document that a ``$ref`` names; anything else is itself."""
    while "$ref" in reference:
        _, *names = reference["$ref"].split("/")
        reference = DOCUMENT
        for name in names:
            reference = reference[name]
    return reference


@cache
def _validator(name):
    return Draft202012Validator({"$ref": name, "components": DOCUMENT["components"]})


def validate(schema, value):
    """Hold a value against a schema of the document."""
    if "$ref" in schema:
        _validator(schema["$ref"]).validate(value)
    else:
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def check_answer(operation, answer):
    """Hold an answer against the document; returns its status as documented."""
    responses = operation["responses"]
    documented = str(answer.status) if str(answer.status) in responses else "default"
    response = resolve(responses[documented])
    if documented == "default":
        assert answer.status >= 400
    check_headers(response["headers"], answer.headers)
    if "content" not in response:
        assert answer.body is None
        return documented
    ((kind, media),) = response["content"].items()
    assert answer.headers["Content-Type"] == kind
    validate(media["schema"], answer.body)
    return documented


def check_headers(documented, found):
    """Hold an answer's headers against those that a response of the document requires."""
    for name, reference in documented.items():
        validate(resolve(reference)["schema"], found[name])


def check_request(operation, body):
    """Hold a request's body against the document."""
    if "requestBody" in operation:
        validate(operation["requestBody"]["content"]["application/json"]["schema"], body)
    else:
        assert body is None
