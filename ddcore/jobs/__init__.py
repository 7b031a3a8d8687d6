"""Jobs: runs are computed in processes of their own, which outlive the browser tab and the server.

submit → queue/ → runner (one for each slot) → worker (one for each job) → run folder

<home>/jobs/
    queue/<number>.<run id>     waiting, in this order
    active/<slot>.<run id>      taken by that slot's runner
    slots/<slot>.json           the runner's process; <slot>.lock is held while it lives; <slot>.log
"""

from ddcore.jobs.api import (
    ahead,
    cancel,
    deed_of,
    extend,
    hidden,
    list_jobs,
    resume,
    run_inline,
    status,
    submit,
    wait,
)
from ddcore.jobs.slots import Slot, slots
from ddcore.jobs.status import Status

__all__ = ["Slot", "Status", "ahead", "cancel", "deed_of", "extend", "hidden", "list_jobs", "resume", "run_inline",
           "slots", "status", "submit", "wait"]
