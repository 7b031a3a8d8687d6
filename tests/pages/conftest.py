"""Stores to look at: empty, filled by tiny real runs, with a failed run; and a backend that starts nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.errors import DataMissing
from ddcore.experiments import Spec, spec
from ddcore.home import PROJECT
from ddcore.hosting import people
from ddcore.hosting.people import Person
from ddcore.jobs.job import mark_ended, mark_queued, mark_running
from ddcore.runs.store import Store
from tests.runs import shelf

TINY = {"dataset": "digits", "num_inits": 2, "num_iters": 1, "net_steps": 0, "batch_real": 8, "ipc": 2, "width": 8}
DM = {"dataset": "digits", "num_iters": 2, "batch_real": 8, "ipc": 2, "width": 8}
PAD = {"dataset": "digits", "width": 8, "ipc": 2, "agents": 1, "score_epochs": 2, "experts": 2, "train_epochs": 4,
       "batch_train": 64, "lr_teacher": 0.05, "initial_ratio": 0.75, "add_end_epoch": 2, "remove_epoch": 2,
       "remove_ratio": 0.1, "second_remove_ratio": 0.0, "num_iters": 4, "student_steps": 2, "expert_epochs": 1,
       "first_max_start_epoch": 2, "max_start_epoch": 3, "expansion_iters": 4, "lr_student": 0.05}
HERDING = {"dataset": "digits", "ipc": 2, "width": 8, "agents": 1, "score_epochs": 1, "train_images": 200}
PAGES = (
    "", "pages/1_Datasets.py", "pages/2_Baselines.py", "pages/3_DataDAM.py", "pages/4_PAD.py", "pages/5_DM.py",
    "pages/6_NAS.py", "pages/6_Sweeps.py", "pages/7_Compare.py", "pages/8_Runs.py",
)

Open = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def packages_are_looked_through_once() -> Iterator[None]:
    """Each new AppTest looks through all installed packages for components of Streamlit, which takes several times as
    long as a page."""
    scan = cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture
def open_page(home: Path, backend: Backend) -> Open:
    """open_page("pages/8_Runs.py", run="…"): the page as somebody sees it who follows that link."""

    def visit(page: str = "", **query: str) -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
        app.run()
        return at(app, page, **query)

    return visit


def at(app: AppTest, page: str = "", **query: str) -> AppTest:
    """The app at this page, with these parameters of the address."""
    if page:
        app.switch_page(page)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def show_tab(app: AppTest, key: str, name: str) -> AppTest:
    """The page once somebody has opened this tab."""
    app.session_state[key] = name
    return app.run()


@dataclass
class Backend:
    """What was asked of the job system; nothing is computed."""

    submitted: list[Spec] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    extended: list[tuple[str, int]] = field(default_factory=list)

    def submit(self, asked: Spec, asked_by: str | None = None) -> str:
        self.submitted.append(asked)
        record = Store().create(asked)
        mark_queued(record.folder)
        return record.id

    def extend(self, run_id: str, length: int) -> str:
        self.extended.append((run_id, length))
        return run_id


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    stub = Backend()
    monkeypatch.setattr(jobs, "submit", stub.submit)
    monkeypatch.setattr(jobs, "extend", stub.extend)
    monkeypatch.setattr(jobs, "cancel", stub.cancelled.append)
    monkeypatch.setattr(jobs, "resume", stub.resumed.append)
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)  # no runner is started for what is queued here
    return stub


@dataclass(frozen=True)
class Filled:
    """Ids of finished runs."""

    distilled: str
    evaluated: str
    baseline: str
    described: str
    counted: str
    dm: str
    pad: str
    coreset: str


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Filled]:
    """A store with tiny finished runs, computed once."""
    folder = tmp_path_factory.mktemp("computed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDCORE_HOME", str(folder))
        patch.delenv("DDCORE_DATA", raising=False)
        distilled = jobs.run_inline(spec("distill", "datadam", TINY))
        asked = {"dataset": "digits", "width": 8, "run": distilled, "nets": 2}
        return folder, Filled(
            distilled=distilled,
            evaluated=jobs.run_inline(spec("evaluate", "evaluate", asked)),
            baseline=jobs.run_inline(spec("baseline", "baseline", {"dataset": "digits", "width": 8, "epochs": 2})),
            described=jobs.run_inline(spec("describe", "describe", {"dataset": "digits"})),
            counted=finish(spec("flops", "flops", {}), {"rows": [FLOPS_ROW], "convention": "one multiply-add is one"}),
            dm=jobs.run_inline(spec("distill", "dm", DM)),
            pad=jobs.run_inline(spec("distill", "pad", PAD)),
            coreset=jobs.run_inline(spec("distill", "herding", HERDING)),
        )


FLOPS_ROW = {"network": "lenet", "title": "LeNet", "shape": [1, 28, 28], "classes": 10, "parameters": 61706,
             "macs": 416520, "flops": 833040, "uncounted": {"aten::max_pool2d": 2}, "by_operator": {}}


@pytest.fixture
def filled(home: Path, computed: tuple[Path, Filled]) -> Filled:
    shutil.copytree(computed[0] / "runs", home / "runs", dirs_exist_ok=True)
    return computed[1]


def confusion(share: float) -> list[list[int]]:
    """A hundred images of each of ten classes, this share of them right and the rest taken for the next class."""
    right = round(100 * share)
    return [[right if j == i else 100 - right if j == (i + 1) % 10 else 0 for j in range(10)] for i in range(10)]


def finish(asked: Spec, summary: dict[str, Any], state: str = "done") -> str:
    """A finished run with this summary, and what its kind's cannot do without; nothing is computed.

    state: as which it is read, "broken" where no run writes such a summary.
    """
    folder = Store().create(asked).folder
    info = json.loads((folder / "spec.json").read_text("utf-8"))
    told = {**shelf.LEAST.get(asked.kind, {}), **summary}
    (folder / "run.json").write_text(json.dumps({**info, "summary": told}), "utf-8")
    assert Store().record(folder.name).state == state
    return folder.name


def put(asked: Spec, state: str) -> str:
    """A run in this state: queued, running (this very process), failed, cancelled or interrupted."""
    folder = Store().create(asked).folder
    mark_queued(folder)
    if state == "running":
        mark_running(folder, "cpu")
        (folder / "progress.json").write_text(
            json.dumps({"done": 1, "total": 4, "phase": "Distilling", "elapsed": 10, "eta": 30}), "utf-8"
        )
    elif state != "queued":
        error = "Traceback\nValueError: the loss is not a number" if state == "failed" else None
        mark_ended(folder, state, "The loss is not a number." if error else None, error)
    return folder.name


def away(*_: object) -> str:
    """In place of dataset_identity: the folder of the data set is not there."""
    raise DataMissing("the folder of the data set is not there")


def words(app: AppTest) -> str:
    """Everything a person reads on the page, in one string."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")
    found = [element.value for kind in kinds for element in getattr(app, kind)]
    return "\n".join([*found, *(f"{m.label} {m.value}" for m in app.metric), *(b.label for b in app.button)])


ANNE, BOB = Person("a" * 16, "student", "Anne", "anne@uni.example"), Person("b" * 16, "student", "Bob [x]")
Visit = Callable[[Person], None]


@pytest.fixture
def visited_by(home: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """visited_by(person): from now on it is this person who opens pages, of a hosted workbench."""
    (home / "hosting.toml").write_text("")
    for person in (ANNE, BOB):
        people.remember(person)
    monkeypatch.setattr(people, "found_by", lambda find: None)
    finder: list[Callable[[], Person]] = []
    monkeypatch.setattr(people, "_finder", finder)

    def by(person: Person) -> None:
        finder[:] = [lambda: person]

    return by


def opened(page: str, **query: str) -> AppTest:
    """The page as it opens in a new tab by this address."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    return at(app, page, **query)
