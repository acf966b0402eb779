"""Tables of numbers from CSV files, and what prepares rows for training.

A column of numbers stays one column, a column of texts becomes one 0/1 column for each of its
values. The `Encoding` remembers that, so that the same can be done to new rows later. What cannot
be used is refused with the file, the line and the column.
"""

from __future__ import annotations

import csv
import difflib
import errno
import io
import math
import os
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from .arguments import generator, real

__all__ = [
    "CategoryColumn",
    "DataError",
    "Encoding",
    "NumberColumn",
    "Table",
    "parse_csv",
    "read_csv",
    "split",
    "standardise",
]

Rows: TypeAlias = list[list[float]]
Task: TypeAlias = Literal["auto", "classification", "regression"]
AnyPath: TypeAlias = str | os.PathLike[str]
Row = TypeVar("Row")
Label = TypeVar("Label")

DELIMITERS = ",;\t"
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
MOST_VALUES = 100  # a text column with more different texts is an identifier, not a category
MOST_CLASSES_OF_NUMBERS = 10  # whole numbers with more different values are a quantity
# float() would also take 1_000 and the digits of every script, which are typing errors in a table
NUMBERS = {
    mark: re.compile(
        rf"[+-]?(([0-9]+([{mark}][0-9]*)?|[{mark}][0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.I
    )
    for mark in ".,"
}


class DataError(ValueError):
    """A table that cannot be used as it is; the message names the file, the line, the column."""


# ---- tables ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers: a cell x is coded as (x - mean) / scale.

    Args:
        name: the column's name in the header.
        mean, scale: finite, scale above 0; 0 and 1 leave the numbers as they are.

    >>> NumberColumn("age").to_json()
    {'name': 'age', 'kind': 'number', 'mean': 0.0, 'scale': 1.0}
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0

    @property
    def coded_names(self) -> list[str]:
        """The name of the one column of floats that this column becomes."""
        return [self.name]

    def to_json(self) -> dict[str, Any]:
        """The column as plain JSON data."""
        return {"name": self.name, "kind": "number", "mean": self.mean, "scale": self.scale}


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """A column of names: a feature is coded as one 0/1 float per value, a target as an index.

    Args:
        name: the column's name in the header.
        values: the different names, in the order of their indices.

    >>> CategoryColumn("colour", ("blue", "red")).coded_names
    ['colour=blue', 'colour=red']
    """

    name: str
    values: tuple[str, ...]

    @property
    def coded_names(self) -> list[str]:
        """The names of the columns of floats that this column becomes as a feature."""
        return [f"{self.name}={value}" for value in self.values]

    def to_json(self) -> dict[str, Any]:
        """The column as plain JSON data."""
        return {"name": self.name, "kind": "category", "values": list(self.values)}


