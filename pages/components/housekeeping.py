"""Keeping house on the Runs page: many runs at once, runs as files, the trash, the disk."""

import io
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

import streamlit as st

from ddcore.errors import DDCoreError
from ddcore.jobs.retention import announced
from ddcore.report import tables, text
from ddcore.run_id import RUN_ID
from ddcore.runs import packing, usage
from ddcore.runs.store import RunRecord, Store
from pages.components import frame, table, uploads, widgets
from pages.components.allowed import control
from pages.components.markdown import called

MESSAGE = frame.session_key("Runs", "message")
OPEN = frame.session_key("Runs", "open")
NAMED = 5  # runs that are named where they become everybody's with another one
UPLOADS = frame.session_key("Runs", "uploads")  # their number: a new one makes a new, empty uploader
COMPARE = "pages/7_Compare.py"


def message() -> None:
    """What the last deed did and what it could not do, said once; and which runs were put away by somebody else."""
    done, refused = st.session_state.pop(MESSAGE, ("", ()))
    if done:
        st.success(done, icon=":material/check:")
    if refused:
        st.warning(widgets.bullets("**Not done:**", refused), icon=":material/block:")
    if lost := [run_id for run_id in st.session_state.pop(OPEN, ()) if not frame.store().exists(run_id)]:
        st.warning(f"No longer here: {widgets.plain(', '.join(lost))}. Somebody put it away or deleted it meanwhile.",
                   icon=":material/link_off:")


def opened(records: Iterable[RunRecord]) -> None:
    """Remember which runs are looked at, to say so if they are gone the next time."""
    st.session_state[OPEN] = [record.id for record in records if RUN_ID.fullmatch(record.id)]


def _report(done: str, refused: Collection[str] = (), run: str | None = None) -> None:
    """Draw the page again with these words on top, and this run open."""
    st.session_state[MESSAGE] = (done, tuple(refused))
    st.session_state.pop(OPEN, None)
    frame.open_run(run)


def _for_each(do: Callable[[str], object], ids: Sequence[str], done: str) -> None:
    """Do this with each run, and report it; done: "{} restored."."""
    refused = frame.store().each(do, ids)
    number = len(ids) - len(refused)
    _report(done.format(widgets.runs(number)) if number else "", refused.values())


def table_key(name: str, ids: Iterable[str]) -> str:
    """A key for a table of these runs: rows ticked in another table must not tick what has moved to their place."""
    return f"{name}-{zlib.crc32(' '.join(ids).encode()):08x}"


def bulk(records: Sequence[RunRecord]) -> None:
    """What can be done with several runs."""
    ids = [record.id for record in records]
    with st.container(border=True):
        st.markdown(f"**{widgets.runs(len(ids))} selected**")
        with st.container(horizontal=True, vertical_alignment="center"):
            comparable = ",".join(run_id for run_id in ids if RUN_ID.fullmatch(run_id))
            st.page_link(COMPARE, label="Compare", icon=":material/compare:", query_params={"runs": comparable})
            tags(records)
            download(records)
            if st.button("Move to trash", icon=":material/delete:", key="house-trash", **control("trash", *ids)):
                put_away(ids)


def put_away(ids: Sequence[str]) -> None:
    """Into the trash with all that may go there; those that ship or are being computed stay."""
    _for_each(frame.store().trash, ids, "{} moved to the trash, at the end of this page.")


def tags(records: Sequence[RunRecord]) -> None:
    """Tags to add to all of these runs and to take from them."""
    store = frame.store()
    may = control("tag", *(record.id for record in records))
    with st.popover("Tags", icon=":material/sell:", **may), st.form("house-tags", border=False, clear_on_submit=True):
        every = sorted({tag for record in store.records() for tag in record.user["tags"]})
        here = sorted({tag for record in records for tag in record.user["tags"]})
        add = st.multiselect("Add", every, accept_new_options=True, placeholder="Type and press Enter", key="house-add")
        remove = st.multiselect("Take away", here, disabled=not here, key="house-remove", placeholder="Choose tags")
        if st.form_submit_button("Save", icon=":material/save:"):
            _for_each(lambda run_id: store.retag(run_id, {*add}, {*remove}), [record.id for record in records],
                  "Tags of {} changed.")


def download(records: Sequence[RunRecord], label: str = "Download", *, plain: bool = False) -> None:
    """The finished ones of these runs as one file, which is made when it is asked for."""
    ids = [record.id for record in records if record.state == "done"]
    others = len(records) - len(ids)
    left_out = f" {widgets.runs(others)} of those selected: only finished ones can be packed." if others else ""
    several = len(ids) > 1
    st.download_button(
        label, frame.later(partial(_packed, ids)), mime="application/zip",
        file_name="runs.zip" if several else f"{''.join(ids)}{packing.SUFFIX}",
        on_click="ignore", icon=":material/download:", disabled=not ids,
        key=f"house-download-{records[0].id}", type="tertiary" if plain else "secondary",
        help="One file a run, to keep or to bring to another machine: parameters, results, curves, images, name and "
        "notes. Left out: checkpoints and expert trajectories (`python -m ddcore pack RUN --heavy` takes them)."
        + left_out,
    )


def _packed(ids: Sequence[str], store: Store) -> bytes:
    """The file of one run, or a zip of the files of several."""
    content = io.BytesIO()
    if len(ids) == 1:
        packing.pack(store, ids[0], content)
    else:
        packing.pack_all(store, ids, content)
    return content.getvalue()


