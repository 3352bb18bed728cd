"""Mutations of the steps of the operations, as numbered in the protocol."""

from __future__ import annotations

from mutations import Mutation

_ASK = "functions/sweep_service/operations/ask.py"
_REPORT = "functions/sweep_service/operations/report.py"
_FINISH = "functions/sweep_service/operations/finish.py"
_CHOOSING = "functions/sweep_service/operations/choosing.py"
_UPDATE = "functions/sweep_service/operations/update.py"
_ADDING = "functions/sweep_service/operations/adding.py"
_VERSIONS = "functions/sweep_service/operations/versions.py"
_AMENDMENTS = "functions/sweep_service/operations/amendments.py"
_COMPLETION = "functions/sweep_service/operations/completion.py"
_EVIDENCE = "functions/sweep_service/operations/evidence.py"
_RECONCILE = "functions/sweep_service/operations/reconcile.py"

STEPS = (
    Mutation(
        _ASK,
        "ask 3: a repeated ask finds its own lease",
        "if lease.key == self.requester.key and not lease.is_released",
        "if False",
        "7",
        "tests/service/test_handout.py::test_a_repeated_ask_gets_the_same_run",
    ),
    Mutation(
        _ASK,
        "ask 4: crashed: take_lease comes before end_run",
        "        taken = self._take(lease, run)\n",
        "        taken = leases.take(\n"
        "            lease, run, self.requester, now, self._lease_seconds(lease.index), None\n"
        "        )\n"
        "        if taken.losses < leases.MAX_ATTEMPTS:\n"
        "            taken = self._take(lease, run)\n",
        "2",
        "tests/service/test_protocol_stalls.py::test_a_holder_that_is_heard_from_while_its_"
        "run_is_about_to_crash",
    ),
    Mutation(
        _ASK,
        "ask 5: open_lease that is held: again",
        "        except Stale:  # reconciling opened it as a hole\n            return None",
        "        except Stale:\n            pass",
        "1",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[]",
    ),
    Mutation(
        _ASK,
        "ask 6: handed out only after the run's attempt equals it",
        "        if run.attempt < lease.attempt:\n            try:",
        "        if False:\n            try:",
        "6",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[]",
    ),
    Mutation(
        _ASK,
        "ask 6: a newer attempt in the run: again",
        "if run is None or run.attempt > lease.attempt or run",
        "if run is None or run",
        "2",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[]",
    ),
    Mutation(
        _ASK,
        "ask 6: an outcome in the run: complete",
        "        if run.outcome is not None:\n"
        "            complete(self.services, self.sweep, lease, run)\n"
        "            return None\n        if run.attempt < lease.attempt:",
        "        if run.attempt < lease.attempt:",
        "1",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[ask]",
    ),
    Mutation(
        _ASK,
        "ask 6: the config stored in the run is handed out",
        "            config=run.config,",
        "            config=self._suggest_again(lease).config,",
        "1",
        "tests/service/test_protocol_stalls.py::test_a_config_that_is_stored_is_not_computed_again",
    ),
    Mutation(
        _REPORT,
        "report 2: rows are kept before they are counted",
        "    if news.rows:\n        services.store.append(sweep, index, news)\n",
        "",
        "kept",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[]",
    ),
    Mutation(
        _REPORT,
        "report 2: a suspected holder is extended at once",
        "return lease.suspect_at is not None or",
        "return",
        "2",
        "tests/service/test_protocol_stalls.py::test_a_holder_that_a_clock_ahead_of_the_o"
        "thers_suspects_is_heard_from",
    ),
    Mutation(
        _FINISH,
        "finish 0: released before is fine",
        "if lease is not None and lease.released_attempt >= ending.attempt:",
        "if False:",
        "7",
        "tests/service/test_handout.py::test_release_twice_is_once",
    ),
    Mutation(
        _FINISH,
        "finish 0: the run of another attempt: 409",
        "is_current = run.attempt == ending.attempt and not run.is_deleted",
        "is_current = not run.is_deleted",
        "8",
        "tests/service/test_protocol_stalls.py::test_the_end_of_an_older_attempt_is_refus"
        "ed_and_leaves_no_record_of_the_newer",
    ),
    Mutation(
        _FINISH,
        "finish 3: complete",
        "        complete(services, sweep, lease, run)\n    if counter",
        "    if counter",
        "5",
        "tests/contracts/test_dynamodb_capacity.py::test_a_finish_writes_two_units_and_on"
        "e_for_bayes",
    ),
    Mutation(
        _COMPLETION,
        "complete: the observation is written",
        "if observation is not None:",
        "if False:",
        "5",
        "tests/service/test_protocol_stalls.py::test_a_run_that_begins_and_ends_while_a_h"
        "andler_that_reconciles_looks_away",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: the counter is read first",
        "    return _finish(services, sweep, seen)\n",
        "    return _finish(services, sweep, services.store.get_status(sweep))\n",
        "5",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls[ask]",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: a lease of a run that goes on: not ended",
        "    if not _complete_leases(services, sweep):\n        return Reconciled.NOT_ENDED\n"
        "    heads",
        "    heads",
        "7",
        "tests/service/test_protocol_stalls.py::test_an_ask_waits_while_another_is_betwee"
        "n_its_lease_and_its_run",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: holes are opened",
        "        open_holes(services, sweep, seen, sorted(holes))\n"
        "        return Reconciled.MORE_TO_ASK",
        "        return Reconciled.NOT_ENDED",
        "6",
        "tests/service/test_handout.py::test_a_hole_left_by_a_dead_ask_is_filled",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: the leases are read once more",
        "    if not _complete_leases(services, sweep):\n        return Reconciled.NOT_ENDED\n"
        "    return",
        "    return",
        "5",
        "tests/service/test_protocol_stalls.py::test_a_run_that_begins_and_ends_while_a_h"
        "andler_that_reconciles_looks_away",
    ),
    Mutation(
        _ASK,
        "ask 1: a paused sweep hands out nothing",
        "if counter.state is SweepState.PAUSED:",
        "if False:",
        "state",
        "tests/service/test_handout.py::test_a_paused_sweep_waits_and_an_ended_one_says_so",
    ),
    Mutation(
        _ASK,
        "ask 1: an ended sweep hands out nothing",
        "    if counter.state.is_ended:\n        raise SweepEnded",
        "    if False:\n        raise SweepEnded",
        "state",
        "tests/service/test_handout.py::test_a_paused_sweep_waits_and_an_ended_one_says_so",
    ),
    Mutation(
        _ASK,
        "ask 4: a request that takes a lost attempt puts it on record",
        "            store.append(self.sweep, lease.index, record)\n",
        "",
        "recorded",
        "tests/service/test_handout.py::test_a_silent_agents_run_is_taken_only_after_susp"
        "icion_and_grace",
    ),
    Mutation(
        _REPORT,
        "report 1: an attempt that does not hold the run: 409",
        "if lease is not None and lease.attempt == batch.attempt:",
        "if lease is not None:",
        "8",
        "tests/service/test_handout.py::test_an_older_attempt_can_neither_report_nor_finish",
    ),
    Mutation(
        _REPORT,
        "report 2: half of the lease is over: extended",
        "or lease.lease_end - now < lease_seconds(lease, config) / 2",
        "or False",
        "2",
        "tests/contracts/test_dynamodb_capacity.py::test_a_heartbeat_writes_only_when_hal"
        "f_of_the_lease_is_over",
    ),
    Mutation(
        _REPORT,
        "report 2: the lease of an agent that has to end is made short, again if need be",
        "(not lease.is_preempting or lease.lease_end > lease_end)",
        "not lease.is_preempting",
        "given back",
        "tests/service/test_handout.py::TestAnAgentThatHasToEnd::test_a_report_that_was_o"
        "n_its_way_does_not_make_the_lease_long",
    ),
    Mutation(
        _REPORT,
        "report 2: the reports of an agent that has to end keep its lease short",
        "is_preempting=is_preempting or lease.is_preempting",
        "is_preempting=is_preempting",
        "given back",
        "tests/service/test_handout.py::TestAnAgentThatHasToEnd::test_rows_leave_the_lease_short",
    ),
    Mutation(
        _REPORT,
        "report 3: bands are put",
        "        put_bands(services.store, sweep, config, lease, batch)\n",
        "        pass\n",
        "obeyed",
        "tests/service/test_stopping.py::test_the_worse_of_two_is_stopped_at_the_band",
    ),
    Mutation(
        _REPORT,
        "report 4: the target finishes the sweep",
        "        finish_on_target(services, sweep, counter, finite_values(config.metric, "
        "batch.rows))",
        "        pass",
        "obeyed",
        "tests/service/test_handout.py::test_the_target_finishes_the_sweep_and_running_runs_go_on",
    ),
    Mutation(
        _REPORT,
        "report 5: a run that is stopped hears of it",
        "    if lease.is_stop_requested:\n",
        "    if False:\n",
        "obeyed",
        "tests/service/test_handout.py::test_stopping_one_run",
    ),
    Mutation(
        _REPORT,
        "report 5: a canceled sweep stops its runs",
        'return "canceled" if counter.state is SweepState.CANCELED else None',
        "return None",
        "obeyed",
        "tests/service/test_handout.py::test_a_paused_sweep_waits_and_an_ended_one_says_so",
    ),
    Mutation(
        _REPORT,
        "report 5: early termination stops a run",
        "if reason is None and is_stopped_early(judge, config, lease):",
        "if False:",
        "obeyed",
        "tests/service/test_stopping.py::test_the_worse_of_two_is_stopped_at_the_band",
    ),
    Mutation(
        _FINISH,
        "finish 2: a preempted run is given back",
        "    if ending.state is RunState.PREEMPTED:\n        return True\n",
        "",
        "given back",
        "tests/service/test_handout.py::test_a_preempted_run_is_handed_out_again_at_once_"
        "with_the_same_config",
    ),
    Mutation(
        _FINISH,
        "finish 2: a failed run is given back while retries are left",
        "ending.state is RunState.FAILED and lease.failures < config.retry_failed",
        "False",
        "retried",
        "tests/service/test_handout.py::test_a_failed_run_is_retried_as_often_as_asked_for",
    ),
    Mutation(
        _FINISH,
        "finish 2: retries end",
        "ending.state is RunState.FAILED and lease.failures < config.retry_failed",
        "ending.state is RunState.FAILED",
        "retried",
        "tests/service/test_handout.py::test_a_failed_run_is_retried_as_often_as_asked_for",
    ),
    Mutation(
        _FINISH,
        "finish 2: an attempt that is given back is on record",
        "    services.store.append(sweep, run.index, record)\n",
        "",
        "recorded",
        "tests/service/test_handout.py::test_a_preempted_run_is_handed_out_again_at_once_"
        "with_the_same_config",
    ),
    Mutation(
        _FINISH,
        "finish 2: rows count though another is about to take the run",
        "live, stop = live_of_rows(services, sweep, run, config.metric), None",
        "live, stop = None, None",
        "kept",
        "tests/service/test_protocol_stalls.py::test_rows_count_when_their_run_ends_while"
        "_another_takes_it",
    ),
    Mutation(
        _FINISH,
        "finish 4: the last finish reconciles the sweep",
        "    if counter.is_exhausted:\n        reconcile(services, sweep)\n",
        "",
        "6",
        "tests/service/test_handout.py::test_the_sweep_finishes_with_the_last_run_not_wit"
        "h_the_next_ask",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: only a sweep that has given out all",
        "    if not seen.is_exhausted:\n        return Reconciled.MORE_TO_ASK\n",
        "",
        "5",
        "tests/service/test_protocol_stalls.py::test_a_sweep_that_is_resumed_before_its_f"
        "irst_run_goes_on",
    ),
    Mutation(
        _CHOOSING,
        "ask 6: the point is claimed before the lease is written",
        "holder = _NOBODY if number in reserved else self._claim(number)",
        "holder = self.index",
        "9",
        "tests/contracts/test_exactly_once.py::test_each_point_of_a_finite_space_comes_once",
    ),
    Mutation(
        _CHOOSING,
        "ask 6: points taken before this version, and those it starts with, are left out",
        "return {*self.offer.taken, *points.numbers_of(self.config.space, later_starts)}",
        "return set()",
        "9",
        "tests/service/test_choosing.py::test_points_of_start_configs_are_kept_for_them",
    ),
    Mutation(
        _CHOOSING,
        "ask 6: a void claim is taken over",
        "        return store.claim_point(self.sweep, self.version, name, self.index, holder)",
        "        return holder",
        "9",
        "tests/service/test_choosing.py::test_claims_of_an_index_that_has_another_point_ar"
        "e_taken_over",
    ),
    Mutation(
        _CHOOSING,
        "ask 6: a claim in doubt is left alone",
        "if holder == self.index or self._point_of(holder) in (None, number):",
        "if holder == self.index or self._point_of(holder) == number:",
        "9",
        "tests/service/test_choosing.py::test_a_claim_in_doubt_is_left_alone_while_there_a"
        "re_other_points",
    ),
    Mutation(
        _CHOOSING,
        "ask 7: in an endless space the leases are read again before the run is written",
        "if apart(config) is not Apart.COMPARED:",
        "if True:",
        "9",
        "tests/service/test_choosing.py::test_in_an_endless_space_a_run_that_was_opened_me"
        "anwhile_is_avoided",
    ),
    Mutation(
        _UPDATE,
        "update: every index that was handed out has its point",
        "        choose_all(services, sweep, counter)\n",
        "",
        "9",
        "tests/service/test_choosing.py::test_an_update_leaves_out_what_asks_under_way_have_chosen",
    ),
    Mutation(
        _FINISH,
        "finish 1: the run is read before its lease",
        "    run = services.store.get_run(sweep, index)  # before the lease: "
        "amendments change that first\n    lease = services.store.get_lease(sweep, index)\n",
        "    lease = services.store.get_lease(sweep, index)\n    run = "
        "services.store.get_run(sweep, index)\n",
        "3",
        "tests/service/test_protocol_stalls.py::t"
        "est_a_finish_that_looks_away_while_its_run_is_retried",
    ),
    Mutation(
        _ASK,
        "ask 4: an amendment that is met is carried out",
        "        if run is not None and lease.amends(run):\n            run = carry_out",
        "        if False:\n            run = carry_out",
        "6",
        "tests/service/test_protocol_stalls.py::t"
        "est_a_retry_that_dies_is_carried_out_by_the_next_ask",
    ),
    Mutation(
        _ASK,
        "ask 7: the run is of the lease's revision",
        " or run.revision != lease.revision:",
        ":",
        "1",
        "tests/service/test_protocol_stalls.py::test_a_late_ask_does_not_get_a_run_that_is_retried",
    ),
    Mutation(
        _RECONCILE,
        "reconcile: an amendment that is met is carried out",
        "        if run is not None and lease.amends(run):\n",
        "        if False:\n",
        "6",
        "tests/service/test_protocol_stalls.py::t"
        "est_a_retry_that_dies_in_a_finished_sweep_is_carried_out_when_it_is_resumed",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: the counter changes",
        "            services.store.save(sweep, seen, changed)\n",
        "",
        "6",
        "tests/service/test_amendments.py::TestRe"
        "try::test_a_sweep_that_had_ended_runs_again_and_ends_again",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: a late request leaves the counter alone",
        "        if run is None or not lease.amends(run):\n            return\n        if lease",
        "        if lease",
        "state",
        "tests/service/test_protocol_stalls.py::test_a_late_retry_leaves_an_ended_sweep_in_peace",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: a deletion changes the counter of a sweep that has ended",
        "        elif seen.state.is_ended:\n            changed = seen\n        else:",
        "        else:",
        "recorded",
        "tests/service/test_final_counts.py::"
        "test_a_run_that_is_retried_or_deleted_makes_them_invalid",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: the ended attempt is on record",
        "        store.append(sweep, run.index, run.attempt_record(*ended))",
        "        pass",
        "recorded",
        "tests/service/test_amendments.py::TestRe"
        "try::test_the_ended_attempt_is_on_record_and_its_rows_are_kept",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: values at bands are taken back",
        "        store.drop_band(sweep, band, run.index, run.attempt)",
        "        pass",
        "8",
        "tests/service/test_amendments.py::TestRetry::test_its_value_counts_no_more",
    ),
    Mutation(
        _AMENDMENTS,
        "amend: only the attempt that was seen",
        "if wanted.attempt not in (None, run.attempt) or not",
        "if not",
        "7",
        "tests/service/test_amendments.py::TestRetry::test_twice_is_once",
    ),
    Mutation(
        _EVIDENCE,
        "evidence: what should have ended is looked for in the whole log",
        "if known and not missing <=",
        "if False and not missing <=",
        "5",
        "tests/service/test_evidence.py::test_a_clock_that_was_wrong_for_a_while_hides_no"
        "thing[1--3]",
    ),
    Mutation(
        _RECONCILE,
        "reconcile 5: the sweep is finished as it was seen",
        "services.store.save(sweep, seen, finished)",
        "services.store.save(sweep, services.store.get_status(sweep), finished)",
        "5",
        "tests/service/test_protocol_stalls.py::test_promises_hold_wherever_a_handler_stalls",
    ),
    Mutation(
        _ADDING,
        "add: the points are saved under the status that was read",
        "        except Stale:\n            continue\n",
        "        except Stale:\n            pass\n",
        "added",
        "tests/service/test_adding.py::test_a_claim_meanwhile_is_not_overtaken",
    ),
    Mutation(
        _UPDATE,
        "update: points that wait stay",
        "        queued = queued_points(services, sweep, counter)\n",
        "        queued: tuple[Mapping[str, Any], ...] = ()\n",
        "added",
        "tests/service/test_adding.py::test_points_that_wait_stay_when_the_config_is_updated",
    ),
    Mutation(
        _VERSIONS,
        "add: a point that the file starts with comes once",
        "    return registry.without_repeats(config, taken) if config.n_added else taken\n",
        "    return taken\n",
        "added",
        "tests/service/test_adding.py::test_a_point_that_the_file_starts_with_moves_to_the_front",
    ),
    Mutation(
        _VERSIONS,
        "lease: start configs and added points keep their values",
        "    if 0 <= place < len(offer.start) and config",
        "    if place < 0 and config",
        "added",
        "tests/service/test_adding.py::test_an_agent_that_dies_with_an_added_point_gives_it_back",
    ),
    Mutation(
        "functions/sweep_service/operations/saving.py",
        "update: what others have made of a record counts",
        "            record = conflict.stored\n",
        "            return store.save(sweep, conflict.stored, wanted)\n",
        "3",
        "tests/contracts/test_store_concurrency.py::test_one_ends_a_run_and_all_hear_how",
    ),
)
