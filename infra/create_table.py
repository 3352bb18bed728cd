"""Create the table of template.yaml in a local DynamoDB: ``create_table.py URL NAME``."""

from __future__ import annotations

import sys

import boto3
from botocore.config import Config


def create_table(url: str, name: str) -> None:
    """Create the table once the database answers."""
    patient = Config(retries={"mode": "standard", "total_max_attempts": 10})
    database = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - a local database takes any
        config=patient,
    )
    database.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )


if __name__ == "__main__":
    create_table(*sys.argv[1:])
