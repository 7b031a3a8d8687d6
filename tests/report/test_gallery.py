from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddcore.experiments import spec
from ddcore.ops import pictures
from ddcore.report import gallery
from ddcore.report.gallery import NEWEST, Snapshots
from ddcore.runs import RunRecord, Store
from ddcore.runs.images import Images
from tests.runs import shelf

SHORT = Snapshots((0, 1, 5, 10), 10, seconds={0: 0.0, 1: 0.5, 5: 2.0, 10: 4.0})
LONG = Snapshots((0, 1, 10, 40), 40, seconds={0: 0.0, 1: 1.0, 10: 8.0, 40: 32.0})
CHOSEN = Snapshots((0,), 0, made=False)


def images(values: Any, labels: Any, classes: Sequence[str] = "ab", side: int = 2, channels: int = 1) -> Images:
    """Flat images of these grey values, 0 to 1."""
    flat = np.repeat(np.float32(values), channels * side**2).reshape(len(values), channels, side, side)
    return Images(flat, np.array(labels), tuple(classes), (0.0,) * channels, (1.0,) * channels)


# Along the slider


def test_the_slider_stops_wherever_one_of_the_runs_has_images_of_its_own() -> None:
    assert gallery.stops([SHORT, LONG, CHOSEN], "step") == [0, 1, 5, 10, 40]
    assert gallery.stops([SHORT, LONG], "share") == [0, 2.5, 10, 25, 50, 100]
    assert gallery.stops([SHORT, LONG], "time") == [0, 0.5, 1, 2, 4, 8, 32]
    assert gallery.stops([CHOSEN], "step") == []


def test_places_that_read_alike_are_one_stop_that_shows_the_later_images() -> None:
    one, other = Snapshots((0, 9), 9, seconds={0: 0.0, 9: 20.1}), Snapshots((0, 9), 9, seconds={0: 0.0, 9: 20.2})
    assert gallery.stops([one, other], "time") == [0, 20.2]
    assert {gallery.step_at(run, "time", 20.2) for run in (one, other)} == {9}


def test_a_run_without_the_step_shows_the_nearest_that_it_has_and_says_so() -> None:
    assert [gallery.step_at(LONG, "step", at) for at in (5, 6, 24, 25, 26)] == [1, 10, 10, 10, 40]  # 25: as far from 40
    assert gallery.caption(LONG, "step", 5) == "step 1 · nearest to 5"
    assert gallery.caption(Snapshots((0, 500, 1000), 1000), "step", 900) == "step 1,000 · nearest to 900"
    assert gallery.caption(SHORT, "step", 5) == "step 5"
    assert gallery.caption(SHORT, "step", 40) == "step 10 · nearest to 40"


def test_the_same_share_and_the_same_time_are_other_steps_in_other_runs() -> None:
    assert [gallery.step_at(run, "share", 50) for run in (SHORT, LONG)] == [5, 10]
    assert gallery.caption(LONG, "share", 50) == "25 % · step 10 · nearest to 50 %"
    assert gallery.caption(SHORT, "share", 80) == "100 % · step 10 · nearest to 80 %"
    assert gallery.caption(SHORT, "time", 1.5) == "2.0 s · step 5 · nearest to 1.5 s"
    assert [gallery.step_at(run, "time", 8) for run in (SHORT, LONG)] == [10, 10]
    assert gallery.caption(SHORT, "time", 8) == "4.0 s · step 10 · nearest to 8.0 s"


def test_a_run_whose_first_images_are_gone_shows_its_earliest() -> None:
    assert gallery.step_at(Snapshots((5, 10), 10), "step", 1) == 5


def test_a_coreset_is_the_same_everywhere_and_says_that_it_has_no_steps() -> None:
    assert gallery.caption(CHOSEN, "step", 40) == "chosen real images, no steps"
    assert gallery.step_at(CHOSEN, "share", 0) == 0


def test_while_a_run_goes_on_the_last_stop_is_the_newest_of_each() -> None:
    assert gallery.stops([SHORT, LONG], "step", growing=True)[-2:] == [40, NEWEST]
    assert [gallery.caption(run, "step", NEWEST) for run in (SHORT, LONG)] == ["step 10", "step 40"]
    assert gallery.words(NEWEST, "time") == "newest"


