"""The code blocks of the guide that need a training library."""

from __future__ import annotations

import subprocess

import pytest
from test_documents import INTEGRATION, ROOT, blocks

BLOCKS = [block.text for block in blocks(ROOT / "sdk/GUIDE.md") if INTEGRATION in block.text]


@pytest.mark.parametrize("text", BLOCKS)
def test_the_code_blocks_run(text, workplace, library_python):
    subprocess.run([library_python, "-c", text], check=True, timeout=120)
