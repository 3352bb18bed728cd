"""The template matches the code: the same routes, the right table, minimal permissions."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from iam_policies import read_template
from sweep_service.access.identity import LOCAL_ADMIN, to_authorizer_context
from sweep_service.access.scopes import Scope
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
    ("POST", "/graphql"),
    ("GET", "/v1/sweeps/{sweep}/model"),
    ("POST", "/v1/sweeps/{sweep}/points"),
}
HEALTH = ("GET", "/v1/health")
TABLE_NAME = {"If": ["HasOwnTable", {"Ref": "Table"}, {"Ref": "ExistingTable"}]}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


@pytest.fixture(scope="module", params=["HttpApi", "IamApi"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def routes(template: dict[str, Any], api: str) -> dict[tuple[str, str], dict[str, Any]]:
    every = of_type(template, "AWS::ApiGatewayV2::Route").values()
    found = [route for route in every if route["ApiId"] == {"Ref": api}]
    named = {tuple(route["RouteKey"].split(" ")): route for route in found}
    assert len(named) == len(found)
    return named  # type: ignore[return-value]


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


def test_the_routes_are_those_of_the_code(routes: dict[tuple[str, str], Any], api: str) -> None:
    assert set(routes) == routes_of(api)


def routes_of(api: str) -> set[tuple[str, str]]:
    """Clients of W&B have tokens, and do not sign their requests."""
    return {place for place, route in ROUTES.items() if api == "HttpApi" or not route.is_of_wandb}


def test_what_needs_a_search_method_goes_to_the_function_with_numpy(
    template: dict[str, Any], api: str, routes: dict[tuple[str, str], Any]
) -> None:
    integrations = {
        f"integrations/${{{name}}}": integration["IntegrationUri"]["GetAtt"]
        for name, integration in of_type(template, "AWS::ApiGatewayV2::Integration").items()
        if integration["ApiId"] == {"Ref": api}
    }
    targets = {place: integrations[route["Target"]["Sub"]] for place, route in routes.items()}
    assert {targets.pop(place) for place in SEARCHING & routes_of(api)} == {"SuggestFunction.Arn"}
    assert set(targets.values()) == {"ApiFunction.Arn"}
    functions = of_type(template, "AWS::Serverless::Function")
    assert [name for name, function in functions.items() if "Layers" in function] == [
        "SuggestFunction"
    ]


def test_every_route_but_health_wants_a_credential(
    routes: dict[tuple[str, str], Any], api: str
) -> None:
    asked = {
        place: (route["AuthorizationType"], route.get("AuthorizerId"))
        for place, route in routes.items()
    }
    assert asked.pop(HEALTH) == ("NONE", None)
    by_token, by_signature = ("CUSTOM", {"Ref": "Authorizer"}), ("AWS_IAM", None)
    wanted = by_token if api == "HttpApi" else by_signature
    assert all(found == wanted for found in asked.values())


def test_each_api_may_call_the_functions_that_it_needs(template: dict[str, Any], api: str) -> None:
    allowed = {
        permission["FunctionName"]["Ref"]
        for permission in of_type(template, "AWS::Lambda::Permission").values()
        if permission["SourceArn"]["Sub"].endswith(f"${{{api}}}/*")
    }
    assert allowed == {"ApiFunction", "SuggestFunction"}


def test_routes_are_bounded_by_what_they_cost(template: dict[str, Any], api: str) -> None:
    stages = of_type(template, "AWS::ApiGatewayV2::Stage").items()
    ((name, stage),) = [item for item in stages if item[1]["ApiId"] == {"Ref": api}]
    assert stage["DefaultRouteSettings"] == bound(100, 200)
    of_agents = {
        f"{method} {path}": bound({"Ref": "RequestsPerSecond"}, {"Ref": "BurstRequests"})
        for (method, path), route in ROUTES.items()
        if route.scope is Scope.AGENT and (method, path) in routes_of(api)
    }
    lists = (
        *("GET /v1/sweeps", "GET /v1/tokens", "GET /v1/sweeps/{sweep}/importance"),
        "GET /v1/sweeps/{sweep}/events",
        *("GET /v1/sweeps/{sweep}/runs", "GET /v1/sweeps/{sweep}/runs/{run}/history"),
        *("GET /v1/sweeps/{sweep}/curves", "GET /v1/sweeps/{sweep}/model"),
        "GET /v1/sweeps/{sweep}/bands",
    )
    assert len(of_agents) == (4 if api == "HttpApi" else 3)
    assert stage["RouteSettings"] == {**of_agents, **dict.fromkeys(lists, bound(10, 50))}
    resources = template["Resources"]
    known = {resources[route]["Properties"]["RouteKey"] for route in resources[name]["DependsOn"]}
    assert known == set(stage["RouteSettings"]), "a stage cannot bound routes that are not there"


def bound(rate: object, burst: object) -> dict[str, object]:
    return {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}


def test_the_access_log_says_who_has_asked_for_what(template: dict[str, Any], api: str) -> None:
    (stage,) = (
        stage
        for stage in of_type(template, "AWS::ApiGatewayV2::Stage").values()
        if stage["ApiId"] == {"Ref": api}
    )
    assert stage["AccessLogSettings"]["DestinationArn"] == {"GetAtt": "AccessLogs.Arn"}
    reported = json.loads(stage["AccessLogSettings"]["Format"])
    assert set(reported.values()) >= {
        "$context.authorizer.name",
        "$context.identity.userArn",
        "$context.routeKey",
        "$context.status",
    }
    assert "name" in to_authorizer_context(LOCAL_ADMIN), "what the log calls authorizer.name"


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
    assert table["OnDemandThroughput"] == {
        "MaxWriteRequestUnits": {"Ref": "MaxWriteUnits"},
        "MaxReadRequestUnits": {"Ref": "MaxReadUnits"},
    }
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["DeletionProtectionEnabled"] == {"If": ["RetainsTable", True, False]}
    assert template["Conditions"]["RetainsTable"] == {
        "Equals": [{"Ref": "TableDeletionPolicy"}, "Retain"]
    }
    resource = template["Resources"]["Table"]
    assert resource["DeletionPolicy"] == {"Ref": "TableDeletionPolicy"}
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert template["Parameters"]["TableDeletionPolicy"]["Default"] == "Retain"


def test_roles_allow_what_the_store_does_and_nothing_more(template: dict[str, Any]) -> None:
    roles = of_type(template, "AWS::IAM::Role")
    statements = [
        statement
        for role in roles.values()
        for policy in role.get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all("*" not in text for statement in statements for text in texts(statement))
    managed = {name: role.get("ManagedPolicyArns") for name, role in roles.items()}
    assert managed == {
        "StoreRole": None,
        "AuthorizerRole": None,
        "AgentRole": [{"Ref": "AgentPolicy"}],
    }
    actions = {action for statement in statements for action in texts(statement["Action"])}
    assert actions == {
        "dynamodb:BatchGetItem",
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
        "SWEEP_TABLE": TABLE_NAME,
        "SWEEP_DYNAMODB_URL": "",
    }
    store = {
        "SWEEP_TABLE": TABLE_NAME,
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
    of_functions = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()}
    assert {*of_functions, "AccessLogs"} == set(groups)
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    watched = [
        (alarm["Namespace"], alarm["MetricName"], watched_resource(alarm)) for alarm in alarms
    ]
    apis = {
        ("AWS/ApiGateway", metric, api)
        for metric in ("5xx", "4xx", "Count")
        for api in ("HttpApi", "IamApi")
    }
    assert set(watched) == {
        *apis,
        ("AWS/Lambda", "Errors", "AuthorizerFunction"),
        ("AWS/DynamoDB", "WriteThrottleEvents", "Table"),
        ("AWS/DynamoDB", "ReadThrottleEvents", "Table"),
        ("AWS/Lambda", "Throttles", ""),
    }
    assert len(watched) <= 10, "up to ten cost nothing"


def watched_resource(metric: dict[str, Any]) -> str:
    value = next((entry["Value"] for entry in metric.get("Dimensions", ())), {"Ref": ""})
    return "Table" if value == TABLE_NAME else str(value["Ref"])


def test_a_function_can_be_given_a_bound_of_its_own(template: dict[str, Any]) -> None:
    for name in ("Api", "Suggest", "Authorizer"):
        function = of_type(template, "AWS::Serverless::Function")[f"{name}Function"]
        no_value = {"Ref": "AWS::NoValue"}
        chosen = [f"Bounds{name}", {"Ref": f"{name}Concurrency"}, no_value]
        assert function["ReservedConcurrentExecutions"] == {"If": chosen}
        is_zero = {"Equals": [{"Ref": f"{name}Concurrency"}, 0]}
        assert template["Conditions"][f"Bounds{name}"] == {"Not": [is_zero]}
        assert template["Parameters"][f"{name}Concurrency"]["Default"] == 0


def test_a_budget_needs_an_address(template: dict[str, Any]) -> None:
    budget = template["Resources"]["Budget"]
    assert budget["Condition"] == "HasBudgetAddress"
    for notification in budget["Properties"]["NotificationsWithSubscribers"]:
        (subscriber,) = notification["Subscribers"]
        assert subscriber == {"SubscriptionType": "EMAIL", "Address": {"Ref": "BudgetAddress"}}
    assert template["Parameters"]["BudgetAddress"]["Default"] == ""


def test_runtime_and_architecture_are_parameters(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert (parameters["Runtime"]["Default"], parameters["Architecture"]["Default"]) == (
        "python3.13",
        "arm64",
    )
    shared = template["Globals"]["Function"]
    assert shared["Runtime"] == {"Ref": "Runtime"}
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
