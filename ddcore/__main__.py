"""The command line: `python -m ddcore …`."""

from __future__ import annotations

import sys

from ddcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
