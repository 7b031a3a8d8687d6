"""Keeping house on the Runs page: many runs at once, runs as files, the trash, the disk."""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from ddcore.errors import DDCoreError
from ddcore.report import tables, text
from ddcore.runs import packing, usage
from ddcore.runs.record import RUN_ID
from ddcore.runs.store import RunRecord
from pages.components import frame, widgets
from pages.components.markdown import called

TOLD = frame.kept("Runs", "told")
OPEN = frame.kept("Runs", "open")
UPLOADS = frame.kept("Runs", "uploads")  # their number: a new one makes a new, empty uploader
MOST_MB = 200
COMPARE = "pages/7_Compare.py"


def told() -> None:
    """What the last deed did and what it could not do, said once; and which runs were put away by somebody else."""
    done, refused = st.session_state.pop(TOLD, ("", ()))
    if done:
        st.success(done, icon=":material/check:")
    if refused:
        st.warning("\n".join(["**Not done:**", "", *(f"- {widgets.plain(why)}" for why in refused)]),
                   icon=":material/block:")
    if lost := [run_id for run_id in st.session_state.pop(OPEN, ()) if not frame.store().exists(run_id)]:
        st.warning(f"No longer here: {widgets.plain(', '.join(lost))}. Somebody put it away or deleted it meanwhile.",
                   icon=":material/link_off:")


def opened(records: Iterable[RunRecord]) -> None:
    """Remember which runs are looked at, to say so if they are gone the next time."""
    st.session_state[OPEN] = [record.id for record in records if RUN_ID.fullmatch(record.id)]


def _tell(done: str, refused: Collection[str] = (), run: str | None = None) -> None:
    """Draw the page again with these words on top, and this run open."""
    st.session_state[TOLD] = (done, tuple(refused))
    st.session_state.pop(OPEN, None)
    frame.open_run(run)


def table_key(name: str, ids: Iterable[str]) -> str:
    """A key for a table of these runs: rows ticked in another table must not tick what has moved to their place."""
    return f"{name}-{zlib.crc32(' '.join(ids).encode()):08x}"


