"""A browser, dashboards, and sweeps with a past.

The tests are in files ``browser_*.py``, which ``make e2e-ui`` collects and ``make test`` does not:
they need Playwright, Chromium and, for axe-core, what ``make check-page`` installs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from played import HYPERBAND, play

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import ONCE, Retrier
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._ui.server import UiServer

ROOT = Path(__file__).parents[3]
SHOTS = ROOT / "build/screenshots"
#: Milliseconds; a machine under load is slow, and a page that is well does not use them.
PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(os.environ.get("CHROMIUM", "chromium")),
            args=["--no-sandbox", "--disable-gpu"],
        )
        yield browser
        browser.close()


@dataclass
class Page:
    """A page of the dashboard, and all that it did."""

    page: Any
    base: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('CSP', e.blockedURI))"
        )

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def go(self, place: str = "#/") -> None:
        """Load a place afresh, and wait until there is something."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.base}/{place}")
        self.page.locator("main h1, main .empty, main .failure").first.wait_for()
        self.settle()

    def follow(self, place: str) -> None:
        """Go to a place as a link within the page does."""
        self.page.evaluate("place => { location.hash = place }", place)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is loading and every picture is drawn."""
        self.page.wait_for_function(
            "() => !document.querySelector('.waiting')"
            " && [...document.querySelectorAll('.chart')].every(c => c.dataset.drawn)"
        )
        self.page.evaluate("() => new Promise(r => requestAnimationFrame(() => setTimeout(r, 60)))")

    def text(self) -> str:
        return str(self.page.locator("main").inner_text())

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def expect_no_problems(self) -> None:
        assert self.problems == []
        own = (self.base, "data:", "blob:", "about:")
        assert [url for url in self.requests if not url.startswith(own)] == []


@dataclass
class Dashboard:
    """A backend with a dashboard in front of it."""

    client: Client
    server: UiServer
    open_page: Callable[..., Page]


@pytest.fixture
def pages(chromium: Any) -> Iterator[Callable[..., Page]]:
    """Opens pages that have been let in; keyword arguments are those of a browser context."""
    with ExitStack() as stack:

        def open_page(server: UiServer, **options: Any) -> Page:
            options = {"viewport": {"width": 1440, "height": 900}, **options}
            context = chromium.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            found = Page(page, server.url)
            page.goto(server.open_url())
            page.wait_for_url(f"{server.url}/**")
            page.locator("main h1, main .empty").first.wait_for()
            return found

        yield open_page


@pytest.fixture
def serve(pages: Callable[..., Page]) -> Iterator[Callable[..., Dashboard]]:
    """Starts a dashboard of a database."""
    with ExitStack() as stack:

        def start(database: Path, **options: Any) -> Dashboard:
            client = Client(InProcessTransport(database), Retrier(ONCE))
            stack.callback(client.close)
            server = UiServer(client, **{"interval_seconds": 0.2, **options})
            stack.enter_context(server)
            return Dashboard(client, server, lambda **more: pages(server, **more))

        yield start


@pytest.fixture
def dashboard(serve: Callable[..., Dashboard], tmp_path: Path) -> Dashboard:
    """One without sweeps."""
    return serve(tmp_path / "sweeps.db")


@dataclass(frozen=True)
class Played:
    """Sweeps that have been played, by what is special about them."""

    database: Path
    twelve: str
    search: str
    hyperband: str
    thousand: str


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    path = tmp_path_factory.mktemp("played") / "sweeps.db"
    return Played(
        path,
        twelve=play(path, 12, 20, method="bayes", seed=1, name="twelve", n_agents=2, hours_ago=30),
        search=play(path, 60, 30, method="bayes", seed=2, name="search", n_agents=8),
        hyperband=play(
            path, 300, 81, seed=3, name="hyperband", n_agents=16, early_terminate=HYPERBAND
        ),
        thousand=play(path, 1000, 20, seed=4, name="thousand", n_agents=16, hours_ago=80),
    )


@pytest.fixture
def past(serve: Callable[..., Dashboard], played: Played) -> Dashboard:
    """A dashboard of the played sweeps, which no test may change."""
    return serve(played.database, is_read_only=True)
