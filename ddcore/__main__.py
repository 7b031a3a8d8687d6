"""The command line: `python -m ddcore …`."""

from __future__ import annotations

import sys

from ddcore.errors import DDCoreError

if __name__ == "__main__":
    try:
        from ddcore.cli import main
    except DDCoreError as error:  # the commands are made of what is registered, and that cannot be had
        sys.exit(f"error: {error}")
    sys.exit(main())