def ticked(event: Any, records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records of the rows that are selected in their table."""
    return [records[row] for row in event["selection"]["rows"] if row < len(records)]


# Many at once


def bulk(records: Sequence[RunRecord]) -> None:
    """What can be done with several runs."""
    ids = [record.id for record in records]
    with st.container(border=True):
        st.markdown(f"**{runs(len(ids))} selected**")
        with st.container(horizontal=True, vertical_alignment="center"):
            known = ",".join(run_id for run_id in ids if RUN_ID.fullmatch(run_id))
            st.page_link(COMPARE, label="Compare", icon=":material/compare:", query_params={"runs": known})
            tags(records)
            download(records)
            if st.button("Move to trash", icon=":material/delete:", key="house-trash"):
                put_away(ids)


def put_away(ids: Sequence[str]) -> None:
    """Into the trash with all that may go there; those that ship or are being computed stay."""
    refused = frame.store().each(frame.store().trash, ids)
    done = len(ids) - len(refused)
    _tell(f"{runs(done)} moved to the trash, at the end of this page." if done else "", refused.values())


def tags(records: Sequence[RunRecord]) -> None:
    """Tags to add to all of these runs and to take from them."""
    with st.popover("Tags", icon=":material/sell:"), st.form("house-tags", border=False, clear_on_submit=True):
        known = sorted({tag for record in frame.store().records() for tag in record.user["tags"]})
        here = sorted({tag for record in records for tag in record.user["tags"]})
        add = st.multiselect("Add", known, accept_new_options=True, placeholder="Type and press Enter", key="house-add")
        remove = st.multiselect("Take away", here, disabled=not here, key="house-remove", placeholder="Choose tags")
        if st.form_submit_button("Save", icon=":material/save:"):
            retag([record.id for record in records], set(add), set(remove))


def retag(ids: Sequence[str], add: set[str], remove: set[str]) -> None:
    """Give all of these runs tags, and take tags from them."""
    store = frame.store()
    refused = store.each(lambda run_id: store.retag(run_id, add, remove), ids)
    done = len(ids) - len(refused)
    _tell(f"Tags of {runs(done)} changed." if done else "", refused.values())


# As files


def download(records: Sequence[RunRecord]) -> None:
    """The finished ones of these runs as one file, which is made when it is asked for."""
    ids = [record.id for record in records if record.state == "done"]
    others = len(records) - len(ids)
    left_out = f" {runs(others)} of those selected: only finished ones can be packed." if others else ""
    several = len(ids) > 1
    st.download_button(
        "Download", partial(_packed, ids), file_name="runs.zip" if several else f"{''.join(ids)}{packing.SUFFIX}",
        mime="application/zip", on_click="ignore", icon=":material/download:", key="house-download", disabled=not ids,
        help="One file a run, to keep or to bring to another machine: parameters, results, curves, images, name and "
        "notes. Left out: checkpoints and expert trajectories (`python -m ddcore pack RUN --heavy` takes them)."
        + left_out,
    )


def _packed(ids: Sequence[str]) -> bytes:
    """The file of one run, or a zip of the files of several."""
    content = io.BytesIO()
    if len(ids) == 1:
        packing.pack(frame.store(), ids[0], content)
    else:
        packing.pack_all(frame.store(), ids, content)
    return content.getvalue()


def bring() -> None:
    """Take in runs that were packed here or elsewhere."""
    with st.expander("Bring a run", icon=":material/upload_file:"):
        files = st.file_uploader(
            "Packed runs", type=["ddrun", "zip"], accept_multiple_files=True, max_upload_size=MOST_MB,
            key=f"house-files-{st.session_state.get(UPLOADS, 0)}",
            help="Larger ones: `python -m ddcore unpack FILE`.",
        )
        st.caption(
            "Files that *Download* on this page or `python -m ddcore pack` made. Names, sizes, checksums, parameters, "
            "arrays and pictures are checked before anything of them is here, and nothing in them is executed. Whether "
            "the numbers are true only the one who made them knows: brought runs are marked as imported."
        )
        if files:
            with st.spinner("Checking what is in them …"):
                became = [one for file in files for one in packing.unpack_all(frame.store(), file, file.name)]
            st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1
            _brought(became)


def _brought(became: Sequence[packing.Arrived | DDCoreError]) -> None:
    arrived = [one for one in became if isinstance(one, packing.Arrived)]
    words = [
        f"- {'Brought' if one.new else 'Here already'}: **{called(one.record)}** (`{one.record.id}`)"
        + (f". It builds on {', '.join(one.missing)}, which is not here." if one.missing else "")
        for one in arrived
    ]
    refused = [words for one in became if isinstance(one, DDCoreError) for words in _each(one)]
    _tell("\n".join(words), refused, run=arrived[0].record.id if len(arrived) == 1 else None)


def _each(refused: DDCoreError) -> list[str]:
    """A sentence for every problem of a file."""
    if isinstance(refused, packing.RunRefused):
        return [f"{refused.called}: {problem}" for problem in refused.problems]
    return [str(refused)]


def origin(record: RunRecord) -> None:
    """That a run was not computed here, where it was not."""
    if (came := packing.imported(record.folder)) is None:
        return
    st.badge("imported", color="violet", icon=":material/upload_file:")
    when = came.get("when")
    moment = text.ago(when) if isinstance(when, int | float) else text.NONE
    st.caption(f"from {widgets.plain(str(came.get('file')))}, {moment}", width="content")


# Trash and disk


def trash() -> None:
    """What was put away: back again, or gone for good."""
    if not (trashed := frame.store().trashed()):
        return
    with st.expander(f"Trash ({len(trashed):,})", icon=":material/delete:"):
        event = st.dataframe(
            [{"Run": tables.title(r) if r.state != "broken" else r.id, "State": r.state,
              "Size": text.bytes_(usage.run_bytes(r.folder)),
              "Started": text.ago(r.created), "Id": r.id} for r in trashed],
            hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row",
            key=table_key("trash-table", (record.id for record in trashed)),
        )
        chosen = ticked(event, trashed)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Restore", icon=":material/restore_from_trash:", key="house-restore", disabled=not chosen):
                refused = frame.store().each(frame.store().restore, [record.id for record in chosen])
                done = len(chosen) - len(refused)
                _tell(f"{runs(done)} restored." if done else "", refused.values())
            if chosen:
                purge("Delete for good", chosen)
            purge("Empty the trash", trashed)


def purge(label: str, records: Sequence[RunRecord]) -> None:
    """Delete runs of the trash, once somebody has said yes."""
    with st.popover(label, icon=":material/delete_forever:"):
        freed = text.bytes_(sum(usage.run_bytes(record.folder) for record in records))
        st.markdown(f"Delete **{runs(len(records))}** for good? This frees {freed} and cannot be undone.")
        if st.button(f"Delete {runs(len(records))}", type="primary", key=f"house-{label}"):
            refused = frame.store().each(frame.store().purge, [record.id for record in records])
            done = len(records) - len(refused)
            _tell(f"{runs(done)} deleted." if done else "", refused.values())


def disk() -> None:
    """What takes how much of the disk, measured when it is asked for."""
    shown = st.expander("Disk used", icon=":material/hard_drive:", on_change="rerun", key="house-disk")
    if not shown.open:
        return
    found = usage.usage(frame.store())
    most = max(used.bytes for used in found) or 1
    with shown:
        st.dataframe(
            [{"What": used.title, "Runs": used.number, "Size": text.bytes_(used.bytes), "Share": used.bytes / most}
             for used in found],
            hide_index=True, width="stretch", placeholder="",
            column_config={
                "Size": st.column_config.TextColumn(alignment="right"),
                "Share": st.column_config.ProgressColumn("", format=" ", min_value=0.0, max_value=1.0),
            },
        )
        total = text.bytes_(sum(used.bytes for used in found))
        st.caption(f"{total} in all, without the runs that ship with the app. What is made again when needed may be "
                   "deleted at any time.")


def runs(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"
