"""``python -m sweep_sdk.cli``: the command line, if ``sweep-sdk`` is not on the PATH."""

from __future__ import annotations

import sys

from sweep_sdk.cli import main

sys.exit(main())
