"""Tables that a narrow screen shows as cards.

The server does not know how wide a screen is: both are sent, and style.css shows one of them. What it hides takes no
room, and screen readers pass over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import streamlit as st

from ddcore.lazy import np, pd
from ddcore.report import text
from pages.components.markdown import plain

FEW = 8  # cards shown at first
MOST = 100  # cards in all: who looks through more rows does so on a wide screen
PER_PAGE = 8  # cards with a tick drawn at once
WORDS: Mapping[str, Callable[[float], str]] = {"compact": text.count, "bytes": text.bytes_}  # by Streamlit's format
PICTURED = ("image", "line_chart", "bar_chart", "list")  # types of columns that show no words


def dataframe(
    data: Any, *, column_config: Mapping[str, Any] | None = None, column_order: Iterable[str] | None = None,
    card: Iterable[str] | None = None, hide_index: bool = True, **options: Any,
) -> None:
    """`st.dataframe` for reading, with its arguments: on a narrow screen a card for each row.

    card: the columns that a card has, its title first, where they are not all in their order. A column set to None in
    `column_config` and an empty cell are left out, so are pictures of curves.
    """
    frame = pd.DataFrame(data)
    if len(frame):
        st.html(_cards(frame, _columns(frame, column_config, column_order if card is None else card)))
    words, config = in_words(frame, column_config or {}, _columns(frame, column_config, column_order))
    st.dataframe(words, column_config=config, column_order=column_order, hide_index=hide_index, **options)


def choosable(
    data: Any, *, key: str, column_config: Mapping[str, Any] | None = None, column_order: Iterable[str] | None = None,
    card: Iterable[str] | None = None, hide_index: bool = True, **options: Any,
) -> list[int]:
    """A table whose rows can be ticked, on a narrow screen cards with a tick; the numbers of the rows that are.

    key: another one for other rows, as a tick counts rows; card: the columns that a card has, its title first, where
    they are not all.
    """
    frame = pd.DataFrame(data)
    words, config = in_words(frame, column_config or {}, _columns(frame, column_config, column_order))
    with st.container(key=f"wide-{key}"):
        event = st.dataframe(
            words, key=key, column_config=config, column_order=column_order, hide_index=hide_index,
            on_select="rerun", selection_mode="multi-row", **options,
        )
    chosen: list[int] = event["selection"]["rows"]
    with st.container(key=f"narrow-{key}", gap="small"):
        ticked = _ticked(frame, _columns(frame, column_config, column_order if card is None else card), key)
    return sorted(row for row in {*chosen, *ticked} if row < len(frame))


def in_words(
    frame: pd.DataFrame, config: Mapping[str, Any], shown: Iterable[str]
) -> tuple[Any, Mapping[str, Any]]:
    """(the frame, its columns of large numbers told as everywhere else, "179 G", "5.1 kB"; its columns).

    Streamlit has no such format, and shows what a Styler says of a number only where the column has none; it sorts by
    the number itself. shown: columns of which anything has to be said.
    """
    styles = {name: _kind(config.get(name)) for name in shown if name in frame}
    told = {name: WORDS[style["format"]] for name, style in styles.items() if style.get("format") in WORDS}
    if not told or not frame.index.is_unique:
        return frame, config
    # What a Styler says of pictures, lists and columns that nobody sees would be sent as well.
    silent = [name for name in frame if name not in styles or styles[name].get("type") in PICTURED]
    words: Any = frame.style.format(na_rep=text.NONE).format(_silent, subset=silent)
    for name, tell in told.items():
        words = words.format(tell, subset=[name], na_rep=text.NONE)
    return words, {**config, **{name: _without_format(config[name]) for name in told}}


def _silent(value: object) -> str:
    return ""


def _kind(column: Any) -> Mapping[str, Any]:
    """What Streamlit's declaration of a column says of its type."""
    return (column.get("type_config") or {}) if isinstance(column, Mapping) else {}