Column: TypeAlias = NumberColumn | CategoryColumn


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the cells of a table become the floats of X and y: all one needs to code new rows.

    `read_csv` makes it, `standardised` adds the means and scales of the training rows, `to_json`
    and `from_json` carry it in a model file, `rows` and `table` apply it to new files.

    Args:
        features: the feature columns in the order of X.
        target: the column to predict; a category for classification, a number for regression.

    >>> from microgrunderscore.datasets import iris_table
    >>> encoding = iris_table().encoding
    >>> Encoding.from_json(encoding.to_json()) == encoding
    True
    """

    features: tuple[Column, ...]
    target: Column

    @property
    def names(self) -> list[str]:
        """The names of the columns of X; a category gives one per value, `colour=red`."""
        return [name for column in self.features for name in column.coded_names]

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes in the order of their indices; None for regression."""
        return list(self.target.values) if isinstance(self.target, CategoryColumn) else None

    @property
    def mean(self) -> list[float]:
        """What is subtracted from each column of X; 0 for the 0/1 columns of a category."""
        return [c.mean if isinstance(c, NumberColumn) else 0.0
                for c in self.features for _ in c.coded_names]  # fmt: skip

    @property
    def scale(self) -> list[float]:
        """What each column of X is then divided by; 1 for the 0/1 columns of a category."""
        return [c.scale if isinstance(c, NumberColumn) else 1.0
                for c in self.features for _ in c.coded_names]  # fmt: skip

    def standardised(
        self, X: Sequence[Sequence[float]], y: Sequence[float] | None = None
    ) -> Encoding:
        """The same encoding with the means and scales of these rows in its columns of numbers.

        Args:
            X: rows as `read_csv` gives them, not yet standardised; only the training rows, so
                that nothing about the test rows leaks into the model.
            y: the targets of a regression, to be standardised as well; None leaves them.

        Raises:
            ValueError: rows of another width, or targets y of a classification.

        >>> from microgrunderscore.datasets import iris_table
        >>> table = iris_table()
        >>> encoding = table.encoding.standardised(table.X)
        >>> [round(m, 3) for m in encoding.mean]
        [5.843, 3.057, 3.758, 1.199]
        >>> Z, _, _ = standardise(table.X, encoding.mean, encoding.scale)
        """
        _check_width(X, len(self.names))
        _, mean, scale = standardise(X)
        learned = iter(zip(mean, scale, strict=True))
        features = [_rescaled(c, list(islice(learned, len(c.coded_names)))) for c in self.features]
        if y is None:
            return replace(self, features=tuple(features))
        self._number_target()
        _, mean, scale = standardise([[t] for t in y])
        target = _rescaled(self.target, [(mean[0], scale[0])])
        return Encoding(tuple(features), target)

    def scale_target(self, y: Sequence[float]) -> list[float]:
        """Regression targets as the model sees them: (y - mean) / scale.

        >>> Encoding((NumberColumn("x"),), NumberColumn("t", 10.0, 5.0)).scale_target([20.0])
        [2.0]
        """
        target = self._number_target()
        return [(t - target.mean) / target.scale for t in y]

    def unscale_target(self, z: Sequence[float]) -> list[float]:
        """A regression model's outputs in the units of the file: z · scale + mean.

        >>> Encoding((NumberColumn("x"),), NumberColumn("t", 10.0, 5.0)).unscale_target([2.0])
        [20.0]
        """
        target = self._number_target()
        return [t * target.scale + target.mean for t in z]

    def rows(self, path: AnyPath, *, delimiter: str | None = None, decimal: str = ".") -> Rows:
        """The rows of a CSV file, coded and standardised as the training rows were.

        The file needs the feature columns, in any order; the target and other columns are not
        looked at.

        Args:
            path, delimiter, decimal: as for `read_csv`.

        Returns:
            X, one row of `len(encoding.names)` floats per row of the file.

        Raises:
            DataError: a missing column, an unknown category, or a cell as refused by `read_csv`.
            FileNotFoundError: no such file.
        """
        return self._coded(_open_sheet(path, delimiter, decimal))

    def table(self, path: AnyPath, *, delimiter: str | None = None, decimal: str = ".") -> Table:
        """The rows of a CSV file with their targets: X as from `rows`, y as in the file.

        Args:
            path, delimiter, decimal: as for `read_csv`.

        Raises:
            DataError, FileNotFoundError: as `rows`; also for an unknown class.
        """
        return _table(_open_sheet(path, delimiter, decimal), self)

    def to_json(self) -> dict[str, Any]:
        """The encoding as plain JSON data: dicts, lists, strings and finite floats.

        >>> Encoding((NumberColumn("x"),), CategoryColumn("t", ("no", "yes"))).to_json()["target"]
        {'name': 't', 'kind': 'category', 'values': ['no', 'yes']}
        """
        return {
            "features": [column.to_json() for column in self.features],
            "target": self.target.to_json(),
        }

    @classmethod
    def from_json(cls, data: object) -> Encoding:
        """The encoding that `to_json` wrote.

        Args:
            data: what `json.load` gives; it is checked, since it may come from any file.

        Raises:
            DataError: something missing or of the wrong kind, named by its place in the data.
        """
        fields = _fields(data, "encoding", {"features", "target"})
        listed = fields["features"]
        if not isinstance(listed, list) or not listed:
            raise _bad_json("encoding.features", "a list of at least one column", listed)
        features = [_column(item, f"encoding.features[{i}]") for i, item in enumerate(listed)]
        target = _column(fields["target"], "encoding.target")
        _distinct([column.name for column in (*features, target)], "encoding", "column names")
        if isinstance(target, CategoryColumn) and len(target.values) < 2:
            raise _bad_json("encoding.target.values", "at least two classes", target.values)
        return cls(tuple(features), target)

    def _number_target(self) -> NumberColumn:
        """The target column of a regression."""
        if isinstance(self.target, CategoryColumn):
            raise ValueError(
                f"the target {self.target.name!r} is a class, and only the target of a regression"
                " has a mean and a scale; leave the class indices y as they are"
            )
        return self.target

    def _coded(self, sheet: _Sheet) -> Rows:
        """The rows of a sheet as floats: one-hot for categories, standardised for numbers."""
        places = [(column, sheet.place(column.name)) for column in self.features]
        raw = [
            [z for column, at in places for z in _code(sheet, line, column, cells[at])]
            for line, cells in sheet.rows
        ]
        return standardise(raw, self.mean, self.scale)[0]

    def _targets(self, sheet: _Sheet) -> list[int] | list[float]:
        """The targets of a sheet: class indices, or numbers in the units of the file."""
        at = sheet.place(self.target.name)
        cells = [(line, row[at]) for line, row in sheet.rows]
        if isinstance(self.target, NumberColumn):
            return [_read_number(sheet, line, self.target.name, cell) for line, cell in cells]
        return [_index(sheet, line, self.target, _class_name(sheet, c)) for line, c in cells]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of numbers ready for training, with the encoding that made them.

    Args:
        X: one row of floats per sample, one float per name in `features`.
        y: class indices (int) for classification, numbers in the file's units for regression.
        encoding: how the file's cells became X and y.

    >>> from microgrunderscore.datasets import iris_table
    >>> table = iris_table()
    >>> len(table.X), table.target, table.classes[table.y[149]]
    (150, 'species', 'virginica')
    """

    X: Rows
    y: list[int] | list[float]
    encoding: Encoding

    @property
    def features(self) -> list[str]:
        """The names of the columns of X; a category gives one per value, `colour=red`."""
        return self.encoding.names

    @property
    def target(self) -> str:
        """The name of the column that y comes from."""
        return self.encoding.target.name

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes in the order of their indices; None for regression."""
        return self.encoding.classes


