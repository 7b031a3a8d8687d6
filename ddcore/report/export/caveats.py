"""What a report must say of a run beside its number: what was measured instead of its result, and where it is from."""

from __future__ import annotations

import time

from ddcore.report import results
from ddcore.runs.record import RunRecord


def aside(judge: RunRecord | None) -> str:
    """ "on the validation split": how an evaluation departs from "how good is this set on the test images?".

    Empty where it asks just that, and for what trains on all data: that is tested on the test images, always.
    """
    if judge is None or judge.summary.source is None or results.of_the_result(judge):
        return ""
    config = judge.config
    words = ["on the validation split" if config.get("split") == "val" else "",
             "with the initial images" if config.get("images") == "initial" else "",
             f"with the images of step {step:,}" if (step := config.get("step")) is not None else "",
             "with class labels alone" if config.get("labels") == "hard" else "",
             f"with augmentation {augment}" if (augment := config.get("augment")) else ""]
    return ", ".join(filter(None, words)) or "in another way"


def origin(record: RunRecord) -> str:
    """ "imported from a.ddrun on 2026-01-02": that a run was not computed here; empty for one that was."""
    came = record.imported
    if came is None:
        return ""
    return f"imported from {came.get('file') or 'elsewhere'} on {_day(came.get('when'))}"


def _day(when: object) -> str:
    """In UTC, so that the same runs give the same report everywhere."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(when))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return "an unknown day"
