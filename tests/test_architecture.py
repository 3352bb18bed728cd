"""Rules that import contracts cannot express: what a route loads, what code may name."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sweep_sdk
import sweep_service

ROOT = Path(__file__).parents[1]
HEAVY = (
    *("requests", "click", "rich", "yaml", "numpy", "platformdirs", "sweep_service", "boto3"),
    *("pandas", "plotly", "optuna", "sqlalchemy"),
)


def modules_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after running ``code``."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_the_client_loads_nothing_heavy():
    assert modules_after("import sweep_sdk").isdisjoint(HEAVY)


def test_logging_in_a_run_loads_nothing_heavy(tmp_path):
    code = (
        "import os, sweep_sdk\n"
        f"os.environ['SWEEP_METRICS_FILE'] = {str(tmp_path / 'metrics.jsonl')!r}\n"
        "run = sweep_sdk.init()\nrun.log({'loss': 1.0})\nrun.finish()"
    )
    assert modules_after(code).isdisjoint(HEAVY)


@pytest.mark.parametrize("method", ["grid", "random"])
def test_no_route_of_grid_and_random_loads_numpy(tmp_path, method):
    code = f"""
import json
from pathlib import Path
from sweep_service.bootstrap import local_services
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.gateway import handle
services = local_services(Path({str(tmp_path)!r}) / "sweeps.db")
def call(method, path, body=None):
    headers = {{"idempotency-key": "a-fixed-key"}}
    raw = json.dumps(body).encode() if body is not None else b""
    answer = handle(services, method, path, {{}}, headers, raw, identity=LOCAL_ADMIN)
    assert answer.status < 300, answer
    return json.loads(answer.body) if answer.body else None
config = {{"method": {method!r}, "metric": {{"name": "loss"}}}}
config["parameters"] = {{"a": {{"values": [1, 2]}}}}
sweep = call("POST", "/v1/sweeps", {{"config": config}})["id"]
run = call("POST", f"/v1/sweeps/{{sweep}}/runs", {{"agent": "a"}})["id"]
path = f"/v1/sweeps/{{sweep}}/runs/{{run}}"
rows = [{{"metrics": {{"loss": 1}}}}]
call("POST", path + "/reports", {{"attempt": 1, "offset": 0, "rows": rows}})
call("POST", path + "/stop")
call("POST", path + "/finish", {{"attempt": 1, "state": "finished"}})
for tail in ("", "/runs", f"/runs/{{run}}", f"/runs/{{run}}/history", "/best"):
    call("GET", f"/v1/sweeps/{{sweep}}{{tail}}")
call("PATCH", f"/v1/sweeps/{{sweep}}", {{"state": "paused"}})
call("GET", "/v1/sweeps")
call("GET", "/v1/health")
call("DELETE", f"/v1/sweeps/{{sweep}}")
services.store.close()
"""
    loaded = modules_after(code)
    assert loaded.isdisjoint({"numpy", "boto3", "pynamodb", "requests", "click", "rich"})


def test_nothing_of_wandb_is_loaded_before_a_client_of_it_asks(tmp_path):
    code = f"""
import sys
from pathlib import Path
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.bootstrap import local_services
from sweep_service.gateway import handle
services = local_services(Path({str(tmp_path)!r}) / "sweeps.db")
answer = handle(services, "GET", "/v1/sweeps", {{}}, {{}}, b"", identity=LOCAL_ADMIN)
assert answer.status == 200
print([name for name in sys.modules if name.startswith("sweep_service.wandb")])
body = b'{{"query": "query Viewer {{x}}"}}'
assert handle(services, "POST", "/graphql", {{}}, {{}}, body, identity=LOCAL_ADMIN).status == 200
print("sweep_service.wandb.graphql" in sys.modules)
services.store.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines() == ["[]", "True"]


def test_client_and_backend_carry_the_same_version():
    assert sweep_sdk.__version__ == sweep_service.__version__


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines()]


_FOREIGN = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|/work/|/tmp/brief|/root/"
)


def test_the_repository_names_no_registry_and_no_path_of_a_machine():
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.is_file() and path != Path(__file__)
        and _FOREIGN.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]  # fmt: skip
    assert offenders == []


def test_source_files_stay_small():
    too_long = {
        str(path.relative_to(ROOT)): n_lines
        for folder in ("sdk", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if (n_lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert too_long == {}


#: What the client reaches through ``sweep_sdk._world`` alone: so it runs in a simulated world too.
_OUTSIDE = frozenset(
    ("time", "threading", "queue", "random", "uuid", "fcntl", "socket", "subprocess", "select",
     "selectors", "tempfile", "secrets", "multiprocessing", "sqlite3", "pathlib", "io")
)  # fmt: skip
_OUTSIDE_CALLS = re.compile(
    r"(os\.(open|read|write|close|fsync|kill|killpg|getpid|pipe|fork|rename|replace|unlink|remove"
    r"|listdir|scandir|mkdir|makedirs|stat|path\.(exists|isfile|isdir|getsize|getmtime)|urandom)"
    r"|signal\.(signal|getsignal|pthread_\w+|alarm|setitimer)|shutil\.(rmtree|move|copy\w*)|open)"
)
#: They start programs and carry what these print: themselves what a simulated world replaces.
_STARTERS = {
    *("followed/metrics.py", "followed/follow_main.py", "followed/owner.py"),
    *("followed/tensorboard.py", "followed/mlflow.py"),
    *("process/child.py", "process/output.py", "process/keeper_main.py"),
    *("printed/metrics.py", "printed/row_process.py", "printed/search_main.py"),
}

_PROGRAM_SIDE = ("_sweeps/asked_run.py", "_program/run.py", "_metrics/writer.py")


def reaching_code():
    client = ROOT / "sdk" / "sweep_sdk"
    own = [client / name for name in _PROGRAM_SIDE]
    packages = ("_agent/**/*.py", "_backend/*.py", "_capture/*.py")
    paths = [*(path for package in packages for path in client.glob(package)), *own]
    return [path for path in paths if "/".join(path.parts[-2:]) not in _STARTERS]


def reaches_outside(path):
    """What a file uses of the outside world by itself, with the lines; for types it may."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Call) and _OUTSIDE_CALLS.fullmatch(ast.unparse(node.func)):
            yield f"{path.name}:{node.lineno}: {ast.unparse(node.func)}()"
            continue
        else:
            continue
        for name in names:
            if name.split(".")[0] in _OUTSIDE and not name.startswith("pathlib.Pure"):
                yield f"{path.name}:{node.lineno}: import {name}"


@pytest.mark.parametrize("path", reaching_code(), ids=lambda path: path.name)
def test_the_client_reaches_the_outside_world_through_its_seams_alone(path):
    assert list(reaches_outside(path)) == []
