"""Which identities may send which requests."""

from __future__ import annotations

from typing import Any

import pytest

from sweep_service.access.identity import (
    FIRST_ADMIN,
    LOCAL_ADMIN,
    Authentication,
    Identity,
    check_access,
    from_gateway_event,
    to_authorizer_context,
)
from sweep_service.access.scopes import Scope
from sweep_service.errors import Forbidden, Unauthorized
from sweep_service.routes import ROUTES
from sweep_service.wandb.graphql import OPERATIONS

SWEEP = "k3v9x2ab"
IAM = Identity("arn:aws:iam::1:role/agents", None, Authentication.IAM)


def having(scope: Scope, **changes: Any) -> Identity:
    return Identity("ann", scope, Authentication.STORED, **changes)


def test_each_scope_includes_those_before_it() -> None:
    reader, agent, admin = Scope
    assert [scope.value for scope in Scope] == ["reader", "agent", "admin"]
    assert admin.includes(agent)
    assert agent.includes(reader)
    assert reader.includes(reader)
    assert not reader.includes(agent)
    assert not agent.includes(admin)


def test_every_route_has_a_scope_and_health_alone_is_public() -> None:
    public = [place for place, route in ROUTES.items() if route.scope is None]
    assert public == [("GET", "/v1/health")]
    assert all(isinstance(route.scope, Scope) for route in ROUTES.values() if route.scope)


def test_who_reads_may_not_write() -> None:
    for (method, path), route in ROUTES.items():
        if route.scope is Scope.READER and not route.is_of_wandb:
            assert method == "GET", path


def test_an_operation_of_wandbs_that_a_reader_may_ask_for_reads() -> None:
    answered_by = {
        operation.answer.__module__: operation.scope for operation in OPERATIONS.values()
    }
    reading = {module for module, scope in answered_by.items() if scope is Scope.READER}
    assert reading == {"sweep_service.wandb.reading"}
    changing = [
        operation for operation in OPERATIONS.values() if operation.scope is not Scope.READER
    ]
    assert all(operation.answer.__module__ not in reading for operation in changing)


@pytest.mark.parametrize("needed", Scope)
@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_the_routes_that_it_includes(scope: Scope, needed: Scope) -> None:
    if scope.includes(needed):
        assert check_access(having(scope), needed, SWEEP, 0.0) == having(scope)
    else:
        with pytest.raises(Forbidden, match=f"needs the scope '{needed.value}'"):
            check_access(having(scope), needed, SWEEP, 0.0)


@pytest.mark.parametrize("sweep", ["another0", None])
@pytest.mark.parametrize("scope", Scope)
def test_a_token_of_one_sweep_opens_no_other(scope: Scope, sweep: str | None) -> None:
    bound = having(scope, sweep=SWEEP)
    assert check_access(bound, Scope.READER, SWEEP, 0.0) is bound
    with pytest.raises(Forbidden, match=f"for sweep {SWEEP} alone"):
        check_access(bound, Scope.READER, sweep, 0.0)


def test_a_token_expires_also_while_api_gateway_remembers_it() -> None:
    bound = having(Scope.ADMIN, expires_at=100.0)
    assert check_access(bound, Scope.ADMIN, None, 99.9) is bound
    with pytest.raises(Unauthorized, match="expired"):
        check_access(bound, Scope.ADMIN, None, 100.0)


def test_nobody_gets_in_but_to_public_routes() -> None:
    assert check_access(None, None, None, 0.0) is None
    for needed in Scope:
        with pytest.raises(Unauthorized):
            check_access(None, needed, None, 0.0)


@pytest.mark.parametrize("identity", [LOCAL_ADMIN, FIRST_ADMIN, IAM])
def test_iam_has_decided_by_route_and_admins_may_do_everything(identity: Identity) -> None:
    for needed in Scope:
        assert check_access(identity, needed, SWEEP, 0.0) is identity


def test_only_admins_may_leave_out_the_key_of_a_lease() -> None:
    assert not FIRST_ADMIN.must_name_lease
    assert not having(Scope.ADMIN).must_name_lease
    assert having(Scope.AGENT).must_name_lease
    assert IAM.must_name_lease


@pytest.mark.parametrize(
    "identity",
    [FIRST_ADMIN, having(Scope.AGENT, sweep=SWEEP, expires_at=1.5), having(Scope.READER)],
)
def test_an_identity_travels_from_the_authorizer_to_the_api(identity: Identity) -> None:
    context = to_authorizer_context(identity)
    assert all(isinstance(value, str) for value in context.values())
    assert from_gateway_event({"lambda": context}) == identity


@pytest.mark.parametrize("authorizer", [None, {}, {"jwt": {"claims": {}}}])
def test_without_an_authorizer_of_ours_nobody_is_known(authorizer: Any) -> None:
    assert from_gateway_event(authorizer) is None


def test_the_first_releases_authorizer_knew_the_first_token_alone() -> None:
    assert from_gateway_event({"lambda": None}) is FIRST_ADMIN


def test_iam_says_who_has_signed() -> None:
    found = from_gateway_event({"iam": {"userArn": IAM.name, "accountId": "1"}})
    assert found == IAM
