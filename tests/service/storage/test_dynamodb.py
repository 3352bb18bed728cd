"""Behaviour of the DynamoDB store beyond the contract of stores."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from sweep_service import errors
from sweep_service.model.records.entries import ErrorTail
from sweep_service.model.records.records import (
    Base,
    ConfigVersion,
    Lease,
    Row,
    RowBatch,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import SweepState
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb import sweeps as dynamodb_sweeps
from sweep_service.storage.dynamodb.store import DynamoStore
from sweep_service.storage.store import Store

SWEEP = "k3v9x2ab"
TABLE = "sweeps"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A table in moto, as boto3's client sees it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )
        yield client
        client.close()


@pytest.fixture
def store(database: Any) -> Iterator[DynamoStore]:
    with DynamoStore(TABLE) as opened:
        yield opened


def hooks(store: DynamoStore) -> Any:
    """botocore's hooks of the store's client."""
    return store._table._connection.connection.client.meta.events


def items(database: Any) -> list[Any]:
    """All items but the mark of a deletion."""
    found = database.scan(TableName=TABLE)["Items"]
    return [item for item in found if "is_deleted" not in item]


def add_sweep(store: Store, n_runs: int = 0) -> None:
    meta = ConfigVersion(SWEEP, 1, "project", None, {"method": "random"}, 1000.0, "key")
    bases = (Base(1, 0),)
    store.create_sweep(meta, SweepStatus(SweepState.RUNNING, n_runs, None, None, bases, 7, 0))
    for index in range(n_runs):
        store.save(SWEEP, None, Run(index, {"x": 1}, 1, 1, "key", "agent", "host", 1.0, 1.0))
        store.append(SWEEP, index, RowBatch(1, 0, (Row(0, 1.0, {"loss": 0.5}),)))


class TestRows:
    def test_a_batch_too_large_for_an_item_is_kept_as_several(self, store: DynamoStore) -> None:
        rows = tuple(
            Row(n, 1.5, {f"metric-{m}": n * m / 7 for m in range(100)}) for n in range(999)
        )
        for _ in range(2):  # a repeat changes nothing
            store.append(SWEEP, 0, RowBatch(1, 100, rows))
        found: list[Row] = []
        after: tuple[int, int] | None = None
        while batches := store.list_rows(SWEEP, 0, after, 100):
            for batch in batches:
                assert (batch.attempt, batch.offset) == (1, 100 + len(found))
                found += batch.rows
            after = (batches[-1].attempt, batches[-1].offset)
        assert tuple(found) == rows

    def test_a_page_is_bounded_by_what_it_unpacks_to(
        self, store: DynamoStore, database: Any
    ) -> None:
        rows = tuple(Row(n, 1.5, {"a metric of a long name": 0.25}) for n in range(4000))
        for offset in range(0, 40_000, 4000):
            store.append(SWEEP, 0, RowBatch(1, offset, rows))
        stored = sum(len(item["rows"]["B"]) for item in items(database))
        assert stored < 500_000  # one page of DynamoDB's
        page = store.list_rows(SWEEP, 0, None, 100)
        assert 0 < len(page) < 10

    def test_they_expire_if_so_deployed(self, database: Any) -> None:
        batch = RowBatch(1, 0, (Row(0, 1.0, {"loss": 0.5}),))
        with DynamoStore(TABLE, keep_rows_seconds=86_400.0, clock=lambda: 1000.5) as store:
            store.append(SWEEP, 0, batch)
            store.append(SWEEP, 0, ErrorTail(1, "kept"))
            assert store.list_rows(SWEEP, 0, None, 5) == [batch]
        expiries = {item["sk"]["S"][0]: item.get("expires_at") for item in items(database)}
        assert expiries == {"M": {"N": "87400"}, "E": None}

    def test_they_are_kept_for_ever_otherwise(self, store: DynamoStore, database: Any) -> None:
        store.append(SWEEP, 0, RowBatch(1, 0, (Row(0, 1.0, {"loss": 0.5}),)))
        (item,) = items(database)
        assert "expires_at" not in item


class TestDeletion:
    def test_nothing_is_left_in_the_table(self, store: DynamoStore, database: Any) -> None:
        add_sweep(store, n_runs=3)
        patient(store)
        store.delete_sweep(SWEEP)
        assert items(database) == []
        (mark,) = database.scan(TableName=TABLE)["Items"]  # which the table's time to live removes
        assert int(mark["expires_at"]["N"]) > time.time()

    @pytest.mark.parametrize("most", [3, 4, 5])
    def test_a_large_sweep_goes_in_several_requests(
        self, store: DynamoStore, database: Any, monkeypatch: pytest.MonkeyPatch, most: int
    ) -> None:
        monkeypatch.setattr(dynamodb_sweeps, "_MAX_DELETED", most)
        monkeypatch.setattr(dynamodb_sweeps, "_RUNS_A_PAGE", 2)
        add_sweep(store, n_runs=5)
        patient(store)
        n_requests = 1
        while not is_deleted(store):
            n_requests += 1
            assert items(database) != []  # else the repeat would say that there is no such sweep
            with pytest.raises(errors.NotFound):
                store.get_status(SWEEP)
        assert items(database) == []
        assert n_requests > 2

    def test_what_dynamodb_left_undone_is_tried_again(
        self, store: DynamoStore, database: Any
    ) -> None:
        add_sweep(store, n_runs=5)
        undo_most(store, n_times=3)
        pauses = patient(store)
        store.delete_sweep(SWEEP)
        assert items(database) == []
        *pauses, look = pauses
        assert pauses == sorted(pauses)
        assert len(pauses) == 3
        assert look == dynamodb_sweeps._LOOK_SECONDS

    def test_a_deletion_that_stays_throttled_is_continued_by_a_repeat(
        self, store: DynamoStore, database: Any
    ) -> None:
        add_sweep(store, n_runs=9)
        undo_most(store, n_times=6)
        patient(store)
        with pytest.raises(errors.Throttled, match="delete"):
            store.delete_sweep(SWEEP)
        assert items(database)
        store.delete_sweep(SWEEP)
        assert items(database) == []


def is_deleted(store: DynamoStore) -> bool:
    """Whether one more request deleted what was left."""
    try:
        store.delete_sweep(SWEEP)
    except errors.Busy:
        return False
    return True


def patient(store: DynamoStore) -> list[float]:
    """Pauses are noted, not made."""
    pauses: list[float] = []
    store._table._sleep = pauses.append
    return pauses


def undo_most(store: DynamoStore, n_times: int) -> None:
    """DynamoDB does the first of a batch only, a number of times."""
    rest = iter(range(n_times))

    def shorten(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if next(rest, None) is not None:
            requests = params["RequestItems"][TABLE]
            context["undone"] = requests[1:]
            params["RequestItems"] = {TABLE: requests[:1]}

    def confess(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if context.get("undone"):
            parsed["UnprocessedItems"] = {TABLE: context["undone"]}

    hooks(store).register("provide-client-params.dynamodb.BatchWriteItem", shorten)
    hooks(store).register("after-call.dynamodb.BatchWriteItem", confess)


class TestTrouble:
    @pytest.fixture(autouse=True)
    def _no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(botocore.endpoint.time, "sleep", lambda _: None)

    def refuse(self, store: DynamoStore, code: str, status: int) -> list[str]:
        """Every request is answered by an error; lists the requests."""
        asked: list[str] = []

        def answer(request: Any, event_name: str, **_: object) -> AWSResponse:
            asked.append(event_name.rsplit(".", 1)[1])
            body = json.dumps({"__type": f"com.amazonaws.dynamodb#{code}", "message": "no"})
            return AWSResponse(request.url, status, {}, Raw(body.encode()))

        hooks(store).register_first("before-send.dynamodb", answer)
        return asked

    def test_throttles_are_retried_and_then_reported(self, store: DynamoStore) -> None:
        asked = self.refuse(store, "ProvisionedThroughputExceededException", 400)
        with pytest.raises(errors.Throttled) as raised:
            store.claim_index(SWEEP)
        assert raised.value.status == 429
        assert raised.value.retry_after_seconds >= 1
        assert asked == ["UpdateItem"] * 3

    def test_an_outage_is_retried_and_then_reported(self, store: DynamoStore) -> None:
        asked = self.refuse(store, "InternalServerError", 500)
        with pytest.raises(errors.StoreUnavailable):
            store.list_leases(SWEEP)
        assert asked == ["Query"] * 3

    def test_a_lost_connection_is_retried_and_then_reported(self, store: DynamoStore) -> None:
        asked: list[str] = []

        def lose(event_name: str, **_: object) -> None:
            asked.append(event_name)
            raise ConnectionClosedError(endpoint_url="https://db")

        hooks(store).register_first("before-send.dynamodb", lose)
        with pytest.raises(errors.StoreUnavailable):
            store.claim_index(SWEEP)
        with pytest.raises(errors.StoreUnavailable):
            store.get_status(SWEEP)
        assert len(asked) == 6

    def test_a_refusal_is_not_retried(self, store: DynamoStore) -> None:
        asked = self.refuse(store, "AccessDeniedException", 400)
        with pytest.raises(errors.StoreUnusable):
            store.delete(SWEEP, Lease(0, 1, "key", "agent", "host", "0", 1300.0))
        assert asked == ["DeleteItem"]

    def test_no_such_table(self, database: Any) -> None:
        del database
        with DynamoStore("no-such-table") as store, pytest.raises(errors.StoreUnusable):
            store.get_status(SWEEP)

    def test_more_than_an_item_holds(self, store: DynamoStore) -> None:
        config = {"x": "y" * 500_000}
        run = Run(0, config, 1, 1, "key", "agent", "host", 1.0, 1.0)
        with pytest.raises(errors.TooLarge):
            store.save(SWEEP, None, run)


class Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self._body


def test_a_newer_schema_is_not_misread(store: DynamoStore, database: Any) -> None:
    add_sweep(store)
    pk, sk = keys.counter(SWEEP)
    database.update_item(
        TableName=TABLE,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET schema_version = :two",
        ExpressionAttributeValues={":two": {"N": "2"}},
    )
    with pytest.raises(errors.StoreUnusable, match="newer"):
        store.get_status(SWEEP)


@pytest.mark.parametrize(
    ("key", "save"),
    [
        (keys.counter(SWEEP), lambda store: store.save(SWEEP, *again(store.get_status(SWEEP)))),
        (keys.lease(SWEEP, 0), lambda store: store.save(SWEEP, *again(store.get_lease(SWEEP, 0)))),
        (keys.run(SWEEP, 0), lambda store: store.save(SWEEP, *again(store.get_run(SWEEP, 0)))),
    ],
    ids=["counter", "lease", "run"],
)
def test_attributes_of_a_newer_version_are_left_alone(
    store: DynamoStore, database: Any, key: keys.Key, save: Any
) -> None:
    """A deployment that is rolled back does not remove what the newer version has written."""
    store.create_sweep(
        ConfigVersion(SWEEP, 1, "project", None, {"method": "random"}, 1000.0, "key"),
        SweepStatus(SweepState.RUNNING, 0, 9, None, (Base(1, 0),), 7),
    )
    store.save(SWEEP, None, Lease(0, 1, "key", "agent", "host", "0", 1300.0, suspect_at=5.0))
    store.save(SWEEP, None, Run(0, {"x": 1}, 1, 1, "key", "agent", "host", 1.0, 1.0))
    place = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    database.update_item(
        TableName=TABLE,
        Key=place,
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": "from_the_future"},
        ExpressionAttributeValues={":v": {"S": "kept"}},
    )
    save(store)
    item = database.get_item(TableName=TABLE, Key=place)["Item"]
    assert item["from_the_future"] == {"S": "kept"}
    assert item["change"] == {"N": "1"}
    assert "suspect_at" not in item


def again(record: Any) -> tuple[Any, Any]:
    """A record, and what to save in its place: a lease is not suspected any more."""
    return record, replace(record, suspect_at=None) if isinstance(record, Lease) else record
