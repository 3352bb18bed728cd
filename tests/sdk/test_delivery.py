from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace

import pytest
from made_answers import problem

from sweep_sdk._agent.outbox import tail
from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import ProgramOutcome
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._agent.outbox.sync import Synced, sync
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._exceptions import (
    BackendUnavailable,
    LeaseLost,
    NotFound,
    UsageError,
)
from sweep_sdk._home.agent_lock import agent_lock
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.writer import INCOMPLETE
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

DONE = ProgramOutcome(True, exit_code=0)


@pytest.fixture
def once(client):
    return client.with_retries(ONCE)


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "home")


@pytest.fixture
def handout(client, sweep):
    return client.ask(sweep, "key-of-the-test", "agent")


@pytest.fixture
def pending(handout, outbox, tmp_path, network):
    pending = PendingDelivery(
        network.place, handout.id, handout.attempt, str(tmp_path / "m.jsonl"), "loss"
    )
    outbox.save(pending)
    return pending


@pytest.fixture
def log(tmp_path):
    def log(*rows):
        with (tmp_path / "m.jsonl").open("ab") as file:
            for row in rows:
                line = row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n"
                file.write(line)

    return log


@pytest.fixture
def make(pending, outbox, clock, notices):
    return lambda found=None: Delivery(found or pending, outbox, clock, notices)


def history(client, run):
    return [row["metrics"]["loss"] for row in client.history(run)]


class TestRows:
    def test_rows_are_delivered_in_order_and_once(self, make, once, log, handout):
        delivery = make()
        assert delivery.send(once) is None
        log({"loss": 3}, {"loss": 2})
        assert not delivery.send(once).is_stop
        log({"loss": 1})
        delivery.send(once)
        assert delivery.send(once) is None
        assert history(once, handout.id) == [3, 2, 1]

    def test_a_lost_answer_sends_the_same_batch(self, make, once, log, handout, network):
        delivery = make()
        log({"loss": 3})
        network.lose = lambda _: BackendUnavailable("lost")
        with pytest.raises(BackendUnavailable):
            delivery.send(once)
        network.lose = lambda _: None
        log({"loss": 2})
        delivery.send(once)
        delivery.send(once)
        bodies = [json.loads(request.body) for request in network.sent("/reports")]
        assert bodies[0] == bodies[1]
        assert history(once, handout.id) == [3, 2]

    def test_a_heartbeat_changes_nothing(self, make, once, log, handout):
        delivery = make()
        log({"loss": 3})
        delivery.send(once)
        delivery.beat(once)
        assert history(once, handout.id) == [3]

    def test_rows_that_the_backend_refuses_are_found_and_left_out(
        self, make, once, log, handout, network, notices
    ):
        def refuse(request):
            if b'"loss":13' in request.body or b"666" in request.body:
                return problem(413, "too-large", "row too large")
            return None

        network.fail = refuse
        log(*({"loss": n} for n in range(13)), {"loss": 666}, *({"loss": n} for n in range(14, 20)))
        delivery = make()
        while delivery.send(once) is not None:
            pass
        assert history(once, handout.id) == [n for n in range(20) if n != 13]
        assert len(notices) == 1
        assert "row too large" in notices[0]

    def test_other_refusals_keep_the_rows(self, make, once, log, network):
        delivery = make()
        log({"loss": 3})
        network.fail = lambda _: problem(401, "unauthorized")
        with pytest.raises(Exception, match="login"):
            delivery.send(once)
        network.come_back()
        assert delivery.send(once) is not None


