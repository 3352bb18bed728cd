"""The template says what the code does: the same routes, the right table, no needless rights."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_service.access.tokens import EMPTY_SHA256, sha256_of
from sweep_service.routes import ROUTES
from sweep_service.settings import store_settings
from sweep_service.storage.dynamodb import keys

ROOT = Path(__file__).parents[2]
# What needs a search method, and numpy with it for bayes.
SEARCHING = {
    ("POST", "/v1/sweeps"),
    ("PATCH", "/v1/sweeps/{sweep}"),
    ("POST", "/v1/sweeps/{sweep}/runs"),
}
HEALTH = ("GET", "/v1/health")


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each as ``{name: argument}``."""


def _function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: node.value}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _function)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(yaml.load((ROOT / "template.yaml").read_text(), Loader=TemplateLoader))


@pytest.fixture(scope="module")
def routes(template: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    found = of_type(template, "AWS::ApiGatewayV2::Route").values()
    return {tuple(route["RouteKey"].split(" ")): route for route in found}  # type: ignore[misc]


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    resources = template["Resources"].items()
    return {
        name: resource["Properties"] for name, resource in resources if resource["Type"] == kind
    }


def texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for item in node.items() for part in item for text in texts(part)]
    if isinstance(node, list):
        return [text for part in node for text in texts(part)]
    return [str(node)]


def test_the_routes_are_those_of_the_code(routes: dict[tuple[str, str], Any]) -> None:
    assert set(routes) == set(ROUTES)


def test_what_needs_a_search_method_goes_to_the_function_with_numpy(
    template: dict[str, Any], routes: dict[tuple[str, str], Any]
) -> None:
    targets = {place: route["Target"]["Sub"] for place, route in routes.items()}
    assert {targets.pop(place) for place in SEARCHING} == {"integrations/${SuggestIntegration}"}
    assert set(targets.values()) == {"integrations/${ApiIntegration}"}
    uris = {
        name: integration["IntegrationUri"]["GetAtt"]
        for name, integration in of_type(template, "AWS::ApiGatewayV2::Integration").items()
    }
    assert uris == {
        "ApiIntegration": "ApiFunction.Arn",
        "SuggestIntegration": "SuggestFunction.Arn",
    }
    functions = of_type(template, "AWS::Serverless::Function")
    assert [name for name, function in functions.items() if "Layers" in function] == [
        "SuggestFunction"
    ]


def test_every_route_but_health_asks_the_authorizer(routes: dict[tuple[str, str], Any]) -> None:
    unguarded = {
        place
        for place, route in routes.items()
        if (route["AuthorizationType"], route.get("AuthorizerId"))
        != ("CUSTOM", {"Ref": "Authorizer"})
    }
    assert unguarded == {HEALTH}
    assert routes[HEALTH]["AuthorizationType"] == "NONE"


def test_handlers_are_modules_of_the_package(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Serverless::Function")
    modules = {name: function["Handler"] for name, function in functions.items()}
    assert modules == {
        "ApiFunction": "sweep_service.lambdas.api.handler",
        "SuggestFunction": "sweep_service.lambdas.api.handler",
        "AuthorizerFunction": "sweep_service.lambdas.authorizer.handler",
    }
    for handler in modules.values():
        assert find_spec(handler.removesuffix(".handler")) is not None


def test_functions_end_before_their_gateway_gives_up(template: dict[str, Any]) -> None:
    for function in of_type(template, "AWS::Serverless::Function").values():
        assert function["Timeout"] < 30
    for integration in of_type(template, "AWS::ApiGatewayV2::Integration").values():
        assert integration["TimeoutInMillis"] == 30_000
        assert integration["PayloadFormatVersion"] == "2.0"


def test_the_table(template: dict[str, Any]) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert {entry["AttributeType"] for entry in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    resource = template["Resources"]["Table"]
    assert resource["DeletionPolicy"] == {"Ref": "TableDeletionPolicy"}
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert template["Parameters"]["TableDeletionPolicy"]["Default"] == "Retain"


def test_roles_allow_what_the_store_does_and_nothing_more(template: dict[str, Any]) -> None:
    roles = of_type(template, "AWS::IAM::Role")
    statements = [
        statement
        for role in roles.values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all("*" not in text for statement in statements for text in texts(statement))
    assert all("ManagedPolicyArns" not in role for role in roles.values())
    actions = {action for statement in statements for action in texts(statement["Action"])}
    assert actions == {
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    (authorizer,) = roles["AuthorizerRole"]["Policies"]
    table, _ = authorizer["PolicyDocument"]["Statement"]
    assert table["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem"]
    partition = keys.token("0" * 64).pk
    assert table["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}
    }


def test_the_hash_of_the_empty_text_is_refused(template: dict[str, Any]) -> None:
    allowed = template["Parameters"]["TokenSha256"]["AllowedPattern"]
    assert re.fullmatch(allowed, sha256_of("a token"))
    assert not re.fullmatch(allowed, EMPTY_SHA256)
    assert not re.fullmatch(allowed, "A" * 64)


def test_the_functions_know_the_table_and_the_authorizer_the_first_tokens_hash(
    template: dict[str, Any],
) -> None:
    functions = of_type(template, "AWS::Serverless::Function")
    variables = {name: function["Environment"]["Variables"] for name, function in functions.items()}
    assert variables["AuthorizerFunction"] == {
        "SWEEP_TOKEN_SHA256": {"Ref": "TokenSha256"},
        "SWEEP_TABLE": {"Ref": "Table"},
        "SWEEP_DYNAMODB_URL": "",
    }
    store = {
        "SWEEP_TABLE": {"Ref": "Table"},
        "SWEEP_HISTORY_DAYS": {"Ref": "HistoryDays"},
        "SWEEP_DYNAMODB_URL": "",  # declared, because sam local sets only what is
    }
    assert variables["ApiFunction"] == store
    assert variables["SuggestFunction"] == {"OPENBLAS_NUM_THREADS": "1", **store}


def test_sam_local_sets_variables_that_are_declared(template: dict[str, Any]) -> None:
    given = json.loads((ROOT / "infra" / "sam-local.json").read_text())["Parameters"]
    functions = of_type(template, "AWS::Serverless::Function")
    for name in ("ApiFunction", "SuggestFunction"):
        declared = set(functions[name]["Environment"]["Variables"])
        assert set(given) == {variable for variable in declared if variable.startswith("SWEEP_")}
    assert store_settings(given).endpoint == "http://host.docker.internal:8000"


def test_logs_are_not_kept_for_ever_and_alarms_watch(template: dict[str, Any]) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    functions = of_type(template, "AWS::Serverless::Function")
    assert {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()} == set(
        groups
    )
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    watched = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
    assert watched == {
        ("AWS/ApiGateway", "5xx"),
        ("AWS/DynamoDB", "WriteThrottleEvents"),
        ("AWS/DynamoDB", "ReadThrottleEvents"),
        ("AWS/Lambda", "Throttles"),
    }


def test_runtime_and_architecture_are_parameters(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert (parameters["Runtime"]["Default"], parameters["Architecture"]["Default"]) == (
        "python3.13",
        "arm64",
    )
    shared = template["Globals"]["Function"]
    assert shared["Runtime"] == {"Ref": "Runtime"}
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