def _without_format(column: Mapping[str, Any]) -> dict[str, Any]:
    return {**column, "type_config": {**column["type_config"], "format": None}}


def _ticked(frame: pd.DataFrame, columns: Mapping[str, Any], key: str) -> set[int]:
    """Cards with a tick, a page at a time; the rows that are ticked on any page."""
    pages = max(1, -(-len(frame) // PER_PAGE))
    number = st.pagination(pages, key=f"{key}-page", max_visible_pages=5) if pages > 1 else 1
    ticked: set[int] = st.session_state.setdefault(f"{key}-ticked", set())  # a tick that is not drawn is forgotten
    first = (number - 1) * PER_PAGE
    for row, values in enumerate(_rows(frame[first : first + PER_PAGE]), first):
        with st.container(border=True, gap="xsmall"):
            title, lines = _card(values, columns)
            on = st.checkbox(f"**{plain(title)}**", row in ticked, key=f"{key}-tick-{row}", wrap=True)
            _under(lines)
        (ticked.add if on else ticked.discard)(row)
    return ticked


def card(values: Mapping[str, Any], column_config: Mapping[str, Any], tick: Callable[[str], object]) -> None:
    """One card of these columns; tick: draws its tick, with its title."""
    with st.container(border=True, gap="xsmall"):
        title, lines = _card(values, column_config)
        tick(f"**{plain(title)}**")
        _under(lines)


def _under(lines: list[tuple[str, str]]) -> None:
    if lines:
        st.html(f'<div class="card-lines">{_list(lines)}</div>')


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _columns(
    frame: pd.DataFrame, config: Mapping[str, Any] | None, order: Iterable[str] | None
) -> dict[str, dict[str, Any]]:
    """The columns that are shown, in order, each with its declaration."""
    declared = {name: {"label": one} if isinstance(one, str) else one for name, one in (config or {}).items()}
    names = map(str, frame.columns if order is None else [name for name in order if name in frame])
    return {name: declared.get(name, {}) for name in names if declared.get(name, {}) is not None}


def _cards(frame: pd.DataFrame, columns: Mapping[str, Any]) -> str:
    cards = []
    for values in _rows(frame[:MOST]):
        title, lines = _card(values, columns)
        cards.append(f"<article><p>{escape(title)}</p>{_list(lines)}</article>")
    few, more = cards[:FEW], cards[FEW:]
    if len(cards) < len(frame):
        more.append(f"<p>{len(frame) - MOST:,} more rows on a wider screen.</p>")
    folded = f"<details><summary>Show all {len(frame):,}</summary><div>{''.join(more)}</div></details>" if more else ""
    return f'<div class="cards">{"".join(few)}{folded}</div>'


def _list(lines: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(label)}</dt><dd>{words}</dd>" for label, words in lines)
    return f"<dl>{items}</dl>" if items else ""


def _card(values: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """(title, [(label, what the cell says as HTML)])."""
    title, *others = columns
    lines = [(str(columns[name].get("label") or name), _cell(values.get(name), columns[name])) for name in others]
    return str(values.get(title) or text.NONE), [line for line in lines if line[1]]


def _cell(value: Any, column: Mapping[str, Any]) -> str:
    """A cell as HTML, "" where it says nothing in words."""
    kind = _kind(column)
    if isinstance(value, list | tuple | np.ndarray):
        return "" if kind.get("type") == "line_chart" else escape(", ".join(map(str, value)))
    if value is None or value != value or value in ("", text.NONE):
        return ""
    if kind.get("type") == "image":
        return f'<img src="{escape(str(value))}" alt="">'
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return escape(_number(value, kind.get("format")) if isinstance(value, int | float | np.number) else str(value))


def _number(value: Any, style: str | None) -> str:
    """A number in the `format` of its column, of those that columns here have."""
    if style == "localized":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"
    if style and style in WORDS:
        return WORDS[style](value)
    if style and "%" in style:
        return style % value
    return (style or "").strip() if style else f"{value:g}" if isinstance(value, float) else str(value)
