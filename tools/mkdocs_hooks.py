"""A hook of MkDocs: pages from elsewhere in the repository, and links that work on both sides.

The documents are written for the repository, where their links are relative paths. On the site a
link to another page leads to that page, and a link to any other file leads to the repository.
"""

from __future__ import annotations

import posixpath
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs"
#: Pages of the site that are kept outside ``docs/``.
ELSEWHERE = {
    "quickstart.md": "README.md",
    "guide.md": "sdk/GUIDE.md",
    "examples.md": "sdk/examples/README.md",
    "aws.md": "infra/README.md",
    "benchmarks.md": "benchmarks/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "reporting.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
}
PAGES = {source: page for page, source in ELSEWHERE.items()}
REPOSITORY = runpy.run_path(str(ROOT / "functions/sweep_service/installation.py"))["REPOSITORY"]

_LINK = re.compile(r"(\]\(|\bsrc=\")(?!https?:|mailto:|#)([^)\s#\"]+)")
_NAMED_BLOCK = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in the address of the repository, which is set in one place."""
    config.repo_url = REPOSITORY
    config.repo_name = "Repository"
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page, and show the names of the files that it contains."""
    del config, files
    name = page.file.src_uri
    source = ELSEWHERE.get(name, f"{DOCS}/{name}")
    linked = _LINK.sub(lambda match: match[1] + site_link(source, match[2]), markdown)
    return _NAMED_BLOCK.sub(r'```\1 title="\2"', linked)


def site_link(source: str, link: str) -> str:
    """Where a link of a document leads on the site, relative to the folder of the page.

    Args:
        source: The document, from the top of the repository.
        link: A path relative to it, without its anchor.

    Raises:
        PluginError: There is no such file.
    """
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if not (ROOT / target).exists():
        raise PluginError(f"{source} has a link to {link}, which does not exist")
    if target in PAGES:
        uri = PAGES[target]
    elif target.startswith(f"{DOCS}/") and (ROOT / target).is_file():
        uri = target.removeprefix(f"{DOCS}/")
    else:
        return f"{REPOSITORY}/blob/main/{target}"
    here = posixpath.dirname(source.removeprefix(f"{DOCS}/")) if source not in PAGES else ""
    return posixpath.relpath(uri, here or ".")
