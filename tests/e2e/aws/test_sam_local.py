"""Checks of ``make sam-local`` that work without Docker: SAM CLI reads the API correctly."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from deployment import ROOT

from sweep_service.routes import ROUTES

READ_ROUTES = """
import json, sys
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

parameters = {"TokenSha256": "0" * 64}
stacks, _ = SamLocalStackProvider.get_stacks(sys.argv[1], parameter_overrides=parameters)
routes = ApiProvider(stacks).routes
found = [
    [method, route.path, route.function_name, route.authorizer_name]
    for route in routes
    for method in route.methods
]
print(json.dumps(found))
"""


def test_the_local_emulation_finds_every_route_its_function_and_the_authorizer() -> None:
    python = Path(os.environ["SWEEP_TEST_SAM"]).with_name("python")
    done = subprocess.run(
        [python, "-c", READ_ROUTES, ROOT / "template.yaml"],
        capture_output=True,
        text=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        check=True,
    )
    found = {(method, path): rest for method, path, *rest in json.loads(done.stdout)}
    assert set(found) == set(ROUTES)
    assert found.pop(("GET", "/v1/health")) == ["ApiFunction", None]
    searching = [
        ("POST", "/v1/sweeps"),
        ("PATCH", "/v1/sweeps/{sweep}"),
        ("POST", "/v1/sweeps/{sweep}/runs"),
        ("GET", "/v1/sweeps/{sweep}/model"),
        ("POST", "/v1/sweeps/{sweep}/points"),
        ("POST", "/graphql"),
    ]
    for place in searching:
        assert found.pop(place) == ["SuggestFunction", "Authorizer"]
    assert set(map(tuple, found.values())) == {("ApiFunction", "Authorizer")}
