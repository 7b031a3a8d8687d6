"""Words that people or their files brought, for markdown to show as they are."""

import re

from ddcore.report import tables
from ddcore.runs.store import RunRecord


def plain(words: str) -> str:
    """Signs escaped; addresses and :icons: are found after that, so an invisible space parts them."""
    parted = re.sub(r"(:|@|\bwww)(?=\S)", "\\1\u200b", words)
    return re.sub(r"([\\`*_\[\]<>$~|#])", r"\\\1", parted)


def called(record: RunRecord) -> str:
    """What a run is called: anybody may have named it, and it may have come in a file."""
    return plain(tables.title(record))
