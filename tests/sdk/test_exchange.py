"""Recognising the backend's answers, and tokens that change."""

from __future__ import annotations

import pytest
from made_answers import answer, marked, of_api_gateway, problem

from sweep_sdk import _exceptions as errors
from sweep_sdk._backend.client import Client, new_key
from sweep_sdk._backend.retry import ONCE, RENEWAL_SECONDS, Renewal, Retrier, RetryPolicy
from sweep_sdk._exceptions import BackendUnavailable
from sweep_sdk._version import __version__
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

SIGN_IN = answer(200, b"<html>Please sign in")
REFUSED = of_api_gateway(403, "Forbidden")
HEALTH = marked(answer(200, {"status": "ok", "version": "0.0.9"}))
AGENT = RetryPolicy(attempts=None, deadline_seconds=3600.0)


@pytest.fixture
def instead(network):
    """Has some answers given in the place of the backend's, then its own again."""

    def instead(*answers):
        left = list(answers)
        network.fail = lambda _: left.pop(0) if left else None

    return instead


class TestForeignAnswers:
    def test_are_waited_out_once_the_backend_has_answered(self, client, sweep, instead):
        client.get_sweep(sweep)
        instead(SIGN_IN, answer(404, b""), answer(408, b""), answer(200, {"other": "data"}))
        handout = client.ask(sweep, new_key(), "agent")
        assert (handout.index, handout.attempt) == (0, 1)

    def test_are_reported_at_once_before_the_backend_has_answered(
        self, client, sweep, instead, network
    ):
        instead(SIGN_IN)
        with pytest.raises(errors.WrongBackend):
            client.get_sweep(sweep)
        assert len(network.requests) == 1

    def test_do_not_make_the_backend_known(self, client, instead, network):
        instead(SIGN_IN, SIGN_IN)
        for _ in range(2):
            with pytest.raises(errors.WrongBackend):
                client.health()
        assert not client.acquaintance.is_known

    def test_an_error_of_the_backend_makes_it_known_no_more_than_it_should(
        self, client, instead, sweep
    ):
        instead(problem(500, "service-error"))
        with pytest.raises(BackendUnavailable):
            client.with_retries(ONCE).health()
        assert not client.acquaintance.is_known

    @pytest.mark.parametrize("verb", ["report", "finish", "list", "delete", "patch"])
    def test_are_recognised_for_any_request(self, client, sweep, instead, verb):
        run = client.ask(sweep, new_key(), "agent").id
        instead(SIGN_IN, answer(204, b"x"), answer(200, b""), answer(200, {}))
        if verb == "report":
            assert client.report(run, 1, 0, ()).reason is None
        elif verb == "finish":
            assert client.finish(run, Ending(1, RunState.FINISHED)).state == "finished"
        elif verb == "list":
            assert [found["id"] for found in client.list_runs(sweep)] == [run]
        elif verb == "patch":
            assert client.change_sweep(sweep, state="paused")["id"] == sweep
        else:
            client.delete_sweep(sweep)

    @pytest.mark.parametrize(
        "error",
        [
            BackendUnavailable("no secure connection", is_temporary=False),
            BackendUnavailable("no such host", is_temporary=False),
        ],
    )
    def test_what_is_wrong_with_the_way_is_at_first_final_and_later_passes(
        self, client, sweep, instead, network, error
    ):
        instead(error)
        with pytest.raises(BackendUnavailable):
            client.get_sweep(sweep)
        assert len(network.requests) == 1
        client.get_sweep(sweep)
        instead(BackendUnavailable(str(error), is_temporary=False))
        assert client.get_sweep(sweep)["id"] == sweep

    def test_copies_of_a_client_share_what_they_know(self, client, sweep, instead):
        patient, quick = client.with_retries(AGENT), client.with_retries(ONCE)
        quick.get_sweep(sweep)
        instead(SIGN_IN)
        assert patient.get_sweep(sweep)["id"] == sweep


