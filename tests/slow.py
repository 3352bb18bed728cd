"""The tests that ``make test-fast`` leaves out."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
#: Beginnings of paths: real agents, programs and servers, commands, simulated worlds, random
#: sequences of requests, and numeric convergence.
SLOW_PATHS = (
    "e2e/",
    "releases/",
    "simulation/",
    "contracts/test_dynamodb_capacity.py",
    "contracts/test_exactly_once.py",
    "contracts/test_store_concurrency.py",
    "contracts/test_store_deletion.py",
    "contracts/test_store_machine.py",
    "sdk/cli/",
    "sdk/results/test_results.py",
    "sdk/test_child.py",
    "sdk/test_delivery.py",
    "sdk/test_forks.py",
    "sdk/test_function_agent.py",
    "sdk/test_never_raises.py",
    "sdk/test_printed.py",
    "sdk/test_tail.py",
    "service/lambdas/test_entry_points.py",
    "service/model/test_hydra.py",
    "service/model/test_yaml_text.py",
    "service/search/bayes/test_bayes.py",
    "service/search/bayes/test_proposal.py",
    "service/search/bayes/test_outliers.py",
    "service/search/test_importance.py",
    "service/search/test_permutation.py",
    "service/search/test_random_search.py",
    "service/storage/test_dynamodb.py",
    "service/storage/test_sqlite_processes.py",
    "service/test_bayes_sweeps.py",
    "service/test_evidence.py",
    "service/test_fuzz.py",
    "service/test_hostile_configs.py",
    "service/test_metric_change.py",
    "service/test_points.py",
    "service/test_protocol_",
    "service/test_reading.py",
    "test_packaging.py",
)
#: Parts of names, where a parameter says that the test runs on DynamoDB, slowly imitated by moto.
SLOW_NAMES = ("[moto", "-moto", "[wire", "-wire")


def is_slow_path(path: Path) -> bool:
    """Whether the file or folder is left out."""
    if not path.is_relative_to(TESTS):
        return False
    name = path.relative_to(TESTS).as_posix()
    return name.startswith(SLOW_PATHS) or f"{name}/" in SLOW_PATHS


def is_slow_name(name: str) -> bool:
    """Whether the test is left out for its parameters."""
    return any(part in name for part in SLOW_NAMES)