def test_a_run_that_tells_no_times_shows_its_last_images_and_says_why() -> None:
    silent = Snapshots((0, 5), 5)
    assert gallery.step_at(silent, "time", 0.0) == 5
    assert gallery.caption(silent, "time", 2.0) == "step 5 · times not known"


@pytest.fixture
def made(home: object) -> RunRecord:
    """Snapshots at 0, 1, 2 and 4."""
    return shelf.finished(Store(), spec("distill", "datadam", {"dataset": "digits", "ipc": 1}))


def test_times_and_length_come_from_the_events_that_hold_them(made: RunRecord) -> None:
    events = [
        {"event": "step", "step": 1, "total": 8, "seconds": 0.5},
        {"event": "step", "step": 2, "total": 8, "seconds": "soon"},
        {"event": "snapshot", "step": 2},
        {"event": "step"},
    ]
    found = gallery.snapshots(made, [0, 1, 2], events)
    assert (found.steps, found.total, found.made) == ((0, 1, 2), 8, True)
    assert found.seconds == {0: 0.0, 1: 0.5}
    assert gallery.snapshots(made, [0, 1, 2], []).seconds == {}


def test_what_shows_no_images_is_told_with_the_reason(made: RunRecord) -> None:
    assert gallery.missing(made, [0, 4]) is None
    assert gallery.missing(made, []) == "it kept no images"
    assert gallery.missing(made, None) == "it was deleted meanwhile"
    assert gallery.missing(replace(made, state="running"), []) == "it has no images yet"
    assert gallery.missing(replace(made, kind="evaluate"), []) == "such a run makes no images"
    assert gallery.missing(replace(made, state="broken"), []) == "its folder cannot be read"


# In rows


def together(*sets: Images, **limits: Any) -> gallery.Layout:
    found = [gallery.counts(one) for one in sets]
    return gallery.aligned(found[0], found, **limits)


def shapes(one: Images, layout: gallery.Layout) -> list[tuple[str, list[float]]]:
    return [(name, row.tolist()) for name, row in gallery.rows(one.images[:, 0, 0, 0], one, layout)]


def test_the_same_class_lies_in_the_same_row_of_every_set() -> None:
    one, other = images([1, 2], [1, 0]), images([3, 4, 5], [2, 0, 2], classes="abc")
    layout = together(one, other)
    assert shapes(one, layout) == [("a", [2]), ("b", [1]), ("c", [])]
    assert shapes(other, layout) == [("a", [4]), ("b", []), ("c", [3, 5])]


def test_a_class_with_more_images_than_fit_takes_as_many_rows_in_every_set() -> None:
    many, few = images(range(12), [0] * 12), images([7], [0])
    layout = together(many, few)
    assert shapes(many, layout) == [("a", list(range(10))), ("", [10, 11])]
    assert shapes(few, layout) == [("a", [7]), ("", [])]


def test_sets_without_a_class_in_common_leave_each_other_no_room() -> None:
    one, other = images([1], [0], classes="ab"), images([2], [1], classes="cd")
    assert together(one, other).most == (("a", 1),)
    assert together(other, one).most == (("d", 1),)


def test_classes_and_images_of_each_can_be_chosen() -> None:
    one = images([1, 2, 3], [0, 0, 1])
    assert shapes(one, together(one, per_class=1)) == [("a", [1]), ("b", [3])]
    assert shapes(one, together(one, classes=["b"])) == [("b", [3])]


def test_sheets_of_small_and_large_images_have_one_shape() -> None:
    sets = [images([0, 1, 0.5], [0, 1, 1], ("long name", "b"), side) for side in (8, 28, 33, 128)]
    layout = together(*sets)
    for cell in (24, 48, 96):
        drawn = [Image.open(io.BytesIO(gallery.sheet(one, layout, cell))) for one in sets]
        assert len({picture.width / picture.height for picture in drawn}) == 1


# Two sets


def test_only_images_that_both_sets_have_are_compared() -> None:
    one, other = images([0, 0, 0], [0, 0, 1]), images([1, 1], [0, 1], classes="ac")
    layout = gallery.shared(gallery.counts(one), gallery.counts(other))
    assert layout.most == (("a", 1),)


