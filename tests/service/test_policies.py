"""The IAM policies of the template allow the routes of their scope, and no others."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_template import TemplateLoader

from sweep_service.access.scopes import Scope
from sweep_service.routes import ROUTES

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "template_routes.py"
TEMPLATE = ROOT / "template.yaml"
#: Of a managed policy, without its white space.
MOST_CHARACTERS = 6144
FACTS = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "IamApi": "abc123",
}
#: What may stand in the place of a placeholder; some of it looks like the rest of another route.
WORDS = ["k3v9x2ab", "k3v9x2ab-7", "runs", "reports", "finish", "stop", "tokens", "a.b", "%2F..%2F"]


@pytest.fixture(scope="module")
def policies() -> dict[Scope, dict[str, Any]]:
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=TemplateLoader)
    resources = template["Resources"]
    return {
        scope: resolved(resources[f"{scope.value.title()}Policy"]["Properties"]["PolicyDocument"])
        for scope in Scope
    }


def resolved(node: Any) -> Any:
    """A policy as CloudFormation puts it out."""
    if isinstance(node, dict) and set(node) == {"Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda found: FACTS[found[1]], node["Sub"])
    if isinstance(node, dict):
        return {name: resolved(value) for name, value in node.items()}
    return [resolved(value) for value in node] if isinstance(node, list) else node


def allows(policy: dict[str, Any], method: str, path: str) -> bool:
    """Whether IAM lets a caller with this policy alone send a request: ``*`` matches anything."""
    arn = f"arn:aws:execute-api:eu-central-1:123456789012:abc123/$default/{method}{path}"
    (statement,) = policy["Statement"]
    patterns = [re.escape(text).replace(r"\*", ".*") for text in statement["Resource"]]
    is_allowed = any(re.fullmatch(pattern, arn) for pattern in patterns)
    return is_allowed and statement["Effect"] == "Allow"


def paths_of(route: str) -> list[str]:
    """Paths of a route, and the route itself: either may be what is compared."""
    return [route, *(re.sub(r"\{\w+\}", word, route) for word in WORDS)]


def test_the_template_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("template_routes", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    stands = TEMPLATE.read_text(encoding="utf-8")
    assert tool.updated(stands) == stands, "run 'python tools/template_routes.py'"


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
        assert allows(policies[scope], method, path) == scope.includes(needed), path


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
