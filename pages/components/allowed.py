"""What whoever looks may do: a control that they may not use is off, and its help says why."""

from typing import TypedDict

from ddcore.hosting import rights


class Control(TypedDict):
    """How a control is drawn."""

    disabled: bool
    help: str | None


def control(deed: str, *ids: str, disabled: bool = False, help: str | None = None) -> Control:
    """How the control is drawn that does this to these runs or data sets (ids as `rights.refusal` has them): off where
    whoever looks may do it to none of them, with that for its help, else as it is given."""
    refusal = rights.refusal(deed, *ids)
    return Control(disabled=disabled or bool(refusal), help=refusal or help)
