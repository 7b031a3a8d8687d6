"""In words: where a run stands in the queue of a workbench that many share, and why. Nobody else is named."""

from __future__ import annotations

from ddcore.jobs.slots import slots
from ddcore.jobs.status import Status
from ddcore.jobs.turns import Turn, rules

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLACES = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def in_words(status: Status) -> str:
    """ "third in turn: you used 12 GPU minutes lately, two people with less go first", "it stepped aside after its 10
    minutes, as others wait; goes on next, when a slot is free"; "" where it is first come, first served."""
    turn, position = status.turn, status.position
    if turn is None or not position:
        return ""
    place = "next, when a slot is free" if position == 1 else f"{_of(PLACES, position, 'number {}')} in turn"
    return f"{_aside()}; goes on {place}{_why(turn)}" if status.aside else f"{place}{_why(turn)}"


def used(seconds: float) -> str:
    """ "12 GPU minutes", "less than a GPU minute", "3.5 GPU hours"; without the GPU where the machine has none."""
    gpu = "GPU " * any(slot.gpu is not None for slot in slots())
    if seconds < 60:
        return f"less than a {gpu}minute"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} {gpu}minute{'s' * (round(seconds / 60) != 1)}"
    return f"{seconds / 3600:.1f} {gpu}hours"


def _aside() -> str:
    """That it stepped aside; after how long, where that is known."""
    now = rules()
    minutes = now.slice_minutes if now else 0.0
    after = f" after its {minutes:g} minute{'s' * (minutes != 1)}" if minutes else ""
    return f"it stepped aside{after}, as others wait"


def _why(turn: Turn) -> str:
    """Behind its place: whose runs go first; what somebody used who is told of a run of their own."""
    first = [*_people(turn), *_own(turn)]
    if not first:
        return ""
    go = f"{' and '.join(first)} {'goes' if turn.others + turn.own == 1 else 'go'} first"
    return f": you used {used(turn.used)} lately, {go}" if turn.mine and turn.others else f": {go}"


def _people(turn: Turn) -> list[str]:
    if not turn.others:
        return []
    people = f"{_of(NUMBERS, turn.others, '{:,}')} {'person' if turn.others == 1 else 'people'}"
    return [f"{people} with less" if turn.less else people]


def _own(turn: Turn) -> list[str]:
    if not turn.own:
        return []
    return [f"{_of(NUMBERS, turn.own, '{:,}')} run{'s' * (turn.own != 1)} of {'yours' if turn.mine else 'its owner'}"]


def _of(words: tuple[str, ...], number: int, other: str) -> str:
    return words[number] if number < len(words) else other.format(number)