class TestTheEnd:
    def test_finish_sends_what_is_left_first(self, make, once, log, handout, outbox, network):
        log({"loss": 3, "acc": 0.5}, b'{"loss": 2}')
        finished = make().finish(once, DONE)
        assert finished.state == "finished"
        run = once.get_run(handout.id)
        assert run["summary"] == {"loss": 2, "acc": 0.5, "loss.min": 2, "loss.max": 3}
        assert run["attributes"] == {}
        assert run["best"] == 2
        assert outbox.orphaned(network.place) == []

    def test_what_the_program_notes_is_kept_with_the_run(self, make, once, log, handout):
        facts = {"name": "a", "tags": ["x"], "config": {"epochs": 5}, "summary": {"path": "a.pt"}}
        log({"loss": 3}, line_format.encode_describe(facts))
        make().finish(once, DONE)
        assert once.get_run(handout.id)["attributes"] == facts

    def test_the_result_that_the_program_sets_counts(self, make, once, log, handout):
        log({"loss": 1}, {"loss": 9}, line_format.encode_summary({"loss": 5}))
        make().finish(once, DONE)
        run = once.get_run(handout.id)
        assert (run["best"], run["summary"]["loss"]) == (5, 5)
        assert (run["summary"]["loss.min"], run["summary"]["loss.max"]) == (1, 9)

    def test_defined_and_hidden_metrics(self, make, once, log, handout):
        log(line_format.encode_define("acc", "mean"), line_format.encode_define("lr", "none"))
        log({"acc": 1, "lr": 1}, {"acc": 2, "lr": 1})
        make().finish(once, DONE)
        summary = once.get_run(handout.id)["summary"]
        assert summary == {"acc": 2, "acc.mean": 1.5, "acc.min": 1, "acc.max": 2}

    def test_twice_is_once(self, make, once, log, handout, network):
        log({"loss": 3})
        delivery = make()
        network.lose = lambda request: (
            BackendUnavailable("lost") if request.path.endswith("/finish") else None
        )
        with pytest.raises(BackendUnavailable):
            delivery.finish(once, DONE)
        network.lose = lambda _: None
        assert delivery.finish(once, DONE).state == "finished"
        assert history(once, handout.id) == [3]

    def test_what_the_program_said_last_decides(self, make, once, log, handout):
        log({"loss": 3}, line_format.encode_finish(1))
        assert make().finish(once, DONE).state == "failed"

    def test_a_lost_lease_sends_all_rows_and_says_so(
        self, make, once, log, client, pending, handout
    ):
        client.finish(handout.id, Ending(1, RunState.PREEMPTED))
        log(*({f"m{n}": 0.123456789 for n in range(9000)} for _ in range(4)))
        with pytest.raises(LeaseLost):
            make().finish(once, DONE)
        assert len(list(once.history(handout.id))) == 4

    def test_a_sweep_that_is_gone(self, make, once, log, client, sweep):
        client.delete_sweep(sweep)
        log({"loss": 1})
        with pytest.raises(NotFound):
            make().finish(once, DONE)

    def test_a_huge_summary_is_cut_to_the_limit(self, make, once, log, handout, notices):
        for _ in range(2):
            for part in range(20):
                log({f"m{part}-{n}": 1.5 for n in range(1000)})
        log({"loss": 3})
        make().finish(once, DONE)
        summary = once.get_run(handout.id)["summary"]
        assert {"loss": 3, "loss.min": 3, "loss.max": 3}.items() <= summary.items()
        assert 10_000 < len(summary) < 20_000
        assert not any(name.endswith(".max") for name in summary.keys() - {"loss.max"})
        (notice,) = notices
        assert notice.startswith(f"{60_003 - len(summary):,} values of the summary")


