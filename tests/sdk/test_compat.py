"""Scripts that were written for wandb, with ``import sweep_sdk as wandb``."""

from __future__ import annotations

import pytest

import sweep_sdk as wandb
from sweep_sdk import _present
from sweep_sdk._compat import _MEDIA, _MODULE_WITHOUT_EFFECT, _WITHOUT_EFFECT


@pytest.fixture(autouse=True)
def no_run(home):
    _present.activate(None)
    yield
    _present.activate(None)


@pytest.mark.parametrize("name", sorted({*_WITHOUT_EFFECT, *_MODULE_WITHOUT_EFFECT}))
def test_calls_without_effect_are_taken(name):
    assert getattr(wandb, name)("x", log="all", key=None) is not None


@pytest.mark.parametrize("name", sorted(_WITHOUT_EFFECT))
def test_they_are_taken_of_a_run_too(name):
    getattr(wandb.init(), name)("x", log="all")


@pytest.mark.parametrize("name", _MEDIA)
def test_media_are_made_and_left_out_of_the_row(name, capsys):
    run = wandb.init()
    run.log({"media": getattr(wandb, name)([1, 2], caption="x"), "loss": 1})
    assert "metric 'media' is left out" in capsys.readouterr().err


def test_a_note_is_told_once(capsys):
    wandb.teardown()
    wandb.teardown()
    assert capsys.readouterr().err.count("teardown") <= 1


def test_artifacts():
    run = wandb.init(job_type="train")
    artifact = wandb.Artifact("model", type="model", metadata={"a": 1})
    artifact.add_file("model.pt")
    with artifact.new_file("notes.txt") as file:
        file.write("x")
    run.log_artifact(artifact, aliases=["best"]).wait()
    folder = run.use_artifact("model:latest").download()
    assert folder is not None
    table = wandb.Table(columns=["a"])
    table.add_data(1)
    wandb.plot.line(table, "a", "b", title="t")
    wandb.plot.confusion_matrix(probs=None)


def test_what_a_run_answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = wandb.init(project="p", entity="e", mode="disabled", reinit=True)
    assert wandb.run is run
    assert (run.path, run.url, run.get_url(), run.project_name()) == ("e/p", None, None, "p")
    assert (run.disabled, run.offline, run.resumed) == (True, True, False)
    (tmp_path / "model.txt").write_text("weights")
    with run.restore("model.txt") as file:
        assert file.read() == "weights"
    assert wandb.restore("missing.txt") is None
    run.join()
    assert run.is_finished


def test_without_a_run_there_is_none():
    assert wandb.run is None


def test_module_level_summary_and_config():
    wandb.init()
    wandb.summary["best"] = 0.5
    wandb.config.update({"a": 1}, allow_val_change=True)
    wandb.config.setdefaults({"a": 2, "b": 3})
    assert wandb.config.as_dict() == {"a": 1, "b": 3}
    assert wandb.run.summary["best"] == 0.5
    wandb.define_metric("loss", summary="min")
    wandb.alert(title="low", text="accuracy", level=wandb.AlertLevel.WARN)
    assert len(wandb.util.generate_id()) == 8


def test_what_cannot_be_had_says_what_can():
    with pytest.raises(wandb.UsageError, match="runs"):
        wandb.Api()


@pytest.mark.parametrize("name", ["nonsense", "_private"])
def test_other_names_are_still_errors(name):
    with pytest.raises(AttributeError, match=name):
        getattr(wandb, name)
    with pytest.raises(AttributeError):
        getattr(wandb.init(), name)
