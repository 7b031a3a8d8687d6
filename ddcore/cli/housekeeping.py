"""Keeping house: names, tags, notes, trash, runs as files, the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ddcore import home
from ddcore.cli.flags import as_json, check_folder, count_runs, fail, show
from ddcore.data import own
from ddcore.errors import ConfigError, DDCoreError
from ddcore.report import tables, text
from ddcore.runs import packing, usage, whole
from ddcore.runs.store import RunRecord, Store, parts

RUN = click.argument("run_id", metavar="RUN")
RUNS = click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)


@click.command(help="Give a run a name; an empty one takes it away.")
@RUN
@click.argument("name")
@as_json
def rename(run_id: str, name: str, as_json: bool) -> None:
    _tell(Store().annotate(run_id, name=name), as_json)


@click.command(help="Give a run tags, or take them away with --remove.")
@RUN
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take these tags away.")
@as_json
def tag(run_id: str, tags: Sequence[str], remove: bool, as_json: bool) -> None:
    store = Store()
    names = {" ".join(tag.split()) for tag in tags}
    if remove and (absent := names - {*store.record(run_id).user["tags"]}):
        raise ConfigError([f"run {run_id} has no tag {', '.join(map(repr, sorted(absent)))}"])
    _tell(store.retag(run_id, remove=names) if remove else store.retag(run_id, add=names), as_json)


@click.command(help="Write a note to a run; an empty one takes it away.")
@RUN
@click.argument("words", metavar="TEXT")
@as_json
def note(run_id: str, words: str, as_json: bool) -> None:
    _tell(Store().annotate(run_id, note=words), as_json)


def _tell(record: RunRecord, as_json: bool) -> None:
    """What people have given to a run by now."""
    tags = f", tags {', '.join(record.user['tags'])}" if record.user["tags"] else ""
    note = f", note {record.user['note']!r}" if record.user["note"] else ""
    show({"run": record.id, **record.user}, as_json, lambda: f"{record.id} {tables.title(record)}{tags}{note}")


@click.command(help="Put runs into the trash; without any, list what is in it.")
@click.argument("run_ids", metavar="[RUN...]", nargs=-1)
@as_json
def trash(run_ids: Sequence[str], as_json: bool) -> int:
    store = Store()
    if run_ids:
        return _done(run_ids, store.each(store.trash, run_ids), "put into the trash", as_json)
    trashed = store.trashed()
    rows = [{"run": r.id, "kind": r.kind, "name": r.name, "title": tables.title(r), "problem": r.problem}
            for r in trashed]
    lines = [f"{r.id:<18} {tables.title(r)}" for r in trashed]
    show({"trash": rows}, as_json, lambda: "\n".join(lines) or "the trash is empty")
    return 0


@click.command(help="Bring runs back from the trash.")
@RUNS
@as_json
def restore(run_ids: Sequence[str], as_json: bool) -> int:
    store = Store()
    return _done(run_ids, store.each(store.restore, run_ids), "restored", as_json)


@click.command(help="Delete runs of the trash for good, after a question.")
@click.argument("run_ids", metavar="[RUN...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Empty the trash.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def purge(run_ids: Sequence[str], everything: bool, yes: bool, as_json: bool) -> int:
    store = Store()
    trashed = {record.id: record for record in store.trashed()}
    if bool(run_ids) == everything:
        raise ConfigError(["name the runs to delete, or say --all"])
    ids = list(trashed) if everything else list(dict.fromkeys(run_ids))
    freed = sum(usage.run_bytes(trashed[run_id].folder) for run_id in ids if run_id in trashed)
    if ids and not yes and not _agreed(f"Delete {count_runs(len(ids))} for good? This frees {text.bytes_(freed)}"):
        raise DDCoreError("nothing was deleted")
    return _done(ids, store.each(store.purge, ids), "deleted", as_json)


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # nobody there to ask
        return False


def _done(run_ids: Iterable[str], refused: Mapping[str, str], deed: str, as_json: bool) -> int:
    """What was done to which run and what was not; the exit status."""
    done = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in refused]
    status = fail(refused.values())
    show({"done": done, "refused": dict(refused)}, as_json, lambda: f"{count_runs(len(done))} {deed}")
    return status


@click.command(help="Write finished runs as one file each (RUN.ddrun), to keep or to bring elsewhere.")
@RUNS
@click.option("--out", type=click.Path(path_type=Path), default=Path(), metavar="FOLDER|FILE",
              help="A folder, or for one run a file. [default: this folder]")
@click.option("--heavy", is_flag=True, help="With checkpoints and expert trajectories; these can be huge.")
@as_json
def pack(run_ids: Sequence[str], out: Path, heavy: bool, as_json: bool) -> int:
    store, refused, rows, lines = Store(), dict[str, str](), list[dict[str, Any]](), list[str]()
    into_file = out.suffix == packing.SUFFIX and not out.is_dir()
    if into_file and len(run_ids) > 1:
        raise ConfigError([f"{out} is one file; several runs need a folder"])
    check_folder(out.parent if into_file else out)
    for run_id in dict.fromkeys(run_ids):
        try:
            file = out if into_file else out / f"{store.record(run_id).id}{packing.SUFFIX}"
            packed = packing.pack(store, run_id, file, heavy)
        except DDCoreError as error:
            refused[run_id] = str(error)
            continue
        rows.append({"run": packed.run_id, "file": str(file), "files": packed.files, "bytes": packed.bytes,
                     "left_out": list(packed.left_out)})
        without = f", without {', '.join(packed.left_out)} (--heavy takes all)" if packed.left_out else ""
        lines.append(f"{file}: {packed.files} files, {text.bytes_(packed.bytes)}{without}")
    status = fail(refused.values())
    show({"packed": rows, "refused": refused}, as_json, lambda: "\n".join(lines))
    return status


@click.command(help="Take packed runs in, once everything in the files was checked.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def unpack(files: Sequence[Path], as_json: bool) -> int:
    store = Store()
    results = [one for file in files for one in packing.unpack_all(store, file)]
    arrived = [one for one in results if isinstance(one, packing.Arrived)]
    errors = [one for one in results if isinstance(one, DDCoreError)]
    status = fail(map(str, errors))
    rows = [{"run": one.record.id, "new": one.new, "missing": list(one.missing)} for one in arrived]
    refused = [list(getattr(error, "problems", [str(error)])) for error in errors]
    show({"arrived": rows, "refused": refused}, as_json, lambda: "\n".join(map(_arrived, arrived)))
    return status


def _arrived(one: packing.Arrived) -> str:
    """ "a1b2… DM · digits · IPC 1: here now"."""
    builds = f"; it builds on {', '.join(one.missing)}, not here" if one.missing else ""
    return f"{one.record.id} {tables.title(one.record)}: {'here now' if one.new else 'was here already'}{builds}"


@click.command(help="Whether the files of finished runs are still what was written, by their SHA-256.")
@click.argument("run_ids", metavar="[RUN...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every finished run, trials too, and own data sets.")
@as_json
def check(run_ids: Sequence[str], everything: bool, as_json: bool) -> int:
    store = Store()
    if bool(run_ids) == everything:
        raise ConfigError(["name the runs to check, or say --all"])
    records = _every(store) if everything else [store.record(run_id) for run_id in dict.fromkeys(run_ids)]
    rows: list[dict[str, Any]] = [
        {"run": r.id, "title": tables.title(r), "problems": _damage(r), "known": whole.has_hashes(r)} for r in records
    ]
    root = home.data_root()
    sets = {name: own.verify(name, root) for name in own.known(root) if own.exists(name, root)} if everything else {}
    problems = [f"run {row['run']} {row['title']}: {one}" for row in rows for one in row["problems"]]
    problems += [f"data set {name}: {one}" for name, found in sets.items() for one in found]
    status = fail(problems)
    told = _checked(records, rows, sets if everything else None)
    show({"runs": rows, "data": sets}, as_json, lambda: "\n".join(told))
    return status


def _checked(
    records: Sequence[RunRecord], rows: Sequence[Mapping[str, Any]], sets: Mapping[str, Any] | None
) -> Iterator[str]:
    """How many runs, and own data sets, were checked, and how many could not be; those that ship apart."""
    silent = [record for record, row in zip(records, rows, strict=True) if not (row["known"] or row["problems"])]
    data = "" if sets is None else f" and {len(sets)} own data set{'s' * (len(sets) != 1)}"
    yield f"{count_runs(len(rows) - len(silent))}{data} checked"
    for demo, whose in ((True, " shipped with the workbench"), (False, "")):
        if count := sum(record.demo == demo for record in silent):
            yield f"{count_runs(count)}{whose} could not be checked: {whole.NO_HASHES}"


def _every(store: Store) -> list[RunRecord]:
    kinds = [store.records(), *map(store.records, parts())]
    return [record for records in kinds for record in records if record.state in ("done", "broken")]


def _damage(record: RunRecord) -> list[str]:
    return [str(record.problem)] if record.state == "broken" else whole.problems(record)


@click.command("usage", help="What takes how much of the disk.")
@as_json
def usage_(as_json: bool) -> None:
    places = usage.usage(Store())
    rows = [{"what": u.what, "kind": u.kind or None, "runs": u.number, "bytes": u.bytes} for u in places]
    lines = [f"{text.bytes_(u.bytes):>10}  {u.title}{'' if u.number is None else f' ({u.number:,})'}" for u in places]
    total = sum(u.bytes for u in places)
    show({"usage": rows, "bytes": total}, as_json, lambda: "\n".join([*lines, f"{text.bytes_(total):>10}  in all"]))


COMMANDS: tuple[click.Command, ...] = (rename, tag, note, trash, restore, purge, pack, unpack, check, usage_)
