"""The store of runs: one folder each, readable without torch.

<home>/runs/<kind>/<key>/
    spec.json             the question: kind, name, version, config, parents, data set; written first
    job.json              how it is going: state, process, times
    progress.json         done, total, phase, seconds; its mtime is the heartbeat
    events.jsonl          self-contained lines: losses, accuracies, …
    log.txt error.txt     for people
    checkpoint.safetensors  what the run needs to go on; kept when done, so that it can be extended
    initial.safetensors images.safetensors snapshots/<step>.safetensors pictures/<name>.png
    user.json             name, tags, note
    imported.json         of a run that was brought as one file: when, and the file's name
    run.json              the answer; written last: a folder with it is complete
"""

from ddcore.runs.images import Images
from ddcore.runs.store import ACTIVE, STATES, RunRecord, Store

__all__ = ["ACTIVE", "STATES", "Images", "RunRecord", "Store"]