def read_csv(
    path: AnyPath,
    target: str,
    *,
    features: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    delimiter: str | None = None,
    decimal: str = ".",
    task: Task = "auto",
) -> Table:
    """Read a CSV file with a header into a `Table`; refuse what cannot be used, with its place.

    A column is one of numbers when at least half of its cells are numbers, and then all must be;
    otherwise it is a category, coded one-hot. Blank lines are skipped, cells may be quoted, and a
    byte order mark is ignored.

    Args:
        path: the file, in UTF-8.
        target: name of the column to predict.
        features: names of the columns to predict from, in the order wanted; None takes all but
            the target, in the order of the file.
        categorical: names of features that are categories although they look like numbers, such
            as postcodes.
        delimiter: one character; None finds out which of comma, semicolon and tab it is.
        decimal: the decimal mark, "." or ",".
        task: "classification", "regression", or "auto": texts are classes, and so are whole
            numbers with at most 10 different values and at least twice as many rows; other
            numbers are a quantity.

    Returns:
        The table; its X is not standardised. Classes are in alphabetic or numeric order.

    Raises:
        DataError: an empty file, rows of unequal length, missing values, numbers that are not
            finite, a text among numbers, duplicate or unknown columns, a single class, a file
            that is not text.
        FileNotFoundError: no such file.
        ValueError, TypeError: an argument outside its range.

    Source: RFC 4180 for quoting.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "fruit.csv")
    ...     _ = Path(path).write_text("size,colour,fruit\\n7,red,apple\\n9,green,melon\\n")
    ...     table = read_csv(path, "fruit")
    >>> table.features
    ['size', 'colour=green', 'colour=red']
    >>> table.X, table.y, table.classes
    ([[7.0, 0.0, 1.0], [9.0, 1.0, 0.0]], [0, 1], ['apple', 'melon'])
    """
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"task is {task!r}; choose 'auto', 'classification' or 'regression'")
    sheet = _open_sheet(path, delimiter, decimal)
    return _table(sheet, _learn(sheet, target, features, categorical, task))


