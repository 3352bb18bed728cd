"""Mutations of access control."""

from __future__ import annotations

from mutations import Mutation

_SERVICE = "functions/sweep_service"
_IDENTITY = f"{_SERVICE}/access/identity.py"
_TOKENS = f"{_SERVICE}/access/tokens.py"
_TESTS = "tests/service/access"

ACCESS = (
    Mutation(
        f"{_SERVICE}/gateway.py",
        "every request is checked",
        '        _check_access(route, params.get("sweep"), identity, services.clock())\n',
        "",
        "refused",
        f"{_TESTS}/test_denials.py::test_nothing_was_changed_by_all_of_them",
    ),
    Mutation(
        _IDENTITY,
        "a scope opens no routes of a larger one",
        "if identity.scope is not None and not identity.scope.includes(needed):",
        "if False:",
        "refused",
        f"{_TESTS}/test_identity.py::test_a_scope_opens_the_routes_that_it_includes",
    ),
    Mutation(
        _IDENTITY,
        "a token of one sweep opens no other",
        "if identity.sweep is not None and identity.sweep != sweep:",
        "if False:",
        "refused",
        f"{_TESTS}/test_identity.py::test_a_token_of_one_sweep_opens_no_other",
    ),
    Mutation(
        _IDENTITY,
        "a token expires while API Gateway remembers it",
        "if identity.expires_at is not None and identity.expires_at <= now:",
        "if False:",
        "refused",
        f"{_TESTS}/test_identity.py::test_a_token_expires_also_while_api_gateway_remembers_it",
    ),
    Mutation(
        _TOKENS,
        "a revoked token is refused",
        "if self.revoked_at is not None:",
        "if False:",
        "refused",
        f"{_TESTS}/test_authenticator.py::test_a_token_that_is_not_valid_is_refused",
    ),
    Mutation(
        _TOKENS,
        "the hash of the empty text is no token's",
        " and text != EMPTY_SHA256",
        "",
        "refused",
        f"{_TESTS}/test_authenticator.py::test_the_hash_of_nothing_is_not_usable",
    ),
    Mutation(
        f"{_SERVICE}/handlers/runs.py",
        "agents name the lease that they hold",
        "if key is None and request.identity is not None and request.identity.must_name_lease:",
        "if False:",
        "refused",
        f"{_TESTS}/test_leases_of_others.py::test_others_may_not_while_it_runs",
    ),
    Mutation(
        f"{_SERVICE}/operations/report.py",
        "late rows are kept with the key of their attempt alone",
        "if known == key or (not must_prove and None in (known, key)):",
        "if True:",
        "refused",
        f"{_TESTS}/test_leases_of_others.py::test_nor_on_its_earlier_attempts",
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/options.py",
        "a pinned agent runs no other command",
        "if self.pin is not None and command_sha256 not in (None, self.pin):",
        "if False:",
        "refused",
        "tests/e2e/test_agent_pin.py::test_another_one_is_refused_before_anything_is_asked_for",
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/slot/program.py",
        "a pinned agent looks at the command of each run",
        "session.options.check_pin(handout.command_sha256)",
        "pass",
        "refused",
        "tests/e2e/test_agent_pin.py::test_one_that_is_changed_meanwhile_is_refused_at_the_next_run",
    ),
    Mutation(
        f"{_SERVICE}/operations/update.py",
        "the author of a change of the command is named",
        "    meta = replace(view.loaded.meta, command_at=now, command_by=author)\n",
        "    meta = view.loaded.meta\n",
        "recorded",
        "tests/service/test_command_changes.py::"
        "test_another_command_or_program_names_who_changed_it",
    ),
    Mutation(
        f"{_SERVICE}/gateway.py",
        "changes are kept with their author",
        "if answer.deed is not None and identity is not None:",
        "if False:",
        "recorded",
        f"{_TESTS}/test_events.py::test_each_change_is_kept_with_its_author",
    ),
    Mutation(
        f"{_SERVICE}/wandb/graphql.py",
        "each operation of W&B's clients is checked",
        "        _check(operation, request.identity, call)\n",
        "",
        "refused",
        f"{_TESTS}/test_denials.py::test_nothing_was_changed_by_all_of_them",
    ),
    Mutation(
        f"{_SERVICE}/wandb/attempts.py",
        "a program proves that its agent holds the run",
        'if must_prove and not (key or "").startswith(key_prefix(identity)):',
        "if False:",
        "refused",
        "tests/service/wandb/test_streaming.py::TestLeasesOfOthers::test_of_an_agent_of_ours",
    ),
)
