"""The page with its data in one HTML file, which needs no server and asks nobody for anything.

Every module is a ``data:`` URL in an import map. The file's own scripts carry a nonce, which is
drawn when it is written: no other script runs, whatever the names in the data are.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import secrets
from typing import TYPE_CHECKING, Any

from sweep_sdk._ui import page_files

if TYPE_CHECKING:
    from collections.abc import Mapping

_CSP = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline';"
    " img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_DOCUMENT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
<script type="importmap" nonce="{nonce}">{modules}</script>
</head>
<body data-start="{start}">
<div id="app"><p class="waiting">Loading…</p></div>
<script type="text/plain" id="sweep-data">{data}</script>
<script type="module" nonce="{nonce}">import "page/main.js";</script>
<noscript><p>This report needs JavaScript.</p></noscript>
</body>
</html>
"""


def report_file(document: Mapping[str, Any], sweep: str, title: str) -> str:
    """The text of the file.

    Args:
        document: Of ``report_document``.
        sweep: The id of the sweep that it opens with.
        title: Of the window.
    """
    nonce = secrets.token_urlsafe(16)
    packed = gzip.compress(json.dumps(document, separators=(",", ":"), allow_nan=False).encode())
    return _DOCUMENT.format(
        csp=_CSP.format(nonce=nonce),
        nonce=nonce,
        title=html.escape(title),
        style=(page_files.FOLDER / "style.css").read_text(encoding="utf-8"),
        modules=json.dumps({"imports": page_files.modules()}),
        start=html.escape(f"#/s/{sweep}"),
        data=base64.b64encode(packed).decode(),
    )
