"""What the id of a run looks like: it is part of addresses, commands and parameters, and the name of its folder."""

from __future__ import annotations

import re

RUN_ID = re.compile(r"[0-9a-f]{16}")
