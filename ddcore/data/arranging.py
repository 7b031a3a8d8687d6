"""How the images of a source are arranged: in folders named after their classes, or listed in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ddcore.data import formats
from ddcore.data.folders import Reading, by_folder, readings
from ddcore.data.images import SHOWN
from ddcore.data.layout import Doubtful, Layout, Problem, on_labels
from ddcore.data.packed import packing_of
from ddcore.data.source import TABLE, Source, is_image, shown
from ddcore.data.tables import by_tables, find_tables
from ddcore.errors import DataRefused

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers", ".tsv")


def arrange(source: Source, reading: str = "") -> Layout:
    """The layout of `source`, read as `reading` says where it is given: a key of Doubtful.choices.

    Raises Doubtful where it could be meant in more than one way, DataRefused where there is no layout, or where the
    table has wrong lines.
    """
    images = [path for path in source.entries if is_image(path)]
    if not images:
        raise DataRefused(f"{source.name} holds no images (.png, .jpg, .bmp or .tiff){_instead(source)}")
    if source.reading:
        if reading:
            raise DataRefused(f"{source.name} says itself which part and class each of its images has, so it cannot be "
                              f"read as {shown(reading)}")
        layout = by_folder(images, source, source.reading)
        return replace(layout, kind="file", problems=(*layout.problems, *on_labels(layout)))
    others: list[Problem] = []
    if not Reading.of(reading):
        tables, others = find_tables(source, images, only=reading if reading.endswith(TABLE) else "")
        if tables:
            try:
                layout = by_tables(tables, images, source.name, sure=bool(reading))
            except Doubtful as doubt:
                raise Doubtful(doubt.text, [*doubt.choices, *readings(images, source)]) from None
            return replace(layout, problems=(*layout.problems, *others, *on_labels(layout), *_of_names(source)))
        others += _spreadsheets(source)
    try:
        layout = by_folder(images, source, reading)
    except Doubtful:
        raise
    except DataRefused as error:
        raise DataRefused("; ".join([str(error), *(problem.text for problem in others)])) from None
    chosen = [Problem("layout", f"its folders were read as {reading}, as was chosen")] if reading else []
    return replace(layout, problems=(*layout.problems, *chosen, *others, *on_labels(layout), *_of_names(source)))


def _spreadsheets(source: Source) -> list[Problem]:
    return [Problem("table", f"{path} is not used: it is a spreadsheet; save it as CSV", examples=(path,))
            for path in source.ignored if path.lower().endswith(SPREADSHEETS)][:SHOWN]


def _of_names(source: Source) -> list[Problem]:
    """Notes on names that were read in another way than they are written, and on links."""
    problems = [Problem("names", note) for note in source.notes]
    if source.links:
        problems.append(Problem("links", _on_links(source.links), examples=source.links[:SHOWN]))
    return problems


def _on_links(links: tuple[str, ...]) -> str:
    many = len(links) > 1
    more = f" and {len(links) - SHOWN:,} more" if len(links) > SHOWN else ""
    return (f"{len(links):,} {'links are' if many else 'link is'} not followed: {', '.join(links[:SHOWN])}{more}; copy "
            f"what {'they lead' if many else 'it leads'} to into the folder (cp -rL does)")


def _known(paths: Sequence[str]) -> str:
    """That a data set is known here, where its own files were brought; "" where they are none's."""
    from ddcore.data import DATASETS

    files = {PurePosixPath(path).name: path for path in paths}
    sets = [facts for facts in DATASETS.shipped.values() if files.keys() & set(facts.published)]
    if not sets:
        return ""
    path = next(path for name, path in files.items() if any(name in facts.published for facts in sets))
    titles, flags = (" or ".join(words) for words in ([facts.title for facts in sets],
                                                      [f"--dataset {facts.name}" for facts in sets]))
    return (f", but {shown(path)}, a file of {titles}, which need not be brought: choose {flags} (`data check "
            f"{sets[-1].name}` says where its files are looked for)")


def _instead(source: Source) -> str:
    """What is there where there are no images, and what to do about it."""
    if source.links:
        return f"; {_on_links(source.links)}"
    if known := _known(source.ignored):
        return known
    if packings := [path for path in source.ignored if packing_of(path)]:
        return f", but {shown(packings[0])}, which is brought by itself"
    if archives := [path for path in source.ignored if path.lower().endswith(ARCHIVES)]:
        return f", but another archive, {shown(archives[0])}; unpack it first"
    kinds = Counter(PurePosixPath(path).suffix.lower() for path in source.ignored)
    pictures = {kind: count for kind, count in kinds.most_common() if kind in formats.PICTURES}
    if not pictures:
        more = f" and {len(source.ignored) - SHOWN:,} more" if len(source.ignored) > SHOWN else ""
        return f", only {', '.join(map(shown, source.ignored[:SHOWN]))}{more}" if source.ignored else ""
    kind, count = next(iter(pictures.items()))
    return f", but {count:,} {kind} {'files' if count > 1 else 'file'}; save them as PNG or JPEG"
