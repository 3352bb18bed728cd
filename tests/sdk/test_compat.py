"""Scripts written for wandb that use ``import sweep_sdk as wandb``."""

from __future__ import annotations

import os

import pytest

import sweep_sdk as wandb
from sweep_sdk._program import current_run
from sweep_sdk._program.wandb_compat import _MEDIA, _MODULE_WITHOUT_EFFECT, _WITHOUT_EFFECT


@pytest.fixture(autouse=True)
def no_run(home):
    current_run.activate(None)
    yield
    current_run.activate(None)


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


def test_a_note_is_reported_once(capsys):
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


def test_names_of_modules():
    assert wandb.data_types.Image is wandb.Image
    assert issubclass(wandb.errors.CommError, Exception)
    assert issubclass(wandb.errors.AuthenticationError, Exception)
    assert not hasattr(wandb.plot, "__wrapped__")
    assert isinstance(wandb.data_types.Table(columns=["a"]), wandb.Table)
    wandb.sklearn.plot_confusion_matrix([0], [1], ["a"])


@pytest.mark.parametrize("name", ["integration", "keras", "xgboost"])
def test_callbacks_of_other_libraries_are_refused_with_a_way_out(name):
    with pytest.raises(AttributeError, match=r"use a callback of sweep_sdk\.integrations"):
        getattr(wandb, name)


def test_what_is_for_files_is_empty_and_can_be_walked():
    wandb.init()
    artifact = wandb.use_artifact("data:latest")
    assert list(artifact.files()) == []
    assert len(artifact.manifest.entries) == 0
    assert artifact.metadata["rows"] is not None
    artifact.metadata["rows"] = 3
    folder = os.path.join(artifact.download(), "train")
    assert folder == os.path.join(wandb.run.dir, "train")


@pytest.mark.parametrize(
    ("is_in_sweep", "mode", "expected"),
    [(True, None, "online"), (True, "disabled", "disabled"), (False, None, "disabled")],
)
def test_the_mode_of_a_run(monkeypatch, tmp_path, is_in_sweep, mode, expected):
    if is_in_sweep:
        monkeypatch.setenv("SWEEP_METRICS_FILE", str(tmp_path / "metrics.jsonl"))
        monkeypatch.setenv("SWEEP_RUN_ID", "k3v9x2ab-4")
    assert wandb.init(mode=mode).mode == expected


@pytest.mark.parametrize(
    ("keywords", "kept"),
    [
        ({"config_include_keys": ["a"]}, {"a"}),
        ({"config_exclude_keys": ["a"]}, {"b", "c"}),
        ({"config_include_keys": ["a", "b"], "config_exclude_keys": ["a"]}, {"b"}),
        ({}, {"a", "b", "c"}),
    ],
)
def test_keys_of_the_config_are_chosen(keywords, kept):
    assert set(wandb.init(config={"a": 1, "b": 2, "c": 3}, **keywords).config) == kept


def test_a_run_takes_every_keyword_of_wandb(capsys):
    words = [
        "entity",
        "project",
        "dir",
        "id",
        "name",
        "notes",
        "tags",
        "config",
        "config_exclude_keys",
        "config_include_keys",
        "allow_val_change",
        "group",
        "job_type",
        "mode",
        "force",
        "anonymous",
        "reinit",
        "resume",
        "resume_from",
        "fork_from",
        "save_code",
        "tensorboard",
        "sync_tensorboard",
        "monitor_gym",
        "settings",
    ]
    run = wandb.init(**dict.fromkeys(words))
    run.group, run.job_type, run.tags = "trials", "train", ("a",)
    run.tags += ("b",)
    assert (run.group, run.job_type, run.tags) == ("trials", "train", ("a", "b"))
    assert capsys.readouterr().err == "", "None is the default of all of them"
    wandb.init(save_code=True, fork_from="x")
    wandb.init(save_code=True, fork_from="x")
    assert capsys.readouterr().err == "sweep-sdk: init() ignores fork_from, save_code\n"


@pytest.mark.parametrize("name", ["nonsense", "_private"])
def test_other_names_are_still_errors(name):
    with pytest.raises(AttributeError, match=name):
        getattr(wandb, name)
    with pytest.raises(AttributeError):
        getattr(wandb.init(), name)