def parse_csv(text: str, file: str, target: str, *, task: Task = "auto") -> Table:
    """The table in a text, read as `read_csv` reads the file of this name.

    >>> parse_csv("x,t\\n1,yes\\n2,no\\n", "tiny.csv", "t").classes
    ['no', 'yes']
    """
    sheet = _sheet(text, file, ",", ".")
    return _table(sheet, _learn(sheet, target, None, (), task))


# ---- preparing rows ----------------------------------------------------------------------------


def standardise(
    X: Sequence[Sequence[float]],
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> tuple[Rows, list[float], list[float]]:
    """Shift and scale every column: Z = (X - mean) / scale.

    Args:
        X: n rows of m finite numbers, n and m at least 1.
        mean, scale: m numbers each, the scales above 0; None takes the mean and the population
            standard deviation of each column, and scale 1 for a column that is constant. Pass
            those of the training rows to transform test rows.

    Returns:
        Z, n rows of m floats, and the mean and scale that were used.

    Raises:
        ValueError: no rows, rows of unequal length, a number that is not finite, or only one of
            mean and scale.
        TypeError: something that is not a number.

    >>> standardise([[1.0, 5.0], [3.0, 5.0]])
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 1.0])
    """
    rows = _matrix(X)
    if (mean is None) != (scale is None):
        raise ValueError("standardise: mean and scale belong together; pass both or neither")
    if mean is None or scale is None:
        moments = [_moments(column, j) for j, column in enumerate(zip(*rows, strict=True))]
        mean, scale = [m for m, _ in moments], [s for _, s in moments]
    mean = _vector("mean", mean, len(rows[0]))
    scale = _vector("scale", scale, len(rows[0]))
    for j, s in enumerate(scale):
        if s <= 0:
            raise ValueError(f"standardise: scale[{j}] is {s}; a scale is above 0")
    Z = [[(x - m) / s for x, m, s in zip(row, mean, scale, strict=True)] for row in rows]
    return Z, mean, scale


def split(
    X: Sequence[Row],
    y: Sequence[Label],
    test: float = 0.25,
    seed: int = 0,
    stratify: bool = False,
) -> tuple[list[Row], list[Label], list[Row], list[Label]]:
    """Deal the samples at random into a part to train on and a part to test on.

    Args:
        X, y: n inputs and their n targets.
        test: share of the samples that go into the test part, between 0 and 1, both excluded;
            the number of samples is rounded to the nearest, and is at least 1 in either part.
        seed: whole number, 0 or more.
        stratify: deal each class on its own, so that both parts have about the same shares of
            the classes and at least one sample of each.

    Returns:
        X_train, y_train, X_test, y_test: the same objects in random order.

    Raises:
        ValueError: unequal lengths, a share outside its range, or fewer than 2 samples to deal
            (with stratify: in any class), so that a part would be empty.
        TypeError: with stratify, targets that cannot name a class, such as lists.

    >>> X_train, y_train, X_test, y_test = split(list("abcdefgh"), list("ABCDEFGH"))
    >>> len(X_train), len(X_test), [x.upper() for x in X_test] == y_test
    (6, 2, True)
    """
    test = real("split: test", test)
    if not 0 < test < 1:
        raise ValueError(f"split: test is {test}, but it is a share; choose one between 0 and 1")
    if len(X) != len(y):
        raise ValueError(f"split: {len(X)} inputs but {len(y)} targets; every input needs one")
    order = list(range(len(X)))
    generator("split", seed).shuffle(order)
    groups = _strata(order, y) if stratify else [order]
    held_out = {i for members in groups for i in members[: _share(len(members), test, stratify)]}
    train = [i for i in order if i not in held_out]
    tested = [i for i in order if i in held_out]
    return (
        [X[i] for i in train], [y[i] for i in train],
        [X[i] for i in tested], [y[i] for i in tested],
    )  # fmt: skip


def _unit(n: int, i: int) -> list[float]:
    """The i-th row of the n × n identity matrix."""
    row = [0.0] * n
    row[i] = 1.0
    return row


def _matrix(X: Sequence[Sequence[float]]) -> Rows:
    """X as lists of finite floats, all rows equally long and none empty."""
    rows = [_floats(row, i) for i, row in enumerate(X)]
    if not rows or not rows[0]:
        raise ValueError("standardise: there are no numbers; pass at least one row of one number")
    _check_width(rows, len(rows[0]))
    return rows


def _floats(row: Sequence[float], i: int) -> list[float]:
    """A row of finite floats; nothing is looked at twice when it is one already."""
    if all(type(x) is float and math.isfinite(x) for x in row):
        return list(row)
    return [real(f"row {i}, column {j}", x) for j, x in enumerate(row)]


def _check_width(X: Sequence[Sequence[float]], width: int) -> None:
    """Refuse rows that do not have `width` numbers."""
    for i, row in enumerate(X):
        if len(row) != width:
            raise ValueError(f"row {i} has {len(row)} numbers where {width} are expected")


def _vector(what: str, values: Sequence[float], length: int) -> list[float]:
    """A list of `length` finite floats."""
    if len(values) != length:
        raise ValueError(f"standardise: {what} has {len(values)} numbers for {length} columns")
    return [real(f"standardise: {what}[{j}]", v) for j, v in enumerate(values)]


def _moments(column: Sequence[float], j: int) -> tuple[float, float]:
    """Mean and population standard deviation of a column; scale 1 where nothing varies."""
    if min(column) == max(column):  # the rounded mean of equal numbers need not equal them
        return column[0], 1.0
    try:
        mean = math.fsum(column) / len(column)
        # hypot neither overflows nor underflows on the way, as a sum of squares would
        scale = math.hypot(*(x - mean for x in column)) / math.sqrt(len(column))
    except OverflowError:
        scale = math.inf
    if not math.isfinite(scale):
        raise ValueError(f"standardise: column {j} is too large to be summed in floats; rescale it")
    return mean, scale or 1.0


def _strata(order: list[int], y: Sequence[Label]) -> list[list[int]]:
    """The indices of each class, in the order given."""
    strata: dict[Label, list[int]] = {}
    for i in order:
        label = y[i]
        if not isinstance(label, Hashable):
            raise TypeError(
                f"split: the target {label!r:.40} is a {type(label).__name__}, which cannot name"
                " a class; pass class indices, or stratify=False"
            )
        strata.setdefault(label, []).append(i)
    return list(strata.values())


def _share(count: int, test: float, stratify: bool) -> int:
    """The number of samples to hold out, so that neither part is empty."""
    if count < 2:
        whose = "a class" if stratify else "the data"
        raise ValueError(
            f"split: {whose} with {count} sample(s) cannot fill both parts; at least 2 are needed"
        )
    return min(max(int(test * count + 0.5), 1), count - 1)


# ---- reading cells -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
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

    def place(self, name: str) -> int:
        """The position of a column."""
        if name in self.names:
            return self.names.index(name)
        hint = _did_you_mean(name, self.names)
        if any(_number(column, self.decimal) is not None for column in self.names):
            hint += "; the first line must hold the names of the columns"
        known = _listed(self.names)
        raise self.error(self.header_line, None, f"no column {name!r}{hint}; there are {known}")

    def cells(self, name: str) -> list[str]:
        """The cells of a column that hold a value."""
        at = self.place(name)
        return [row[at] for _, row in self.rows if not _is_missing(row[at])]

    def number(self, cell: str) -> float | None:
        """The number that a cell holds, if it holds one."""
        return _number(cell, self.decimal)


def _open_sheet(path: AnyPath, delimiter: str | None, decimal: str) -> _Sheet:
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


def _sheet(text: str, file: str, delimiter: str | None, decimal: str) -> _Sheet:
    """The cells of a CSV text, all rows as long as the header."""
    delimiter = delimiter or _likely_delimiter(text, decimal)
    records = list(_records(text, file, delimiter))
    if not records:
        raise DataError(f"{file}: the file is empty; the first line must name the columns")
    header_line, names = records.pop(0)
    sheet = _Sheet(file, header_line, names, records, decimal)
    _check_names(sheet)
    if not records:
        raise sheet.error(header_line, None, "no rows follow the header; there is nothing to read")
    for line, cells in records:
        if len(cells) != len(names):
            raise sheet.error(
                line, None,
                f"{len(cells)} cells where the header on line {header_line} names {len(names)}"
                f" columns; correct the row, or quote a cell that contains {delimiter!r}",
            )  # fmt: skip
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


def _check_names(sheet: _Sheet) -> None:
    """Refuse a header with a column that has no name, or the name of another."""
    for i, name in enumerate(sheet.names):
        if not name:
            what = f"column {i + 1} has no name; name it in the header, or delete the column"
            raise sheet.error(sheet.header_line, None, what)
        first = sheet.names.index(name)
        if first < i:
            what = f"columns {first + 1} and {i + 1} have the same name; rename one of them"
            raise sheet.error(sheet.header_line, name, what)


def _number(cell: str, decimal: str) -> float | None:
    """The number that a cell holds, also a nan or an infinity; None when it holds a text."""
    return float(cell.replace(decimal, ".")) if NUMBERS[decimal].fullmatch(cell) else None


def _is_missing(cell: str) -> bool:
    """Does the cell stand for a value that is not known?"""
    return cell.lower() in MISSING


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    """A suggestion when one of the known names is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _listed(names: Sequence[str]) -> str:
    """The names, at most ten of them."""
    more = f", … ({len(names)} in all)" if len(names) > 10 else ""
    return ", ".join(repr(name) for name in names[:10]) + more


# ---- learning and applying an encoding ---------------------------------------------------------


def _learn(
    sheet: _Sheet,
    target: str,
    features: Sequence[str] | None,
    categorical: Sequence[str],
    task: Task,
) -> Encoding:
    """The encoding that the cells of a sheet call for."""
    sheet.place(target)
    for what, names in (("features", features or ()), ("categorical", categorical)):
        _check_choice(sheet, target, what, names)
    chosen = [n for n in sheet.names if n != target] if features is None else list(features)
    if not chosen:
        raise sheet.error(
            sheet.header_line, None,
            f"no column is left to predict {target!r} from; add one, or pass the delimiter",
        )  # fmt: skip
    columns = [_learn_feature(sheet, name, name in categorical) for name in chosen]
    return Encoding(tuple(columns), _learn_target(sheet, target, task))


def _check_choice(sheet: _Sheet, target: str, what: str, names: Sequence[str]) -> None:
    """Refuse a choice of columns that names the target, a column twice, or none that exists."""
    if isinstance(names, str):
        raise TypeError(f"{what} is the text {names!r}; pass a list of column names, [{names!r}]")
    for i, name in enumerate(names):
        sheet.place(name)
        if name == target:
            way_out = "set its kind with task=" if what == "categorical" else "leave it out"
            raise sheet.error(sheet.header_line, name, f"the target is in {what}; {way_out}")
        if name in names[:i]:
            raise sheet.error(sheet.header_line, name, f"named twice in {what}; name it once")


def _learn_feature(sheet: _Sheet, name: str, categorical: bool) -> Column:
    """A category if asked for or if most cells are texts, else a number."""
    if categorical:
        at = sheet.place(name)
        return _category(sheet, name, sorted({row[at] for _, row in sheet.rows if row[at]}))
    return _learn_category(sheet, name) if _is_text(sheet, name) else NumberColumn(name)


def _is_text(sheet: _Sheet, name: str) -> bool:
    """Are fewer than half of the cells of a column numbers?"""
    cells = sheet.cells(name)
    return 2 * sum(sheet.number(cell) is not None for cell in cells) < len(cells)


def _learn_category(sheet: _Sheet, name: str) -> CategoryColumn:
    """The category of a text column; numbers written with the other decimal mark are refused."""
    cells = sheet.cells(name)
    other = "," if sheet.decimal == "." else "."
    if all(_number(cell, other) is not None for cell in cells):
        at = sheet.place(name)
        line, cell = next((line, row[at]) for line, row in sheet.rows if not _is_missing(row[at]))
        what = f"{cell!r} looks like a number with a decimal {other!r}; pass decimal={other!r}"
        raise sheet.error(line, name, what)
    return _category(sheet, name, sorted(set(cells)))


def _category(sheet: _Sheet, name: str, values: list[str]) -> CategoryColumn:
    """A category with these values, unless they are so many that they must be identifiers."""
    if len(values) > MOST_VALUES:
        raise sheet.error(
            sheet.header_line, name,
            f"{len(values)} different texts in {len(sheet.rows)} rows are no category (at most"
            f" {MOST_VALUES}); leave the column out with features=[…]",
        )  # fmt: skip
    return CategoryColumn(name, tuple(values))


def _learn_target(sheet: _Sheet, name: str, task: Task) -> Column:
    """The target column: classes or a quantity, as the task says or the cells suggest."""
    if task == "auto":
        is_class = _is_text(sheet, name) or _are_class_numbers(sheet, name)
        task = "classification" if is_class else "regression"
    if task == "regression":
        return NumberColumn(name)
    if _is_text(sheet, name):
        _learn_category(sheet, name)  # for its refusals
    classes = {_class_name(sheet, cell) for cell in sheet.cells(name)}
    if len(classes) == 1:
        what = f"{classes.pop()!r} is the only class, so there is nothing to tell apart"
        raise sheet.error(sheet.rows[0][0], name, f"{what}; add rows of another class")
    return _category(sheet, name, sorted(classes, key=_class_order))


def _are_class_numbers(sheet: _Sheet, name: str) -> bool:
    """Are the cells whole numbers, few different ones in many rows?"""
    numbers = [sheet.number(cell) for cell in sheet.cells(name)]
    different = set(numbers)
    return (
        all(number is not None and number.is_integer() for number in different)
        and len(different) <= MOST_CLASSES_OF_NUMBERS
        and 2 * len(different) <= len(numbers)
    )


def _class_name(sheet: _Sheet, cell: str) -> str:
    """The name of the class in a cell; 1, 1.0 and 1e0 are the same class, called 1."""
    number = sheet.number(cell)
    if number is None or not math.isfinite(number):
        return cell
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _class_order(name: str) -> tuple[bool, float, str]:
    """Classes that are numbers first, by size; then the others, by alphabet."""
    number = _number(name, ".")
    if number is None or not math.isfinite(number):
        return True, 0.0, name
    return False, number, name


def _table(sheet: _Sheet, encoding: Encoding) -> Table:
    """The table that an encoding makes of a sheet."""
    return Table(encoding._coded(sheet), encoding._targets(sheet), encoding)


def _code(sheet: _Sheet, line: int, column: Column, cell: str) -> list[float]:
    """The floats that a feature's cell becomes, numbers not yet standardised."""
    if isinstance(column, NumberColumn):
        return [_read_number(sheet, line, column.name, cell)]
    return _unit(len(column.values), _index(sheet, line, column, cell))


def _read_number(sheet: _Sheet, line: int, name: str, cell: str) -> float:
    """The finite number in a cell."""
    number = None if _is_missing(cell) else sheet.number(cell)
    if number is None:
        raise _missing(sheet, line, name, cell) if _is_missing(cell) else sheet.error(
            line, name,
            f"{cell!r:.40} is not a number, but at least half of the column's cells were when it"
            " was learned, so that it is one of numbers; correct the cell, or make the column one"
            f" of names: categorical=[{name!r}], for a target task='classification'",
        )  # fmt: skip
    if not math.isfinite(number):
        what = f"{cell!r:.40} is not a finite number that a float can hold; correct the cell"
        raise sheet.error(line, name, what)
    return number


def _index(sheet: _Sheet, line: int, column: CategoryColumn, cell: str) -> int:
    """The index of a category's value."""
    if cell in column.values:
        return column.values.index(cell)
    if _is_missing(cell):
        raise _missing(sheet, line, column.name, cell)
    what = f"{cell!r:.40} is not a known value{_did_you_mean(cell, column.values)}"
    raise sheet.error(line, column.name, f"{what}; known are {_listed(column.values)}")


def _missing(sheet: _Sheet, line: int, name: str, cell: str) -> DataError:
    """The error of a cell without a value."""
    how = f"{cell!r}" if cell else "empty"
    what = f"the value is missing ({how}), and no value is made up; fill it in or delete the row"
    return sheet.error(line, name, what)


def _rescaled(column: Column, moments: list[tuple[float, float]]) -> Column:
    """A column of numbers with the mean and scale learned for it; a category as it was."""
    if isinstance(column, CategoryColumn):
        return column
    ((mean, scale),) = moments
    return replace(column, mean=mean, scale=scale)


# ---- encodings from JSON -----------------------------------------------------------------------


def _bad_json(where: str, expected: str, found: object) -> DataError:
    """The error of a place in JSON data."""
    return DataError(f"{where}: expected {expected}, found {found!r:.60}; save the model again")


def _fields(data: object, where: str, names: set[str]) -> dict[str, Any]:
    """A JSON object with exactly these fields."""
    if not isinstance(data, dict) or set(data) != names:
        found = sorted(map(str, data)) if isinstance(data, dict) else data
        raise _bad_json(where, f"an object with the fields {sorted(names)}", found)
    return data


def _column(data: object, where: str) -> Column:
    """A column as `to_json` wrote it."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "number":
        fields = _fields(data, where, {"name", "kind", "mean", "scale"})
        scale = _json_number(fields["scale"], f"{where}.scale")
        if scale <= 0:
            raise _bad_json(f"{where}.scale", "a number above 0", scale)
        mean = _json_number(fields["mean"], f"{where}.mean")
        return NumberColumn(_json_text(fields["name"], f"{where}.name"), mean, scale)
    if kind == "category":
        fields = _fields(data, where, {"name", "kind", "values"})
        values = fields["values"]
        if not isinstance(values, list) or not values:
            raise _bad_json(f"{where}.values", "a list of at least one name", values)
        names = [_json_text(value, f"{where}.values[{i}]") for i, value in enumerate(values)]
        _distinct(names, f"{where}.values", "names")
        return CategoryColumn(_json_text(fields["name"], f"{where}.name"), tuple(names))
    raise _bad_json(where, "a column of kind 'number' or 'category'", data)


def _json_number(value: object, where: str) -> float:
    """A finite number; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad_json(where, "a number", value)
    try:
        return real(where, value)
    except ValueError:
        raise _bad_json(where, "a finite number", "one that is not") from None


def _json_text(value: object, where: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise _bad_json(where, "a text", value)
    return value


def _distinct(names: list[str], where: str, what: str) -> None:
    """Refuse a name that occurs twice."""
    if len(set(names)) < len(names):
        raise _bad_json(where, f"different {what}", names)
