"""Counts in rows, of which ten thousand answers hold a hundred and more each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

Count = Annotated[int, Field(strict=True, ge=0, le=2**63)]
Row = tuple[int, ...]


class Matrix(Sequence[Row]):
    """Rows of counts, below 2**64 each: tuples to who reads them, kept as the bytes of their numbers."""

    __slots__ = ("_numbers", "_widths")

    def __init__(self, rows: Iterable[Sequence[int]] = ()) -> None:
        rows = tuple(rows)
        numbers = list(chain.from_iterable(rows))
        most = max(numbers, default=0)
        self._widths = _one(tuple(map(len, rows)))
        self._numbers = array(next(code for code in "BHIQ" if most < 256 ** array(code).itemsize), numbers)

    def __len__(self) -> int:
        return len(self._widths)

    def __iter__(self) -> Iterator[Row]:
        for end, width in zip(accumulate(self._widths), self._widths, strict=True):
            yield tuple(self._numbers[end - width : end])

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, Matrix) else other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        rows = core_schema.no_info_before_validator_function(
            lambda given: tuple(given) if isinstance(given, cls) else given,
            handler.generate_schema(tuple[tuple[Count, ...], ...]),
        )
        return core_schema.no_info_after_validator_function(
            cls, rows,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda matrix: list(map(list, matrix))),
        )


@lru_cache(maxsize=256)
def _one(widths: Row) -> Row:
    return widths