class TestRecovery:
    """What a dead agent leaves behind is delivered by others, once and in order."""

    def sync(self, client, outbox):
        return list(sync(client, outbox, lambda _: None))

    def test_a_killed_agents_run_is_given_back(self, make, once, log, outbox, handout):
        log({"loss": 3})
        assert self.sync(once, outbox) == [Synced(handout.id, 1, "preempted")]
        assert self.sync(once, outbox) == []
        assert history(once, handout.id) == [3]
        assert once.get_run(handout.id)["attempts"][0]["state"] == "preempted"

    def test_what_was_done_is_done(self, once, log, outbox, handout, pending):
        log({"loss": 3}, line_format.encode_finish(0))
        assert self.sync(once, outbox) == [Synced(handout.id, 1, "finished")]

    def test_what_was_in_flight_is_in_the_history_once(
        self, make, once, log, outbox, handout, network
    ):
        delivery = make()
        log({"loss": 3})
        delivery.send(once)
        log({"loss": 2})
        network.lose = lambda _: BackendUnavailable("lost")
        with pytest.raises(BackendUnavailable):
            delivery.send(once)
        network.lose = lambda _: None
        log({"loss": 1})
        self.sync(once, outbox)
        assert history(once, handout.id) == [3, 2, 1]

    def test_what_others_have_delivered_is_not_sent_again(
        self, make, once, log, handout, network, monkeypatch
    ):
        monkeypatch.setattr(tail, "MAX_BATCH_BYTES", 100)
        log(*({"loss": n} for n in range(100)))
        make().send_rest(once)
        n_before = len(network.sent("/reports"))
        make().send_rest(once)
        assert n_before > 10
        assert len(network.sent("/reports")) == n_before + 1
        assert history(once, handout.id) == list(range(100))

    @pytest.mark.parametrize("n_deliverers", [2, 3])
    def test_several_who_deliver_at_once_and_cut_differently(
        self, make, once, log, handout, monkeypatch, n_deliverers
    ):
        """Each reads as far as the file has grown for it, and sends that; all take turns."""
        monkeypatch.setattr(tail, "MAX_BATCH_BYTES", 60)
        deliveries = []
        for n in range(n_deliverers):
            log(*({"loss": 10 * n + k} for k in range(10)))
            deliveries.append(make())
            deliveries[-1].send(once)
        for delivery in itertools.chain(*itertools.repeat(deliveries, 30)):
            delivery.send(once)
        assert {delivery.send(once) for delivery in deliveries} == {None}
        assert history(once, handout.id) == list(range(10 * n_deliverers))
        run = once.get_run(handout.id)
        assert (run["best"], run["summary"]["loss"]) == (0, 10 * n_deliverers - 1)

    def test_what_could_not_be_delivered_keeps_its_outcome(
        self, make, once, log, outbox, handout, network
    ):
        delivery = make()
        log({"loss": 3})
        network.go_away()
        outcome = ProgramOutcome(False, exit_code=7, stderr_tail="last words")
        with pytest.raises(BackendUnavailable):
            delivery.finish(once, outcome)
        delivery.give_up(outcome)
        with pytest.raises(BackendUnavailable):
            self.sync(once, outbox)
        network.come_back()
        assert self.sync(once, outbox) == [Synced(handout.id, 1, "failed")]
        run = once.get_run(handout.id)
        assert (run["exit_code"], run["error_tail"]) == (7, "last words")
        assert history(once, handout.id) == [3]

    def test_a_run_that_others_have_by_now_is_let_go(
        self, once, log, outbox, client, sweep, pending
    ):
        client.finish(pending.run, Ending(1, RunState.PREEMPTED))
        assert client.ask(sweep, "another-key", "other").attempt == 2
        log({"loss": 3})
        assert self.sync(once, outbox) == [Synced(pending.run, 1, "lost")]
        assert self.sync(once, outbox) == []
        assert history(once, pending.run) == [3]

    def test_a_deleted_sweep_is_forgotten(self, once, log, outbox, client, sweep, pending):
        client.delete_sweep(sweep)
        assert self.sync(once, outbox) == [Synced(pending.run, 1, "gone")]
        assert self.sync(once, outbox) == []

    def test_a_backend_that_does_not_know_the_sweep_may_have_lost_it(
        self, once, outbox, pending, network, notices
    ):
        network.fail = lambda _: problem(404, "not-found", "no sweep")
        assert list(sync(once, outbox, notices)) == []
        assert outbox.contains(pending)
        assert pending.run in notices[0]
        n_requests = len(network.requests)
        assert list(sync(once, outbox, notices)) == []  # the same process does not ask again
        assert len(network.requests) == n_requests

    def test_a_living_agents_run_is_left_alone(self, once, outbox, pending):
        with agent_lock(outbox.home) as lock:
            outbox.save(replace(pending, holder=lock.name))
            assert self.sync(once, outbox) == []

    def test_a_metrics_file_that_is_gone(self, once, outbox, pending):
        assert self.sync(once, outbox) == [Synced(pending.run, 1, "preempted")]


