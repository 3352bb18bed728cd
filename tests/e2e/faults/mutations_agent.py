"""Mutations of the agent's part in the promises."""

from __future__ import annotations

from mutations import Mutation

_ATTEMPT = "sdk/sweep_sdk/_agent/slot/attempt.py"
_DELIVERY = "sdk/sweep_sdk/_agent/outbox/delivery.py"
_ANSWERS = "sdk/sweep_sdk/_backend/answers.py"
_SYNC = "sdk/sweep_sdk/_agent/outbox/sync.py"
_TAIL = "sdk/sweep_sdk/_agent/outbox/tail.py"
_REPORT = "functions/sweep_service/operations/report.py"
_ROWS = "functions/sweep_service/operations/rows.py"
_REPORTER = "sdk/sweep_sdk/_agent/outbox/reporter.py"
_FILE = "sdk/sweep_sdk/_metrics/writer.py"
_ASKING = "sdk/sweep_sdk/_agent/session/requester.py"
_KEEPER = "sdk/sweep_sdk/_agent/process/keeper_main.py"
_LEFTOVERS = "sdk/sweep_sdk/_agent/process/leftovers.py"
_PENDING = "sdk/sweep_sdk/_agent/outbox/pending.py"
_ENDINGS = "sdk/sweep_sdk/_agent/outbox/endings.py"
_SUPERVISOR = "sdk/sweep_sdk/_agent/process/supervisor.py"
_SESSION = "sdk/sweep_sdk/_agent/session/session.py"
_SPOT = "sdk/sweep_sdk/_agent/process/spot.py"
_EVENT_FILES = "sdk/sweep_sdk/_agent/followed/tensorboard.py"

