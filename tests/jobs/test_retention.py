"""What is deleted by itself: when, what is told before, and what the rest of the house makes of what is gone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from toyjobs import toy

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.hosting import audit
from ddcore.jobs import keeper, retention
from ddcore.jobs.job import mark_queued
from ddcore.jobs.queue import Queue
from ddcore.jobs.requirements import unfinished
from ddcore.jobs.retention import DAY
from ddcore.jobs.worker import execute
from ddcore.runs import RunRecord, Store, whole
from ddcore.runs.thinned import heavy, lacks_arrays
from tests.runs.shelf import finished, question

pytestmark = pytest.mark.usefixtures("toys")
START = 1_796_000_000.0  # 30 Nov 2026
PAD: dict[str, Any] = {
    "dataset": "digits", "width": 8, "ipc": 2, "agents": 1, "score_epochs": 1, "experts": 2, "train_epochs": 4,
    "batch_train": 64, "lr_teacher": 0.05, "initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0,
    "add_end_epoch": 2, "remove_epoch": 2, "num_iters": 2, "student_steps": 1, "expert_epochs": 1,
    "first_max_start_epoch": 2, "max_start_epoch": 3, "expansion_iters": 2, "lr_student": 0.05}


@pytest.fixture
def hosted(toys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return toys


def rules(home: Path, **values: float) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    (home / "hosting.toml").write_text(f"[retention]\n{lines}")


def aged(path: Path, when: float) -> None:
    os.utime(path, (when, when))


def trashed(seed: int, when: float) -> Path:
    """A run that came into the trash then."""
    record = finished(Store(), question(seed=seed))
    Store().trash(record.id)
    folder = Store().root / ".trash" / record.kind / record.id
    aged(folder / "trashed", when)
    return folder


def done(seed: int, when: float, **values: Any) -> RunRecord:
    """A run that was finished then."""
    record = finished(Store(), question(seed=seed, **values))
    aged(record.folder / "run.json", when)
    return record


def test_nothing_is_deleted_unless_the_settings_say_so(hosted: Path) -> None:
    folder, record = trashed(1, 0), done(2, 0)
    for text in (None, "", "[retention]\ntrash = 0\ncheckpoints = 0.0\n"):
        if text is not None:
            (hosted / "hosting.toml").write_text(text)
        retention.look(Store(), START)
        assert retention.announced(Store(), START) == []
        assert retention.extending(record) == ""
    assert folder.exists()
    assert heavy(record.folder) == ["checkpoint.safetensors"]


def test_the_trash_is_emptied_after_its_days_and_no_earlier(hosted: Path) -> None:
    rules(hosted, trash=30, announced=3)
    retention.look(Store(), START - 60 * DAY)  # the rule is old
    old, young = trashed(1, START - 30 * DAY - 1), trashed(2, START - 30 * DAY + 60)
    retention.look(Store(), START)
    assert (old.exists(), young.exists()) == (False, True)
    retention.look(Store(), START + 600)  # within an hour it does not look again
    assert young.exists()
    retention.look(Store(), START + 3601)
    assert not young.exists()
    assert [(line["who"], line["deed"], line["what"], line["outcome"]) for line in audit.lines(2)] == \
        [("machine", "purge", young.name, "done"), ("machine", "purge", old.name, "done")]


def test_a_rule_that_is_new_or_changed_deletes_nothing_that_was_not_announced(hosted: Path) -> None:
    old = trashed(1, START - 400 * DAY)
    rules(hosted, trash=30, announced=3)
    retention.look(Store(), START)
    assert retention.announced(Store(), START) == ["On 3 December 1 run in the trash is deleted for good."]
    retention.look(Store(), START + 2.9 * DAY)
    rules(hosted, trash=20, announced=3)  # changed: it is announced once more
    retention.look(Store(), START + 3.5 * DAY)
    assert old.exists()
    assert retention.announced(Store(), START + 3.5 * DAY) == ["On 6 December 1 run in the trash is deleted for good."]
    rules(hosted, trash=0)
    retention.look(Store(), START + 5 * DAY)
    rules(hosted, trash=20, announced=3)  # switched on again, too
    retention.look(Store(), START + 7 * DAY)
    assert old.exists()
    retention.look(Store(), START + 10.1 * DAY)
    assert not old.exists()


def test_what_is_deleted_soon_is_told_by_day_and_counted(hosted: Path) -> None:
    rules(hosted, trash=30, checkpoints=90, announced=5)
    retention.look(Store(), START - 100 * DAY)
    for seed in range(14):
        trashed(seed, START - 27 * DAY)
    trashed(20, START - 20 * DAY)  # not for a while
    done(21, START - 86 * DAY)
    done(22, START - 86 * DAY)
    assert retention.announced(Store(), START) == [
        "On 3 December 14 runs in the trash are deleted for good.",
        "On 4 December the checkpoints and expert trajectories of 2 finished runs are deleted; results stay.",
    ]
    assert retention.date(START + 60 * DAY) == "29 January 2027"


def test_one_that_was_brought_back_begins_anew(hosted: Path) -> None:
    rules(hosted, trash=30)
    retention.look(Store(), START - 60 * DAY)
    folder = trashed(1, START - 31 * DAY)
    record = Store().restore(folder.name)
    assert not (record.folder / "trashed").exists()
    Store().trash(record.id)
    retention.look(Store(), START)
    assert folder.exists()


def test_one_of_which_nobody_knows_when_it_came_begins_when_it_is_seen(hosted: Path) -> None:
    rules(hosted, trash=30)
    retention.look(Store(), time.time() - 60 * DAY)
    folder = trashed(1, 0)
    (folder / "trashed").unlink()
    retention.look(Store(), time.time())
    assert (folder / "trashed").stat().st_mtime == pytest.approx(time.time(), abs=60)
    assert folder.exists()


def test_a_finished_run_without_its_checkpoint_is_whole_and_says_so_where_it_is_extended(hosted: Path) -> None:
    rules(hosted, checkpoints=90, announced=3)
    record = done(1, START - 80 * DAY)
    retention.look(Store(), START - 100 * DAY)
    told = "Its checkpoint is kept until 10 December. From then on a longer run begins anew."
    assert retention.extending(record) == told
    retention.look(Store(), START)
    assert heavy(record.folder) == ["checkpoint.safetensors"]
    retention.look(Store(), START + 10.1 * DAY)
    assert heavy(record.folder) == []
    assert retention.extending(record) == "Its checkpoint was deleted, as old ones are: a longer run begins anew."
    assert whole.problems(record) == []
    assert Store().record(record.id).state == "done"
    assert Store().images(record.id).images.shape == (10, 1, 8, 8)
    line = audit.lines(1)[0]
    assert (line["who"], line["deed"], line["what"], line["outcome"]) == \
        ("machine", "retention", record.id, "done: deleted checkpoint.safetensors")


def test_what_an_unfinished_run_goes_on_from_stays(hosted: Path) -> None:
    rules(hosted, checkpoints=90)
    retention.look(Store(), START - 100 * DAY)
    short = jobs.run_inline(toy(steps=2))
    parent = jobs.run_inline(toy(steps=1, seed=5))
    other = jobs.run_inline(toy(steps=1, seed=6))
    for one in (short, parent, other):
        aged(Store().record(one).folder / "run.json", START - 91 * DAY)
    for longer in (toy(steps=4), toy(steps=1, seed=9, parent=parent)):
        record = Store().create(longer)
        mark_queued(record.folder)
        Queue().add(record.id)
    retention.look(Store(), START)
    assert [bool(heavy(Store().record(one).folder)) for one in (short, parent, other)] == [True, True, False]
    for ticket in Queue().waiting():
        Queue().remove(ticket)
    retention.look(Store(), START + 3601)
    assert [bool(heavy(Store().record(one).folder)) for one in (short, parent, other)] == [False, False, False]


def test_a_longer_run_than_one_without_checkpoint_begins_anew_with_the_same_answer(hosted: Path) -> None:
    rules(hosted, checkpoints=90, announced=0)
    short = jobs.run_inline(toy(steps=2))
    aged(Store().record(short).folder / "run.json", START - 91 * DAY)
    retention.look(Store(), START)
    longer = jobs.run_inline(toy(steps=4))
    assert Store().record(longer).info["continued_from"] is None
    steps = [event["step"] for event in Store().events(longer)[0] if event["event"] == "step"]
    assert steps == [1, 2, 3, 4]


@pytest.mark.slow  # trains experts four times
def test_expert_trajectories_that_are_gone_are_computed_again_where_they_are_needed(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DDCORE_DATA")
    rules(hosted, checkpoints=90, announced=0)
    first = spec("distill", "pad", PAD)
    before = Store().images(jobs.run_inline(first)).images
    experts = Store().record(next(one.key for one in first.needs if one.kind == "experts"))
    for record in Store().records():
        aged(record.folder / "run.json", START - 91 * DAY)
    retention.look(Store(), START)
    assert lacks_arrays(experts.folder)
    assert not list(experts.folder.glob("*.npy"))
    assert whole.problems(experts) == []
    assert jobs.submit(first) == first.key  # answered from disk: nothing is computed again
    assert Store().state(experts.id) == "done"
    other = spec("distill", "pad", {**PAD, "num_iters": 3})
    assert experts.id in unfinished(other.needs, Store().records())
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)
    jobs.submit(other)
    assert Store().state(experts.id) == "queued"
    assert experts.id in Queue().held()
    jobs.cancel(other.key)
    assert execute(Store(), Store().record(experts.id)) == "done"
    assert not lacks_arrays(experts.folder)
    assert whole.problems(Store().record(experts.id)) == []
    Store().trash(first.key)
    assert (Store().images(jobs.run_inline(first)).images == before).all()


def test_many_runs_that_take_long_to_look_through_do_not_keep_what_is_due(
    hosted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, every = trashed(1, START), retention.due
    rules(hosted, trash=2, announced=0)

    def slow(*given: Any) -> list[retention.Due]:
        time.sleep(0.1)
        return every(*given)

    monkeypatch.setattr(retention, "AT_ONCE", 0.05)
    monkeypatch.setattr(retention, "due", slow)
    retention.look(Store(), START)
    assert folder.exists()
    retention.look(Store(), START + 3 * DAY)
    assert not folder.exists()


def test_the_keeper_does_it_and_a_slow_disk_holds_up_nothing(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(hosted, trash=30, announced=0)
    now = time.time()
    retention.look(Store(), now - 60 * DAY)
    folders = [trashed(seed, now - 31 * DAY) for seed in range(3)]
    purge = Store.purge
    monkeypatch.setattr(retention, "AT_ONCE", 0.3)
    monkeypatch.setattr(Store, "purge", lambda *given: (time.sleep(0.2), purge(*given))[1])
    looks = keeper.Keeper(0)
    looks.look()
    assert 0 < sum(folder.exists() for folder in folders) < 3
    for _ in folders[1:]:  # at once, as it was not done with it
        looks.look()
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rules": 3}', '{"rules": {"trash": {"days": "x"}}}', '{"rules": {"trash": 1}}'])
def test_what_it_wrote_down_and_is_damaged_deletes_nothing_early(hosted: Path, text: str) -> None:
    rules(hosted, trash=30, announced=3)
    folder = trashed(1, START - 400 * DAY)
    (hosted / "jobs").mkdir(exist_ok=True)
    (hosted / "jobs" / "retention.json").write_text(text)
    aged(hosted / "jobs" / "retention.json", 0)
    retention.look(Store(), START)
    assert folder.exists()
    assert json.loads((hosted / "jobs" / "retention.json").read_text())["rules"]["trash"]["since"] == START
