"""The quickstart, played by itself: what ``make demo`` runs.

Registers ``sweep.yaml``, lets two agents share the work and shows what came out. Everything it
keeps goes to the folder ``.demo`` of the checkout (or the one given as argument), which each
demo starts afresh.
"""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
N_AGENTS = 2
COMMAND_LINE = [sys.executable, "-m", "sweep_sdk.cli"]


def demo_environment(home):
    """This environment, with a database of the demo's own and this Python first on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    search_path = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return {
        **kept,
        "SWEEP_HOME": str(home),
        "PATH": os.pathsep.join(search_path),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",  # the agents share this machine: one core for each run
    }


def announce(*words):
    print(f"\n$ sweep-sdk {' '.join(words)}", flush=True)


def show(environment, *words):
    """Run a command as a user would and let its output through."""
    announce(*words)
    return subprocess.run([*COMMAND_LINE, *words], cwd=FOLDER, env=environment, check=False)


def register(environment):
    announce("sweep", "sweep.yaml")
    done = subprocess.run(
        [*COMMAND_LINE, "sweep", "sweep.yaml"],
        cwd=FOLDER,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout, end="")
    return done.stdout.split()[-1]  # it ends with the agent command to copy


def start_agent(environment, sweep):
    announce("agent", sweep, "&")
    return subprocess.Popen(
        [*COMMAND_LINE, "agent", sweep],
        cwd=FOLDER,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def follow(number, agent):
    for line in agent.stdout:
        print(f"agent {number} | {line}", end="", flush=True)


def wait_for(agents):
    readers = [
        threading.Thread(target=follow, args=(number, agent))
        for number, agent in enumerate(agents, start=1)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return max(agent.wait() for agent in agents)


def offer_dashboard(environment, sweep):
    """Open the dashboard for a user who is there and wants it, until Ctrl-C."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    try:
        answer = input("\nOpen the dashboard of this sweep in a browser? [Y/n] ")
    except (EOFError, KeyboardInterrupt):
        print()
        return
    if answer.strip().lower() not in ("", "y", "yes"):
        return
    announce("ui", sweep)
    dashboard = subprocess.Popen([*COMMAND_LINE, "ui", sweep], cwd=FOLDER, env=environment)
    while dashboard.poll() is None:
        with suppress(KeyboardInterrupt):  # the dashboard got it too, and stops
            dashboard.wait()


def main():
    home = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else FOLDER.parents[2] / ".demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / ".gitignore").write_text("*\n")
    environment = demo_environment(home)
    sweep = register(environment)
    agents = [start_agent(environment, sweep) for _ in range(N_AGENTS)]
    print()
    try:
        code = wait_for(agents)
    except KeyboardInterrupt:  # the agents got it too, and end their runs
        code = wait_for(agents)
    show(environment, "runs", sweep)
    code = show(environment, "best", sweep).returncode or code

    script = Path(sys.executable).with_name("sweep-sdk")
    print("\nIt is all still there. For instance:")
    print(f"  SWEEP_HOME={home} {script} ui {sweep}")
    print(f"  SWEEP_HOME={home} {script} show {sweep}-0")
    print(f"  SWEEP_HOME={home} {script} best {sweep} --format args")
    offer_dashboard(environment, sweep)
    return code


if __name__ == "__main__":
    sys.exit(main())
