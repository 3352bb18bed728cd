"""Build hook: the project's URLs and its description, whose relative links a package index lacks.

Both follow from ``REPOSITORY`` in ``sweep_service.installation``.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_INSTALLATION = "functions/sweep_service/installation.py"
_RELATIVE_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)]+)\)")


class ProjectMetadata(MetadataHookInterface):
    """Fills in ``urls`` and ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add what depends on the repository's address."""
        root = Path(self.root)
        installation = runpy.run_path(str(root / _INSTALLATION))
        text = (root / "README.md").read_text(encoding="utf-8")
        files = f"{installation['REPOSITORY']}/blob/main/"
        metadata["urls"] = installation["project_urls"]()
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _RELATIVE_LINK.sub(rf"]({files}\1)", text),
        }
