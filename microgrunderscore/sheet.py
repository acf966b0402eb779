"""The cells of a CSV file, all rows as long as the header, each with its line for the errors."""

from __future__ import annotations

import csv
import errno
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from .arguments import did_you_mean, quoted

AnyPath: TypeAlias = str | os.PathLike[str]

DELIMITERS = ",;\t"
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
# float() would also take 1_000 and the digits of every script, which are typing errors in a table
NUMBERS = {
    mark: re.compile(
        rf"[+-]?(([0-9]+([{mark}][0-9]*)?|[{mark}][0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.I
    )
    for mark in ".,"
}


class DataError(ValueError):
    """A table that cannot be used as it is; the message names the file, the line, the column."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of a CSV file; each row knows the line of the file on which it starts."""

    file: str
    header_line: int
    names: list[str]
    rows: list[tuple[int, list[str]]]
    decimal: str

    def error(self, line: int, column: str | None, what: str) -> DataError:
        """The error of a cell, or of a whole line."""
        where = f"{self.file}, line {line}" + (f", column {column!r}" if column else "")
        return DataError(f"{where}: {what}")

    def missing(self, line: int, column: str, cell: str) -> DataError:
        """The error of a cell without a value."""
        how = f"{cell!r}" if cell else "empty"
        what = f"the value is missing ({how}), and no value is made up; fill it in or delete the"
        return self.error(line, column, f"{what} row")

    def place(self, name: str) -> int:
        """The position of a column."""
        if name in self.names:
            return self.names.index(name)
        hint = guess(name, self.names)
        if any(self.number(column) is not None for column in self.names):
            hint += "; the first line must hold the names of the columns"
        what = f"no column {name!r}{hint}; there are {quoted(self.names)}"
        raise self.error(self.header_line, None, what)

    def column(self, name: str) -> list[tuple[int, str]]:
        """The cells of a column, each with its line."""
        at = self.place(name)
        return [(line, row[at]) for line, row in self.rows]

    def values(self, name: str) -> list[str]:
        """The cells of a column that hold a value."""
        return [cell for _, cell in self.column(name) if not is_missing(cell)]

    def number(self, cell: str) -> float | None:
        """The number that a cell holds, if it holds one."""
        return number_in(cell, self.decimal)

    def finite_number(self, line: int, column: str, cell: str) -> float:
        """The number in a cell that must hold a finite one."""
        if is_missing(cell):
            raise self.missing(line, column, cell)
        number = self.number(cell)
        if number is None:
            raise self.error(
                line,
                column,
                f"{cell!r:.40} is not a number, but at least half of the column's cells were when "
                "it was learned, so that it is one of numbers; correct the cell, or make the column"
                f" one of names: categorical=[{column!r}], for a target task='classification'",
            )
        if not math.isfinite(number):
            what = f"{cell!r:.40} is not a finite number that a float can hold; correct the cell"
            raise self.error(line, column, what)
        return number


def number_in(cell: str, decimal: str) -> float | None:
    """The number that a cell holds, also a nan or an infinity; None when it holds a text."""
    return float(cell.replace(decimal, ".")) if NUMBERS[decimal].fullmatch(cell) else None


def is_missing(cell: str) -> bool:
    """Whether the cell stands for a value that is not known."""
    return cell.lower() in MISSING


def guess(name: str, known: Sequence[str]) -> str:
    """What to add to an error when one of the known names is close."""
    question = did_you_mean(name, known)
    return question and f", {question}"


# ---- from a file -------------------------------------------------------------------------------


def open_sheet(path: AnyPath, delimiter: str | None, decimal: str) -> Sheet:
    """The cells of a file on disk."""
    if decimal not in (".", ","):
        raise ValueError(f"decimal is {decimal!r}; choose '.' or ','")
    if delimiter is not None and (
        not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n' + decimal
    ):
        raise ValueError(
            f"delimiter is {delimiter!r}; choose one character other than the quotation mark, the"
            f" line break and the decimal mark {decimal!r}, or None to find it out"
        )
    file = os.fspath(path)
    return _sheet(_text(file), file, delimiter, decimal)


def _text(file: str) -> str:
    """The text of a file in UTF-8, without its byte order mark."""
    if os.path.isdir(file):
        raise DataError(f"{file}: this is a directory; name a CSV file in it")
    try:
        data = Path(file).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "No such data file; give its path from the working directory", file
        ) from None
    try:
        text = data.decode("utf-8-sig")
        stop = text.find("\0")
        bad = "a NUL character" if stop >= 0 else ""
        line = text.count("\n", 0, max(stop, 0)) + 1
    except UnicodeDecodeError as error:
        bad = f"the byte 0x{data[error.start]:02x}, which is not UTF-8"
        line = data.count(b"\n", 0, error.start) + 1
    if bad:
        raise DataError(f"{file}, line {line}: found {bad}; save the table as CSV in UTF-8")
    return text


def _sheet(text: str, file: str, delimiter: str | None, decimal: str) -> Sheet:
    """The cells of a CSV text, all rows as long as the header."""
    delimiter = delimiter or _likely_delimiter(text, decimal)
    records = list(_records(text, file, delimiter))
    if not records:
        raise DataError(f"{file}: the file is empty; the first line must name the columns")
    header_line, names = records.pop(0)
    sheet = Sheet(file, header_line, names, records, decimal)
    _check_names(sheet)
    if not records:
        raise sheet.error(header_line, None, "no rows follow the header; there is nothing to read")
    for line, cells in records:
        if len(cells) != len(names):
            raise sheet.error(
                line,
                None,
                f"{len(cells)} cells where the header on line {header_line} names {len(names)}"
                f" columns; correct the row, or quote a cell that contains {delimiter!r}",
            )
    return sheet


def _records(text: str, file: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line on which it starts."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace=delimiter != " ",
        strict=True,
    )
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if cells not in ([], [""]):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file}, line {line}: the row cannot be read ({error}); close every quotation mark,"
            ' and write one inside a quoted cell as ""'
        ) from None


def _likely_delimiter(text: str, decimal: str) -> str:
    """The delimiter that cuts the first rows into equally many cells, and into most cells."""

    def regularity(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(row) for _, row in islice(_records(text, "", delimiter), 100)]
        except DataError:
            return False, 0
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max((d for d in DELIMITERS if d != decimal), key=regularity)


def _check_names(sheet: Sheet) -> None:
    """Refuse a header with a column that has no name, or the name of another."""
    for i, name in enumerate(sheet.names):
        if not name:
            what = f"column {i + 1} has no name; name it in the header, or delete the column"
            raise sheet.error(sheet.header_line, None, what)
        first = sheet.names.index(name)
        if first < i:
            what = f"columns {first + 1} and {i + 1} have the same name; rename one of them"
            raise sheet.error(sheet.header_line, name, what)
