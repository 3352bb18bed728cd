"""What a program logs with wandb is written to the metrics file."""

import json
import math

import pytest

from sweep_sdk._world.loopback import Request


def row(step, **metrics):
    return {**metrics, "_step": step, "_timestamp": 1700000000.0 + step, "_runtime": step}


def test_rows_that_are_sent_again_are_taken_once(program):
    program.begin("a")
    program.stream("a", row(0, loss=3.0), row(1, loss=2.0))
    program.stream("a", row(0, loss=3.0), row(1, loss=2.0), row(2, loss=1.0))
    assert program.begin("a")["historyLineCount"] == 3
    rows, _ = program.read()
    assert rows == [{"step": step, "loss": 3.0 - step} for step in range(3)]


def test_times_are_those_of_the_program(program):
    program.begin("a")
    program.stream("a", row(5, loss=1.0))
    assert json.loads(program.path.read_bytes()) == {
        "step": 5,
        "at": 1700000005.0,
        "metrics": {"loss": 1.0},
    }


def test_empty_rows_and_what_is_no_number_are_left_out_with_one_kind_of_line(program):
    program.begin("a")
    media = {"_type": "image-file", "path": "x.png"}
    program.stream("a", row(0, image=media), row(1, loss=1.0, image=media))
    program.stream("a", row(2, image=media, phase="late"), offset=2)
    rows, _ = program.read()
    assert rows == [{"step": 1, "loss": 1.0}]
    assert set(program.notices) == {"images, tables, texts and the like are not kept; numbers are"}


def test_a_metric_of_many_names_is_split_into_lines_that_can_be_read(program):
    program.begin("a")
    names = [f"metric {number} " + "x" * 250 for number in range(40_000)]
    program.stream("a", row(0, **dict.fromkeys(names, 1.5), loss=1.0))
    lines = program.path.read_bytes().splitlines()
    assert max(map(len, lines)) < 8_000_000
    assert sum(len(json.loads(line)["metrics"]) for line in lines) == 40_001


def test_numbers_that_json_lacks_arrive(program):
    program.begin("a")
    program.stream("a", row(0, loss=math.nan, up=math.inf, big=2**70))
    rows, _ = program.read()
    assert rows == [{"step": 0, "loss": "NaN", "up": "Infinity", "big": float(2**70)}]


def test_the_end_and_its_summary_are_recorded_once_the_program_says_so(program):
    program.begin("a")
    summary = {"loss": 2.0, "test": {"accuracy": 0.75}, "path": "a.pt", "_step": 1}
    program.stream("a", row(0, loss=1.0), row(1, loss=2.0), summary=summary)
    _, logged = program.read()
    assert logged.exit_code is None
    assert logged.own == {}
    program.stream("a", complete=True, exitcode=0)
    _, logged = program.read()
    assert logged.exit_code == 0
    assert logged.own == {"test.accuracy": 0.75}
    assert logged.facts["summary"] == {"path": "a.pt"}
    assert logged.lowest == 1.0


def test_a_metric_that_the_program_hides_from_its_summary_is_hidden(program):
    program.begin("a")
    program.stream("a", row(0, loss=1.0, noise=4.0), summary={"loss": {"min": 1.0}})
    program.stream("a", complete=True, exitcode=0)
    _, logged = program.read()
    assert logged.hidden() == {"noise"}
    assert logged.own == {"loss.min": 1.0}


@pytest.mark.parametrize("code", [1, 255, 3])
def test_the_exit_code_is_that_of_the_program(program, code):
    program.begin("a")
    program.stream("a", complete=True, exitcode=code)
    assert program.read()[1].exit_code == code


def test_a_program_that_expects_to_be_interrupted_says_so_once(program):
    program.begin("a")
    for _ in range(3):
        program.stream("a", preempting=True)
    assert program.read()[1].is_preempting
    assert program.path.read_bytes().count(b"preempting") == 1


def test_a_run_after_the_end_of_another_goes_on_with_its_steps_and_takes_the_end_back(program):
    program.begin("a")
    program.stream("a", row(0, loss=3.0), row(1, loss=2.0), complete=True, exitcode=0)
    program.begin("b")
    program.stream("b", row(0, loss=1.0))
    rows, logged = program.read()
    assert [found["step"] for found in rows] == [0, 1, 2]
    assert logged.exit_code is None
    program.stream("b", complete=True, exitcode=4)
    assert program.read()[1].exit_code == 4


def test_a_run_that_is_resumed_goes_on_with_its_own_steps(program):
    assert program.graphql("RunResumeStatus", name="a")["data"]["model"]["bucket"] is None
    program.begin("a", {"depth": 3})
    program.stream("a", row(0, loss=3.0), row(1, loss=2.0), complete=True, exitcode=0)
    bucket = program.graphql("RunResumeStatus", name="a")["data"]["model"]["bucket"]
    assert bucket["historyLineCount"] == 2
    assert json.loads(bucket["summaryMetrics"])["_step"] == 1
    assert program.begin("a")["historyLineCount"] == 2
    program.stream("a", row(2, loss=1.0), offset=2)
    rows, logged = program.read()
    assert [found["step"] for found in rows] == [0, 1, 2]
    assert logged.exit_code is None


