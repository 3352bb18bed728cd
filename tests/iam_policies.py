"""The IAM policies of the template, and what IAM makes of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from sweep_service.access.scopes import Scope

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
FACTS = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "IamApi": "abc123",
}


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each as ``{name: argument}``."""


def _function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: node.value}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _function)


def read_template() -> dict[str, Any]:
    """The template as plain data."""
    return dict(yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=TemplateLoader))


def read_policies() -> dict[Scope, dict[str, Any]]:
    """The policy of each scope, as CloudFormation puts it out."""
    resources = read_template()["Resources"]
    return {
        scope: _resolved(resources[f"{scope.value.title()}Policy"]["Properties"]["PolicyDocument"])
        for scope in Scope
    }


def allows(policy: dict[str, Any], method: str, path: str) -> bool:
    """Whether IAM lets a caller with this policy alone send a request: ``*`` matches anything."""
    arn = f"arn:aws:execute-api:eu-central-1:123456789012:abc123/$default/{method}{path}"
    (statement,) = policy["Statement"]
    patterns = [re.escape(text).replace(r"\*", ".*") for text in statement["Resource"]]
    is_allowed = any(re.fullmatch(pattern, arn) for pattern in patterns)
    return is_allowed and statement["Effect"] == "Allow"


def _resolved(node: Any) -> Any:
    if isinstance(node, dict) and set(node) == {"Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda found: FACTS[found[1]], node["Sub"])
    if isinstance(node, dict):
        return {name: _resolved(value) for name, value in node.items()}
    return [_resolved(value) for value in node] if isinstance(node, list) else node
