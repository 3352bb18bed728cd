"""The template's IAM policies allow exactly the routes of their scope."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from iam_policies import TEMPLATE, allows, read_policies
from sweep_service.access.scopes import Scope
from sweep_service.routes import ROUTES

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "template_routes.py"
#: Of a managed policy, without its white space.
MOST_CHARACTERS = 6144
#: What may replace a placeholder; some of it looks like the rest of another route.
WORDS = ["k3v9x2ab", "k3v9x2ab-7", "runs", "reports", "finish", "stop", "tokens", "a.b", "%2F..%2F"]


@pytest.fixture(scope="module")
def policies() -> dict[Scope, dict[str, Any]]:
    return read_policies()


def paths_of(route: str) -> list[str]:
    """Paths of a route, and the route itself: either may be what is compared."""
    return [route, *(re.sub(r"\{\w+\}", word, route) for word in WORDS)]


def test_the_template_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("template_routes", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    current = TEMPLATE.read_text(encoding="utf-8")
    assert tool.updated(current) == current, "run 'python tools/template_routes.py'"


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("place", ROUTES, ids=" ".join)
def test_a_policy_allows_what_its_scope_does(
    policies: dict[Scope, Any], place: tuple[str, str], scope: Scope
) -> None:
    method, route = place
    needed = ROUTES[place].scope
    if needed is None:  # no policy is asked: the route is public
        return
    for path in paths_of(route):
        is_allowed = scope.includes(needed) and not ROUTES[place].is_of_wandb
        assert allows(policies[scope], method, path) == is_allowed, path


@pytest.mark.parametrize("scope", Scope)
def test_a_policy_keeps_to_the_grammar_and_the_size(
    policies: dict[Scope, Any], scope: Scope
) -> None:
    policy = policies[scope]
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    (statement,) = policy["Statement"]
    assert set(statement) == {"Effect", "Action", "Resource"}
    assert statement["Action"] == "execute-api:Invoke"
    arn = re.compile(
        r"arn:aws:execute-api:[a-z0-9-]+:\d{12}:[a-z0-9]+/\$default/(GET|POST|PATCH|DELETE)/v1/[\w/*]+"
    )
    assert all(arn.fullmatch(resource) for resource in statement["Resource"])
    assert len(set(statement["Resource"])) == len(statement["Resource"])
    assert len(json.dumps(policy, separators=(",", ":"))) <= MOST_CHARACTERS