def test_runs_beside_the_one_that_counts_are_left_out(program):
    program.begin("a")
    program.begin("b")
    program.stream("a", row(0, loss=1.0))
    program.stream("b", row(0, loss=9.0), complete=True, exitcode=1)
    program.stream("a", row(1, loss=0.5), offset=1, complete=True, exitcode=0)
    rows, logged = program.read()
    assert rows == [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]
    assert logged.exit_code == 0
    assert any("several wandb runs" in notice for notice in program.notices)


def test_the_run_that_logs_the_metric_of_the_sweep_counts_wherever_it_comes(program):
    program.begin("worker", {"rank": 1})
    program.begin("main", {"rank": 0})
    program.stream("worker", row(0, gpu=0.5))
    program.stream("main", row(0, loss=1.0))
    program.stream("worker", row(1, gpu=0.7), offset=1, complete=True, exitcode=1)
    program.stream("main", row(1, loss=0.5), offset=1, complete=True, exitcode=0)
    rows, logged = program.read()
    assert [found["loss"] for found in rows if "loss" in found] == [1.0, 0.5]
    assert logged.exit_code == 0
    assert logged.facts["config"]["rank"] == 0


def test_what_the_program_configures_is_kept_apart_from_the_values_of_the_sweep(program):
    program.begin("a", {"lr": 0.1, "epochs": 3}, tags=["x"], displayName="abcd1234-3")
    program.begin("a", {"lr": 0.1, "epochs": 3, "later": [1, 2]}, groupName="g", tags=["x"])
    program.begin("a", {"lr": 0.1, "epochs": 3, "later": [1, 2]}, groupName="g", tags=["x"])
    _, logged = program.read()
    assert logged.facts == {"config": {"epochs": 3, "later": [1, 2]}, "tags": ["x"], "group": "g"}
    assert program.path.read_bytes().count(b"describe") == 2


def test_a_large_configuration_is_bounded(program):
    program.begin("a", {f"value {number}": "x" * 5_000 for number in range(50)})
    _, logged = program.read()
    assert logged.n_facts_left_out > 0


def test_a_stop_reaches_the_program_with_every_answer(program):
    program.begin("a")
    assert json.loads(program.stream("a").body) == {}
    program.is_stopped = True
    assert json.loads(program.stream("a").body) == {"stopped": True}
    status = program.graphql("RunStoppedStatus", name="a")
    assert status["data"]["project"]["run"]["stopped"] is True


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"files": 3}', b"\xff" * 100])
def test_a_malformed_stream_is_refused_for_good(program, body):
    request = Request("POST", "files/a/b/run/file_stream", {}, body)
    assert program.protocol.answer(request).status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "graphql"), ("POST", "sdk/otel/v1/metrics"),
                         ("GET", "storage/manifest/../../x"), ("GET", "files/a/b/c/file_stream")]
)  # fmt: skip
def test_unknown_paths_are_not_found(program, method, path):
    assert program.protocol.answer(Request(method, path, {}, b"")).status == 404


def test_clients_are_given_what_they_need_and_refused_the_rest_with_words(program):
    assert program.graphql("Viewer")["data"]["viewer"]["entity"] == "sweep-sdk"
    assert program.graphql("ServerFeaturesQuery")["data"]["serverInfo"]["features"] == []
    refused = program.graphql("CreateRunFiles", files=["a"])
    assert refused["data"] is None
    assert "CreateRunFiles" in refused["errors"][0]["message"]
    program.graphql("NotifyScriptableRunAlert", title="Low", text="below 0.5")
    assert program.notices == ["alert of the program: Low: below 0.5"]
    query = {"query": 'query ProbeServerCapabilities { QueryType: __type(name: "Query") { name } }'}
    answer = program.protocol.answer(Request("POST", "graphql", {}, json.dumps(query).encode()))
    assert json.loads(answer.body)["data"]["QueryType"]["fields"] == []


def test_an_artifact_is_created_and_its_manifest_read_back(program):
    given = {"artifactTypeName": "model", "artifactCollectionNames": ["weights"], "digest": "d",
             "entityName": "e", "projectName": "p"}  # fmt: skip
    created = program.graphql("CreateArtifact", input=given)["data"]["createArtifact"]["artifact"]
    assert created["state"] == "PENDING"
    made = program.graphql("CreateArtifactManifest", artifactID=created["id"])
    url = made["data"]["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
    path = url.removeprefix("http://127.0.0.1:1/key/")
    manifest = b'{"contents": {}}'
    assert program.protocol.answer(Request("GET", path, {}, b"")).status == 404
    assert program.protocol.answer(Request("PUT", path, {}, manifest)).status == 200
    assert program.protocol.answer(Request("GET", path, {}, b"")).body == manifest
    shown = program.graphql("ArtifactByID", id=created["id"])["data"]["artifact"]
    assert (shown["state"], shown["versionIndex"]) == ("COMMITTED", 0)
    assert program.graphql("ArtifactByID", id="another")["data"] is None


def test_a_disk_that_is_full_is_noted_and_the_program_goes_on(program, monkeypatch):
    from sweep_sdk._world import disk

    def full(*_):
        raise OSError(28, "No space left on device")

    program.begin("a")
    monkeypatch.setattr(disk, "write", full)
    assert program.stream("a", row(0, loss=1.0)).status == 200
    assert "No space left on device" in program.notices[0]
    monkeypatch.undo()
    program.stream("a", row(1, loss=0.5), offset=1)
    assert [found["loss"] for found in program.read()[0]] == [1.0, 0.5]