def bring() -> None:
    """Take in runs that were packed here or elsewhere."""
    with st.expander("Bring a run", icon=":material/upload_file:"):
        files = uploads.uploader(
            "Runs", "Packed runs", ["ddrun", "zip"], f"house-files-{st.session_state.get(UPLOADS, 0)}", "unpack",
            many=True, help="Larger ones: `python -m ddcore unpack FILE`.",
        )
        st.caption(
            "Files that *Download* on this page or `python -m ddcore pack` made. Names, sizes, checksums, parameters, "
            "arrays and pictures are checked before anything of them is here, and nothing in them is executed. Whether "
            "the numbers are true only the one who made them knows: brought runs are marked as imported wherever their "
            "numbers stand, and what is asked here is computed here."
        )
        if files:
            with st.spinner("Checking what is in them …"):
                results = [result for file in files for result in _unpacked(file)]
            st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1
            _arrived(results)


def _unpacked(file: uploads.Upload) -> list[packing.Arrived | DDCoreError]:
    with file.path.open("rb") as stream:
        return packing.unpack_all(frame.store(), stream, file.name)


def _arrived(results: Sequence[packing.Arrived | DDCoreError]) -> None:
    """Report what became of each run that was brought."""
    runs, words, problems = [], [], []
    for result in results:
        if isinstance(result, packing.Arrived):
            builds_on = f". It builds on {', '.join(result.missing)}, which is not here." if result.missing else ""
            runs.append(result.record.id)
            words.append(f"- {'Brought' if result.new else 'Here already'}: **{called(result.record)}** "
                         f"(`{result.record.id}`){builds_on}")
        elif isinstance(result, packing.RunRefused):
            problems += [f"{result.called}: {problem}" for problem in result.problems]
        else:
            problems.append(str(result))
    _report("\n".join(words), problems, run=runs[0] if len(runs) == 1 else None)


def share(record: RunRecord) -> None:
    """The button that makes a finished private run everybody's, once it was said what becomes so with it."""
    if not record.private or record.state != "done":
        return
    with st.popover("Share", icon=":material/group_add:", key=f"share-{record.id}", **control("share", record.id)):
        others = [called(one) for one in frame.store().shared_with(record.id) if one.id != record.id]
        also = f", and with it {text.listed(others, NAMED)}" if others else ""
        st.markdown(f"Everybody here will see **{called(record)}**{also}: results, name, tags and notes. "
                    "This cannot be undone.")
        if st.button("Share with everybody", type="primary", key=f"house-share-{record.id}"):
            frame.store().share(record.id)
            st.rerun()


def origin(record: RunRecord) -> None:
    """That a run was not computed here, where it was not, and that not everybody sees it, where that is so."""
    if record.private:
        st.badge("private", color="violet", icon=":material/lock:", help="Admins see it too.")
    if (source := record.imported) is not None:
        st.badge("imported", color="violet", icon=":material/upload_file:")
        when = source.get("when")
        moment = text.ago(when) if isinstance(when, int | float) else text.NONE
        st.caption(f"from {widgets.plain(str(source.get('file')))}, {moment}", width="content")


def retention() -> None:
    """What is deleted by itself in the days to come."""
    for sentence in announced(frame.store()):
        st.caption(f":material/auto_delete: {sentence}")


def trash() -> None:
    """What was put away: back again, or gone for good."""
    retention()
    if not (trashed := frame.store().trashed()):
        return
    with st.expander(f"Trash ({len(trashed):,})", icon=":material/delete:"):
        rows = table.choosable(
            [{"Run": tables.title(r) if r.state != "broken" else r.id, "State": r.state,
              "Size": text.bytes_(usage.run_bytes(r.folder)),
              "Started": text.ago(r.created), "Id": r.id} for r in trashed],
            key=table_key("trash-table", (record.id for record in trashed)),
        )
        records = [trashed[row] for row in rows]
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Restore", icon=":material/restore_from_trash:", key="house-restore",
                         **control("restore", *(record.id for record in records), disabled=not records)):
                _for_each(frame.store().restore, [record.id for record in records], "{} restored.")
            if records:
                purge("Delete for good", records)
            purge("Empty the trash", trashed)


def purge(label: str, records: Sequence[RunRecord]) -> None:
    """Delete runs of the trash, once somebody has said yes."""
    with st.popover(label, icon=":material/delete_forever:", **control("purge", *(record.id for record in records))):
        freed = text.bytes_(sum(usage.run_bytes(record.folder) for record in records))
        st.markdown(f"Delete **{widgets.runs(len(records))}** for good? This frees {freed} and cannot be undone.")
        if st.button(f"Delete {widgets.runs(len(records))}", type="primary", key=f"house-{label}"):
            _for_each(frame.store().purge, [record.id for record in records], "{} deleted.")


def disk() -> None:
    """What takes how much of the disk, measured when it is asked for."""
    shown = st.expander("Disk used", icon=":material/hard_drive:", on_change="rerun", key="house-disk")
    if not shown.open:
        return
    uses = usage.usage(frame.store())
    most = max(use.bytes for use in uses) or 1
    with shown:
        table.dataframe(
            [{"What": use.title, "Runs": use.number, "Size": text.bytes_(use.bytes), "Share": use.bytes / most}
             for use in uses],
            placeholder="",
            column_config={"Size": st.column_config.TextColumn(alignment="right"),
                           "Share": st.column_config.ProgressColumn("", format=" ", min_value=0.0, max_value=1.0)},
        )
        total = text.bytes_(sum(use.bytes for use in uses))
        st.caption(f"{total} in all, without the runs that ship with the app. What is made again when needed may be "
                   "deleted at any time.")