class TestAnOlderBackend:
    """Behind API Gateway, which answers 404 for a route that the backend does not have."""

    def test_both_versions_are_named(self, client, network, sweep):
        network.fail = lambda sent: (
            HEALTH if sent.path == "/v1/health" else of_api_gateway(404, "Not Found")
        )
        with pytest.raises(errors.UsageError) as caught:
            client.stop_run(f"{sweep}-0")
        assert "0.0.9" in str(caught.value)
        assert __version__ in str(caught.value)
        assert f"POST /v1/sweeps/{sweep}/runs/{sweep}-0/stop" in str(caught.value)
        assert not isinstance(caught.value, errors.NotFound)

    def test_what_was_learnt_before_is_not_asked_for(self, client, network, sweep):
        client.get_sweep(sweep)
        network.fail = lambda _: of_api_gateway(404, "Not Found")
        with pytest.raises(errors.UsageError, match=f"has version {__version__}"):
            client.stop_run(f"{sweep}-0")
        assert network.sent("/v1/health") == []

    def test_an_address_of_something_else_on_aws_is_reported_as_that(self, client, network, sweep):
        network.fail = lambda _: of_api_gateway(404, "Not Found")
        with pytest.raises(errors.WrongBackend, match="SWEEP_URL"):
            client.get_sweep(sweep)


class TestCredentials:
    @pytest.fixture
    def agents(self, client, clock):
        """A client with an agent's patience."""
        return client.with_retries(AGENT, renewal=Renewal())

    def test_a_replaced_credential_is_used_at_once(self, client, sweep, instead, network):
        client.get_sweep(sweep)
        network.renew = lambda: True
        instead(REFUSED)
        n_before = len(network.requests)
        assert client.with_retries(ONCE).get_sweep(sweep)["id"] == sweep
        assert len(network.requests) == n_before + 2

    def test_one_that_was_never_accepted_is_reported_at_once(self, agents, sweep, instead, network):
        network.renew = lambda: pytest.fail("nobody has replaced it")
        instead(REFUSED)
        with pytest.raises(errors.NotAuthorized, match="login"):
            agents.get_sweep(sweep)
        assert len(network.requests) == 1

    def test_commands_do_not_wait_for_another(self, client, sweep, instead, network):
        client.get_sweep(sweep)
        instead(REFUSED)
        with pytest.raises(errors.NotAuthorized):
            client.get_sweep(sweep)
        assert len(network.requests) == 2

    def test_agents_look_every_thirty_seconds(self, agents, sweep, network, clock):
        agents.get_sweep(sweep)
        began_at, looks = clock(), []
        network.renew = lambda: looks.append(clock() - began_at)
        network.fail = lambda _: REFUSED if clock() - began_at < 300 else None
        assert agents.get_sweep(sweep)["id"] == sweep
        assert looks == [30.0 * n for n in range(10)]

    def test_agents_give_up_after_ten_minutes(self, agents, sweep, network, clock):
        agents.get_sweep(sweep)
        began_at = clock()
        network.fail = lambda _: REFUSED
        with pytest.raises(BackendUnavailable, match="refused for 10 minutes") as caught:
            agents.get_sweep(sweep)
        assert clock() - began_at == RENEWAL_SECONDS
        assert caught.value.exit_code == 1
        with pytest.raises(BackendUnavailable):  # nobody begins to count again
            agents.get_sweep(sweep)
        assert clock() - began_at == RENEWAL_SECONDS

    def test_the_ten_minutes_begin_again_after_a_good_answer(self, agents, sweep, network, clock):
        agents.get_sweep(sweep)
        for _ in range(3):
            began_at = clock()
            network.fail = lambda _, start=began_at: REFUSED if clock() - start < 500 else None
            assert agents.get_sweep(sweep)["id"] == sweep

    def test_a_single_try_is_counted_but_does_not_wait(self, agents, sweep, network, clock):
        agents.get_sweep(sweep)
        network.fail = lambda _: REFUSED
        with pytest.raises(errors.NotAuthorized):
            agents.with_retries(ONCE).get_sweep(sweep)
        clock.advance(RENEWAL_SECONDS)
        with pytest.raises(BackendUnavailable):
            agents.get_sweep(sweep)

    def test_trouble_says_what_is_done_about_it(self, agents, sweep, network):
        reported = []
        patient = agents.with_retries(AGENT, on_trouble=reported.append)
        patient.get_sweep(sweep)
        network.fail = lambda _: None if reported else REFUSED
        patient.get_sweep(sweep)
        assert [type(error) for error in reported] == [errors.NotAuthorized]


def test_a_retrier_by_itself_does_not_wait_for_credentials():
    def refuse(_):
        raise errors.NotAuthorized("no", was_accepted=True)

    with pytest.raises(errors.NotAuthorized):
        Retrier(sleep=lambda _: pytest.fail("nobody waits")).call(refuse)


def test_a_client_that_is_made_again_knows_nobody(network):
    assert not Client(network).acquaintance.is_known
