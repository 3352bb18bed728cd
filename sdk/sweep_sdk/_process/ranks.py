"""The rank of this process in a distributed run, from the variables that launchers set.

A launcher (``torchrun``, ``srun``, ``mpirun``) gives each process of a run its rank. The agent may
itself have been started by one, and its programs inherit its variables. So a rank counts only if
it, or a variable set with it, differs from the agent's. Standard library only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The variable with which an agent passes on its own rank variables.
AGENT_RANKS = "SWEEP_AGENT_RANKS"
#: Variables of ranks among all processes, each with variables that differ between launches.
_GLOBAL = {
    "RANK": ("TORCHELASTIC_RUN_ID", "MASTER_PORT", "WORLD_SIZE", "LOCAL_RANK"),
    "SLURM_PROCID": ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_STEPID"),
    "OMPI_COMM_WORLD_RANK": ("PMIX_NAMESPACE", "OMPI_COMM_WORLD_SIZE", "OMPI_MCA_ess_base_jobid"),
    "PMIX_RANK": ("PMIX_NAMESPACE",),
    "PMI_RANK": ("PMI_PORT", "PMI_FD", "PMI_SIZE"),
    "MV2_COMM_WORLD_RANK": ("MV2_COMM_WORLD_SIZE",),
    "PALS_RANKID": ("PALS_APID",),
    "FLUX_TASK_RANK": ("FLUX_JOB_ID",),
    "JSM_NAMESPACE_RANK": ("JSM_NAMESPACE_ID",),
}
#: Variables of ranks within one machine, which only count if no other is set.
_LOCAL = {
    "LOCAL_RANK": ("RANK", "MASTER_PORT", "LOCAL_WORLD_SIZE"),
    "OMPI_COMM_WORLD_LOCAL_RANK": ("PMIX_NAMESPACE",),
    "MPI_LOCALRANKID": ("PMI_PORT",),
}


def agent_ranks(environ: Mapping[str, str]) -> str:
    """The rank variables of an agent's environment, as text for its programs."""
    names = {name for family in (_GLOBAL, _LOCAL) for rank in family.items() for name in _all(rank)}
    return json.dumps({name: environ[name] for name in sorted(names) if name in environ})


def rank_of(environ: Mapping[str, str]) -> str | None:
    """The rank of this process within its run, as text; None in a run of one process.

    With nested launchers, rank 0 requires 0 from all of them: one may number the machines and
    another the processes of each machine.
    """
    agents = _read(environ.get(AGENT_RANKS))
    for family in (_GLOBAL, _LOCAL):
        own = [
            environ[rank[0]]
            for rank in family.items()
            if environ.get(rank[0])
            and any(environ.get(name) != agents.get(name) for name in _all(rank))
        ]
        if own:
            return next((rank for rank in own if rank != "0"), "0")
    return None


def _all(rank: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (rank[0], *rank[1])


def _read(text: str | None) -> dict[str, str]:
    """The rank variables of the agent; empty if unknown."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
