from __future__ import annotations

import pytest

from sweep_sdk._process.ranks import AGENT_RANKS, agent_ranks, rank_of

TORCH = {"TORCHELASTIC_RUN_ID": "7", "MASTER_PORT": "2222", "WORLD_SIZE": "4"}
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}

BATCH = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "4294967291"}


def rank(program, agent=None):
    """The rank of a program whose agent had ``agent`` in its environment, which it inherits."""
    agent = agent or {}
    return rank_of({**agent, **program, AGENT_RANKS: agent_ranks(agent)})


@pytest.mark.parametrize(
    "name",
    ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "LOCAL_RANK"],
)
@pytest.mark.parametrize("number", ["0", "3"])
def test_every_launchers_rank_counts(name, number):
    assert rank({name: number}) == number
    assert rank({}, {name: number}) is None  # inherited from the agent


def test_one_process_has_no_rank():
    assert rank({}) is None


@pytest.mark.parametrize(
    ("program", "agent", "expected"),
    [
        # srun in the command of an agent that runs in the batch step
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "1"}, {"SLURM_PROCID": "0", **BATCH}, "0"),
        ({"SLURM_PROCID": "2", "SLURM_STEP_ID": "1"}, {"SLURM_PROCID": "0", **BATCH}, "2"),
        # the same by an agent that is itself task 2 of a step
        ({"SLURM_PROCID": "2", "SLURM_STEP_ID": "1"}, {"SLURM_PROCID": "2", **STEP}, "2"),
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "1"}, {"SLURM_PROCID": "2", **STEP}, "0"),
        # torchrun on two machines of an srun
        ({"SLURM_PROCID": "0", **STEP, "RANK": "1", **TORCH}, {}, "1"),
        ({"SLURM_PROCID": "1", **STEP, "RANK": "4", "LOCAL_RANK": "0", **TORCH}, {}, "4"),
        ({"SLURM_PROCID": "0", **STEP, "RANK": "0", **TORCH}, {}, "0"),
        # the first process of the second machine is not the first of the run
        ({"RANK": "4", "LOCAL_RANK": "0", **TORCH}, {}, "4"),
        # torchrun under an agent in whose environment somebody exported a rank
        ({"RANK": "3", **TORCH}, {"RANK": "3"}, "3"),
        ({"RANK": "0", **TORCH}, {"RANK": "3"}, "0"),
        # an agent per task, each program alone
        ({}, {"SLURM_PROCID": "3", **STEP}, None),
        ({"LOCAL_RANK": "1"}, {"SLURM_PROCID": "3", **STEP}, "1"),
    ],
)  # fmt: skip
def test_launchers_within_launchers(program, agent, expected):
    assert rank(program, agent) == expected


@pytest.mark.parametrize("text", ["", "nonsense", "[1]"])
def test_without_word_of_the_agent_every_rank_counts(text):
    assert rank_of({"RANK": "2", AGENT_RANKS: text}) == "2"