def test_a_disk_that_takes_no_notes_does_not_stop_delivery(pending, once, log, clock, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    log({"loss": 3})
    assert Delivery(pending, Outbox(file), clock, print).finish(once, DONE).state == "finished"


class TestTwoThreads:
    def test_an_end_waits_for_the_report_in_flight(self, make, once, log, handout, network):
        """Two Ctrl-C leave a function's run while its reporter still waits for an answer."""
        delivery = make()
        log({"loss": 3})
        is_sent, is_answered = threading.Event(), threading.Event()

        def hold(_):
            is_sent.set()
            assert is_answered.wait(10)

        network.fail = hold
        reporting = threading.Thread(target=delivery.send, args=(once,))
        reporting.start()
        assert is_sent.wait(10)
        network.come_back()
        log({"loss": 2})
        ending = threading.Thread(target=delivery.finish, args=(once, DONE))
        ending.start()
        ending.join(0.1)  # it has all that it needs, but for its turn
        is_answered.set()
        reporting.join()
        ending.join()
        offsets = [json.loads(request.body)["offset"] for request in network.sent("/reports")]
        assert offsets == [0, 1]
        assert history(once, handout.id) == [3, 2]


class TestRowsThatCouldNotBeWritten:
    """A disk that stays full, or a folder that is gone: what a run came to is not known then."""

    @pytest.fixture
    def full(self, tmp_path, log):
        log({"loss": 3})
        path = tmp_path / "m.jsonl"
        path.chmod(path.stat().st_mode | INCOMPLETE)

    def test_a_run_that_exits_well_has_failed_and_says_why(self, full, make, once, handout):
        assert make().finish(once, DONE).state == "failed"
        run = once.get_run(handout.id)
        assert "rows are missing" in run["error_tail"]
        assert "disk full" in run["error_tail"]
        assert history(once, handout.id) == [3]

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (ProgramOutcome(False, exit_code=7, stderr_tail="last words"), "failed"),
            (ProgramOutcome(False, cause="stop_run"), "killed"),
            (ProgramOutcome(False, cause="early_terminate"), "finished"),
            (ProgramOutcome(False, cause="interrupted"), "preempted"),
            (None, "preempted"),
        ],
    )
    def test_other_outcomes_are_unchanged(self, full, make, once, outcome, state):
        assert make().finish(once, outcome).state == state

    def test_what_its_agent_left_is_not_taken_for_complete(self, full, log, once, outbox, pending):
        log(line_format.encode_finish(0))
        assert [found.state for found in sync(once, outbox, print)] == ["preempted"]

    def test_a_folder_that_is_gone_before_its_rows_were_delivered(
        self, make, once, log, outbox, tmp_path, network, handout
    ):
        log({"loss": 3})
        delivery = make()
        network.go_away()
        with pytest.raises(BackendUnavailable):
            delivery.finish(once, DONE)
        delivery.give_up(DONE)
        delivery.close()
        (tmp_path / "m.jsonl").unlink()
        network.come_back()
        assert [found.state for found in sync(once, outbox, print)] == ["failed"]
        assert "rows are missing" in once.get_run(handout.id)["error_tail"]


class TestEndsThatAreRefused:
    def test_they_are_reported_without_details(self, make, once, log, handout, notices, outbox):
        log({"loss": 1})
        refused = ProgramOutcome(False, exit_code=2**60, stderr_tail="last words")
        assert make().finish(once, refused).state == "failed"
        assert once.get_run(handout.id)["state"] == "failed"
        assert "without details" in notices[-1]
        assert outbox.backends() == set()

    def test_half_characters_in_last_words(self, make, once, handout):
        make().finish(
            once, ProgramOutcome(False, exit_code=1, stderr_tail="no file 'caf\udce9.csv'")
        )
        assert once.get_run(handout.id)["error_tail"] == "no file 'caf\\udce9.csv'"

    def test_a_summary_is_measured_as_it_travels(self, make, once, log, handout):
        for part in range(6):
            log({"loss": 1} | {f"{'é' * 40}{part}.{number}": 1 for number in range(500)})
        make().finish(once, DONE)
        run = once.get_run(handout.id)
        assert (run["state"], run["exit_code"], run["best"]) == ("finished", 0, 1)


class TestAMetricsFileThatCannotBeRead:
    @pytest.fixture
    def unreadable(self, tmp_path, log):
        log({"loss": 3})
        (tmp_path / "m.jsonl").rename(tmp_path / "kept.jsonl")
        (tmp_path / "m.jsonl").mkdir()

    @pytest.fixture
    def repair(self, tmp_path):
        def repair():
            (tmp_path / "m.jsonl").rmdir()
            (tmp_path / "kept.jsonl").rename(tmp_path / "m.jsonl")

        return repair

    def test_its_rows_are_not_discarded(
        self, unreadable, repair, make, once, outbox, pending, notices
    ):
        delivery = make()
        with pytest.raises(UsageError, match="cannot read"):
            delivery.finish(once, DONE)
        delivery.give_up(DONE)
        repair()
        assert [found.state for found in sync(once, outbox, notices)] == ["finished"]
        assert history(once, pending.run) == [3]

    def test_it_does_not_delay_other_deliveries(
        self, unreadable, make, once, client, sweep, outbox, pending, notices, tmp_path
    ):
        other = client.ask(sweep, "another-key-of-the-test", "agent")
        metrics_file = str(tmp_path / "other.jsonl")
        outbox.save(replace(pending, run=other.id, metrics_file=metrics_file))
        paid = []
        with pytest.raises(UsageError, match="cannot read"):
            paid.extend(sync(once, outbox, notices))
        assert [found.run for found in outbox.orphaned(pending.place)] == [pending.run]
