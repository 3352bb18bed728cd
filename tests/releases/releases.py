"""The releases whose data and agents the present code supports: one folder each."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
from make_release import TABLE
from moto import mock_aws

from sweep_service.storage.dynamodb.store import DynamoStore
from sweep_service.storage.sqlite.store import SqliteStore
from sweep_service.storage.store import Store


@dataclass(frozen=True)
class Release:
    """What a release left behind; see ``make_release``."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def wheel(self) -> Path:
        (wheel,) = self.folder.glob("*.whl")
        return wheel

    @cached_property
    def story(self) -> dict[str, Any]:
        """What it answered to every read, who held which run, and what its clock said."""
        found: dict[str, Any] = json.loads((self.folder / "answers.json").read_text("utf-8"))
        return found

    @contextmanager
    def sqlite(self, folder: Path) -> Iterator[Store]:
        """The store over a copy of its SQLite file."""
        shutil.copy(self.folder / "sweeps.db", folder / "sweeps.db")
        with SqliteStore(folder / "sweeps.db") as store:
            yield store

    @contextmanager
    def dynamodb(self, folder: Path) -> Iterator[Store]:
        """The store over a table with its items."""
        del folder
        with pytest.MonkeyPatch.context() as patch, mock_aws():
            patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            client = boto3.client("dynamodb")
            client.create_table(**TABLE)
            for item in json.loads((self.folder / "table.json").read_text("utf-8")):
                client.put_item(TableName="sweeps", Item=_with_bytes(item))
            client.close()
            with DynamoStore("sweeps") as store:
                yield store


def _with_bytes(item: dict[str, Any]) -> dict[str, Any]:
    """An item whose binary values, Base64 in the file, are bytes, as boto3 wants them."""
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value
        for name, value in item.items()
    }


RELEASES = [Release(path.parent) for path in sorted(Path(__file__).parent.glob("*/answers.json"))]