AGENT = (
    Mutation(
        _EVENT_FILES,
        "an event file that was there before the program is not the run's",
        "self._seen.update(self._found())",
        "self._found()",
        "kept",
        "tests/sdk/test_followed.py::TestTensorBoard::test_what_was_there_before_is_not_the_runs",
    ),
    Mutation(
        _EVENT_FILES,
        "a record of an event file is read when it is whole",
        "            if end > size:\n                return",
        "            if end > size:\n                end = size",
        "kept",
        "tests/sdk/test_followed.py::TestTensorBoard"
        "::test_a_record_that_is_being_written_is_waited_for",
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/followed/owner.py",
        "an event file of another run's process is not the run's",
        "return run in (None, self.run)",
        "return True",
        "kept",
        "tests/sdk/test_followed.py::TestOwner::test_processes_of_other_runs_are_recognized",
    ),
    Mutation(
        "sdk/sweep_sdk/_program/run.py",
        "a training that was stopped does not say that its run has finished",
        "if self.is_owner and not self.is_stopped:",
        "if self.is_owner:",
        "given back",
        "tests/sdk/test_training_run.py::test_a_stopped_run_does_not_say_that_it_has_finished",
    ),
    Mutation(
        _ATTEMPT,
        "a pending delivery is on disk before the program starts",
        "            session.outbox.save(pending)",
        "            pass",
        "kept",
        "tests/sdk/test_attempts.py::test_a_pending_delivery_is_saved_before_anything_runs",
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/outbox/tail.py",
        "a metrics file that is gone lacks all lines",
        "        if self._file is None:\n            return True",
        "        if self._file is None:\n            return False",
        "kept",
        "tests/sdk/test_delivery.py::TestRowsThatCouldNotBeWritten"
        "::test_a_folder_that_is_gone_before_its_rows_were_delivered",
    ),
    Mutation(
        "sdk/sweep_sdk/_capture/recording.py",
        "rows that a program's wandb repeats are taken once",
        "rows = stream.rows_from(source.n_rows)",
        "rows = stream.rows",
        "7",
        "tests/sdk/capture/test_recording.py::test_rows_that_are_sent_again_are_taken_once",
    ),
    Mutation(
        "sdk/sweep_sdk/_capture/capture.py",
        "rows are in the sweep before they go on to the user's own W&B",
        "            protocol.record(request)",
        "            pass",
        "kept",
        "tests/sdk/capture/test_mirror.py::"
        "test_rows_are_in_the_sweep_before_they_go_on_and_are_repeated_while_theirs_is_away",
    ),
    Mutation(
        _DELIVERY,
        "what the backend has is not sent again",
        "news = batch.since(self._next_row)",
        "uncounted = batch",
        "7",
        "tests/sdk/test_delivery.py::TestRecovery::test_what_others_have_delivered_is_not_sent_again",
    ),
    Mutation(
        _TAIL,
        "a line that was cut is read when it is whole",
        "if rest and is_final and self._is_whole(rest):",
        "if rest and is_final:",
        "7",
        "tests/sdk/test_tail.py::test_all_who_read_a_file_number_its_rows_alike",
    ),
    Mutation(
        _PENDING,
        "a pending file is read after its agent was found dead",
        "(pending, self._look(pending.file_name)) for pending in orphans",
        "(pending, pending) for pending in orphans",
        "alone",
        "tests/sdk/test_pending.py::test_an_agent_that_ends_well_meanwhile_leaves_nothing",
    ),
    Mutation(
        _REPORTER,
        "rows that decide something do not wait",
        "        return self._delivery.look(attention)",
        "        return False",
        "obeyed",
        "tests/sdk/test_reporter.py::TestRowsThatCanWait"
        "::test_a_run_that_is_behind_is_stopped_at_the_band",
    ),
    Mutation(
        _FILE,
        "a file that lacks lines says so",
        "            self._mark(is_complete=False)",
        "            pass",
        "kept",
        "tests/sdk/test_metrics_file.py::TestWhatIsMissing::test_after_the_end",
    ),
    Mutation(
        _REPORT,
        "a report with another key than the lease's: 409",
        "        if key not in (None, lease.key):",
        "        if False:",
        "8",
        "tests/service/test_row_numbers.py::test_a_report_with_another_key_is_refused_and_leaves_nothing",
    ),
    Mutation(
        _REPORT,
        "rows are counted once, no matter who sends them",
        "uncounted = news_of(lease.live, batch)",
        "uncounted = batch",
        "7",
        "tests/service/test_row_numbers.py::test_rows_arrive_once_however_they_are_cut",
    ),
    Mutation(
        _ROWS,
        "rows that two have put are read once",
        "batches.append(batch.since(next_row))",
        "batches.append(batch)",
        "7",
        "tests/service/test_row_numbers.py::test_rows_that_two_have_put_at_once_are_read_once",
    ),
    Mutation(
        _DELIVERY,
        "a batch stays until it is answered",
        "        except LeaseLost:\n            self._drop_first()",
        "        except Exception:\n            self._drop_first()",
        "kept",
        "tests/sdk/test_delivery.py::TestRows::test_a_lost_answer_sends_the_same_batch",
    ),
    Mutation(
        _DELIVERY,
        "the end is reported after the last row",
        "        if self.send_rest(client):",
        "        if False:",
        "kept",
        "tests/sdk/test_delivery.py::TestTheEnd::test_finish_sends_what_is_left_first",
    ),
    Mutation(
        _DELIVERY,
        "a pending delivery is removed after the end is confirmed",
        "        try:\n            finished = client.finish(self.pending.run, ending)\n",
        "        self._outbox.remove(self.pending)\n        try:\n"
        "            finished = client.finish(self.pending.run, ending)\n",
        "kept",
        "tests/sdk/test_delivery_order.py::test_an_agent_that_dies_before_the_end_is_conf"
        "irmed_keeps_it_pending",
    ),
    Mutation(
        _DELIVERY,
        "what could not be delivered is left to others",
        "            self._outbox.save(self.pending)",
        "            pass",
        "kept",
        "tests/sdk/test_delivery.py::TestRecovery::test_what_could_not_be_delivered_keeps"
        "_its_outcome",
    ),
    Mutation(
        _REPORTER,
        "training goes on while the backend is away",
        "            return self._back_off(error)",
        '            return self._end("unavailable")',
        "kept",
        "tests/sdk/test_reporter.py::test_an_outage_of_ten_minutes",
    ),
    Mutation(
        _ATTEMPT,
        "the end waits for a backend that is away",
        "RetryPolicy(attempts=None, deadline_seconds=session.options.delivery_timeout_seconds)",
        "RetryPolicy(attempts=2)",
        "kept",
        "tests/sdk/test_attempts.py::test_an_outage_of_ten_minutes_at_the_end_is_borne",
    ),
    Mutation(
        _FILE,
        "what a full disk refuses waits in memory",
        "reason = self._wait(error)",
        "reason = str(self._unwritten.clear())",
        "kept",
        "tests/sdk/test_metrics_file.py::test_a_full_disk_loses_nothing",
    ),
    Mutation(
        _FILE,
        "lines are appended",
        "disk.O_WRONLY | disk.O_CREAT | disk.O_APPEND |",
        "disk.O_WRONLY | disk.O_CREAT |",
        "kept",
        "tests/sdk/test_metrics_file.py::test_what_is_there_stays",
    ),
    Mutation(
        _ASKING,
        "one key for one intent, through all waits",
        "self._patient.ask(self._sweep, key, self._agent",
        "self._patient.ask(self._sweep, new_key(), self._agent",
        "7",
        "tests/sdk/test_requester.py::test_it_says_once_what_it_waits_for_and_keeps_its_key",
    ),
    Mutation(
        _REPORTER,
        "a heartbeat where there are no rows",
        "            last = self._delivery.beat(self._client, is_preempting=self._is_ending)",
        "            pass",
        "2",
        "tests/sdk/test_reporter.py::test_without_rows_a_heartbeat_when_one_is_due",
    ),
    Mutation(
        _REPORTER,
        "a program whose lease is lost is stopped",
        '            return self._end("lease_lost")',
        "            return self._row_seconds",
        "alone",
        "tests/sdk/test_reporter.py::test_a_lost_lease_ends_it",
    ),
    Mutation(
        _KEEPER,
        "a program whose agent is gone is ended",
        "            self._signal_program(signal.SIGTERM)\n"
        "            self._signal_program(signal.SIGCONT)",
        "            return",
        "alone",
        "tests/sdk/test_child.py::TestKeeper::test_a_killed_agents_program_is_ended",
    ),
    Mutation(
        _KEEPER,
        "a program whose keeper is killed is ended by the kernel",
        "        prctl(_SET_PDEATHSIG, int(signal.SIGKILL))",
        "        pass",
        "alone",
        "tests/sdk/test_child.py::TestKeeper::test_a_killed_agents_program_is_ended",
    ),
    Mutation(
        _KEEPER,
        "a program does not start under a keeper that was killed",
        "        if os.getppid() != keeper:",
        "        if False:",
        "alone",
        "tests/sdk/test_child.py::TestKeeper::test_a_program_does_not_start_under_a_keeper_that"
        "_was_killed",
    ),
    Mutation(
        _KEEPER,
        "programs do not inherit what their keeper holds",
        "    for descriptor in descriptors:",
        "    for descriptor in descriptors[:1]:",
        "alone",
        "tests/sdk/test_child.py::TestKeeper::test_programs_do_not_inherit_what_their_keeper_holds",
    ),
    Mutation(
        _KEEPER,
        "the keeper adopts what its parent has left",
        "    prctl(_SET_CHILD_SUBREAPER, 1)\n",
        "",
        "alone",
        "tests/sdk/test_child.py::TestDescendants::test_workers_in_sessions_of_their_own"
        "_end_with_it",
    ),
    Mutation(
        _KEEPER,
        "the keeper kills what does not listen",
        "            number, signalled = signal.SIGKILL, set()",
        "            return",
        "alone",
        "tests/sdk/test_child.py::test_what_a_program_leaves_behind_is_ended",
    ),
    Mutation(
        _KEEPER,
        "what a program leaves behind is ended",
        "        end_all(self._reap, self._program)\n",
        "        pass\n",
        "alone",
        "tests/sdk/test_child.py::test_what_a_program_leaves_behind_may_clean_up",
    ),
    Mutation(
        _LEFTOVERS,
        "what is left of a killed agent's runs is ended",
        '            end_marked(trace, mark_of(trace.agent, ""), notice)\n',
        "            pass\n",
        "alone",
        "tests/e2e/test_leftovers.py::test_the_next_agent_ends_what_is_left_after_both_were_killed",
    ),
    Mutation(
        _LEFTOVERS,
        "a process of another control group is left alone",
        "        and running.group_of(number) == trace.group\n",
        "",
        "alone",
        "tests/e2e/test_leftovers.py::TestWhoIsMeant::test_what_is_another_users_or_groups_or_"
        "older_is_left_alone",
    ),
    Mutation(
        _PENDING,
        "a living agent's runs are left alone",
        "pending for pending in deliveries if pending.holder not in alive",
        "pending for pending in deliveries",
        "alone",
        "tests/sdk/test_pending.py::test_those_of_living_agents_are_theirs",
    ),
    Mutation(
        _ENDINGS,
        "an interrupted run is given back",
        'return "finished" if has_finished else "preempted"',
        'return "finished" if has_finished else "failed"',
        "given back",
        "tests/e2e/test_agent_signals.py::TestTheFirstSignal::test_the_program_gets_it_an"
        "d_the_run_is_given_back",
    ),
    Mutation(
        _SUPERVISOR,
        "a signal is passed on to the program",
        "        self._process.signal(message.number)\n        if message.grace_seconds",
        "        if message.grace_seconds",
        "given back",
        "tests/sdk/test_supervisor.py::TestSignalsToTheAgent::test_a_signal_is_passed_on_w"
        "ith_a_bound",
    ),
    Mutation(
        _SUPERVISOR,
        "a program that does not listen to SIGTERM is killed",
        "            self._kill_within(message.grace_seconds)",
        "            pass",
        "given back",
        "tests/sdk/test_supervisor.py::TestSignalsToTheAgent::test_a_signal_is_passed_on_w"
        "ith_a_bound",
    ),
    Mutation(
        _ENDINGS,
        "what the machine could not start is given back",
        'NOT_STARTED, KEEPER_KILLED = "not_started", "keeper_killed"',
        'NOT_STARTED, KEEPER_KILLED = "run_timeout", "keeper_killed"',
        "given back",
        "tests/sdk/test_endings.py::test_the_machines_fault_is_no_failure",
    ),
    Mutation(
        _SESSION,
        "a run that comes while the agent is stopped is given back",
        "            if self.stopping.is_set():",
        "            if False:",
        "given back",
        "tests/sdk/test_attempts.py::test_a_run_that_comes_while_the_agent_is_stopped_is_"
        "given_back",
    ),
    Mutation(
        _ENDINGS,
        "a dead agent's run is given back",
        'cause = None if logged.exit_code else "interrupted"',
        "cause = None",
        "given back",
        "tests/sdk/test_delivery.py::TestRecovery::test_a_killed_agents_run_is_given_back",
    ),
    Mutation(
        _ENDINGS,
        "a program that expects its interruption is given back",
        'return "preempted" if logged.is_preempting else "failed"',
        'return "failed"',
        "given back",
        "tests/sdk/test_function_agent.py::TestInterruptions::test_mark_preempting",
    ),
    Mutation(
        _ASKING,
        "the run of a dead neighbour is taken over at once",
        "            self._deliver_for_neighbours()\n            try:",
        "            try:",
        "given back",
        "tests/sdk/test_requester.py::TestNeighbours::test_their_runs_are_taken_over_at_once",
    ),
    Mutation(
        _SPOT,
        "a notice of the spot market is passed on",
        "                self._on_notice(SpotNotice(notice))\n",
        "",
        "given back",
        "tests/sdk/test_spot.py::test_a_notice_is_seen_once",
    ),
    Mutation(
        _REPORTER,
        "that an agent has to end is reported at once",
        "        self._is_ending = True\n",
        "",
        "given back",
        "tests/sdk/test_reporter.py::TestAnEndThatIsAnnounced::test_is_reported_at_once_befor"
        "e_the_rows",
    ),
    Mutation(
        _REPORTER,
        "a stop is passed on",
        "            self._stop(command.reason)",
        "            pass",
        "obeyed",
        "tests/sdk/test_reporter.py::test_a_stop_is_passed_on",
    ),
    Mutation(
        _ANSWERS,
        "what answers in the place of a known backend is waited out",
        "    if is_known:\n        return BackendUnavailable(",
        "    if False:\n        return BackendUnavailable(",
        "kept",
        "tests/sdk/test_answers.py::test_whatever_process_is_in_for_a_backend_that_has_answere"
        "d_is_waited_for",
    ),
    Mutation(
        _SYNC,
        "results stay where the backend does not know their sweep",
        "            outbox.skip(pending)\n            return None",
        "            state = 'gone'",
        "kept",
        "tests/sdk/test_delivery.py::TestRecovery::test_a_backend_that_does_not_know_the_"
        "sweep_may_have_lost_it",
    ),
)