def test_short_rows_stand_side_by_side() -> None:
    def across(per_class: int, classes: int) -> int:
        counts = {f"{i}": per_class for i in range(classes)}
        return gallery.shared(counts, counts).across

    assert [across(1, 10), across(1, 3), across(2, 10), across(5, 10), across(1, 0)] == [5, 3, 2, 1, 1]
    flat = images([0.0] * 10, range(10), "abcdefghij", side=8)
    counts = gallery.counts(flat)
    side_by_side = gallery.aligned(counts, [counts])
    assert side_by_side == gallery.shared(counts, counts)
    below = replace(side_by_side, across=1)
    wide, tall = (Image.open(io.BytesIO(gallery.sheet(flat, layout, 48))) for layout in (side_by_side, below))
    assert (wide.width, wide.height) == (5 * tall.width, tall.height / 5)


def test_a_difference_is_signed_and_taken_before_clipping() -> None:
    one, other = images([0.0, 0.5], [0, 1]), images([-0.2, 1.4], [0, 1])
    layout = gallery.shared(gallery.counts(one), gallery.counts(other))
    found = gallery.difference(one, other, layout)
    assert [(name, round(float(row[0, 0, 0]), 3)) for name, row in found.rows] == [("a", -51.0), ("b", 229.5)]
    assert (round(found.most, 3), round(found.mean, 3)) == (229.5, 140.25)


def test_images_are_matched_by_class_whatever_their_order() -> None:
    one, other = images([0.1, 0.9], [0, 1]), images([0.9, 0.1], [1, 0])
    layout = gallery.shared(gallery.counts(one), gallery.counts(other))
    assert gallery.difference(one, other, layout).most == 0


def test_the_colours_of_a_difference_reach_their_ends_at_the_largest_one() -> None:
    one, other = images([0.5, 0.5], [0, 1]), images([0.25, 0.75], [0, 1])
    layout = gallery.shared(gallery.counts(one), gallery.counts(other))
    picture = Image.open(io.BytesIO(gallery.contrast(gallery.difference(one, other, layout), layout, 24)))
    colours = {colour[:3] for count, colour in picture.getcolors(10_000) or [] if count > 100 and colour[3] == 255}
    assert colours - {pictures.PLATE[:3]} == {pictures.LESS, pictures.MORE}


def test_sets_that_do_not_fit_say_what_each_is() -> None:
    grey, colour = images([0], [0]), images([0], [0], side=4, channels=3)
    assert gallery.mismatch(grey, colour) == (
        "the images of one are 2 × 2 px in grey, those of the other 4 × 4 px in colour"
    )
    assert gallery.mismatch(grey, images([0], [0], classes="xy")) == "they have no class in common"
    assert gallery.mismatch(grey, grey) is None


def test_a_film_shows_the_chosen_image_at_each_step(made: RunRecord) -> None:
    frames = gallery.film(Store(), made, (0, 1, 4), "3", 0, 16)
    middle = [Image.open(io.BytesIO(frame)).getpixel((8, 8))[0] for frame in frames]  # type: ignore[index]
    assert middle == [round(255 * 0.3), round(255 * 0.55), 255]


@pytest.mark.parametrize(("classes", "per_class", "lines", "across"), [
    (10, 1, 2, 5), (10, 2, 4, 3), (10, 10, 10, 1), (2, 1, 1, 2), (2, 10, 2, 1),
])
def test_short_rows_stand_side_by_side_and_fit(classes: int, per_class: int, lines: int, across: int) -> None:
    fit = gallery.fitted({str(i): per_class for i in range(classes)}, per_class, 350, 420)
    assert (fit.layout.across, -(-classes // fit.layout.across)) == (across, lines)
    assert fit.width <= 350
    assert lines * (fit.cell + 2) <= 420


def test_all_of_a_large_set_are_as_high_as_they_have_to_be() -> None:
    fit = gallery.fitted({str(i): 50 for i in range(10)}, 50, 350, math.inf)
    assert (fit.layout.images, fit.layout.columns, fit.layout.across) == (500, 10, 1)
    assert fit.width <= 350


def test_the_first_classes_of_very_many_are_shown_at_first() -> None:
    own = {str(i): 10 for i in range(100)}
    assert [*gallery.folded(own, 10)] == [str(i) for i in range(12)]
    assert len(gallery.folded(dict.fromkeys(own, 1), 1)) == 100
