"""The session of the README, with real clients of wandb."""

from __future__ import annotations

from test_documents import ROOT, check_session, make_shell


def test_the_session_of_the_readme_runs_as_shown(wandb_client, tmp_path):
    shell = make_shell(tmp_path, str(wandb_client.python.parent), {})
    check_session(ROOT / "README.md", shell, tmp_path)
