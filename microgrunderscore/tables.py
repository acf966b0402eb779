"""Tables of numbers from CSV files, and what prepares rows for training.

A column of numbers stays one column, a column of texts becomes one 0/1 column for each of its
values. The `Encoding` remembers that, so that the same can be done to new rows later. What cannot
be used is refused with the file, the line and the column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, TypeAlias

from .arguments import quoted, real
from .preparation import check_width, standardise
from .sheet import AnyPath, DataError, Sheet, guess, is_missing, number_in, open_sheet

Rows: TypeAlias = list[list[float]]
Task: TypeAlias = Literal["auto", "classification", "regression"]

MOST_VALUES = 100  # a text column with more different texts is an identifier, not a category
FEWEST_NAMES = 10  # so many texts, all different, are identifiers too
MOST_CLASSES_OF_NUMBERS = 10  # whole numbers with more different values are a quantity


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

    @property
    def moments(self) -> list[tuple[float, float]]:
        """Mean and scale of each column of floats that this column becomes."""
        return [(self.mean, self.scale)]

    def with_moments(self, moments: list[tuple[float, float]]) -> NumberColumn:
        """The column with another mean and scale."""
        [(mean, scale)] = moments
        return NumberColumn(self.name, mean, scale)

    def target(self, sheet: Sheet, line: int, cell: str) -> float:
        """What a cell is as a target, in the units of the file."""
        return sheet.finite_number(line, self.name, cell)

    def code(self, sheet: Sheet, line: int, cell: str) -> list[float]:
        """What a cell is as a feature, not yet standardised."""
        return [self.target(sheet, line, cell)]

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

    @property
    def moments(self) -> list[tuple[float, float]]:
        """Mean 0 and scale 1 for each 0/1 column."""
        return [(0.0, 1.0)] * len(self.values)

    def with_moments(self, moments: list[tuple[float, float]]) -> CategoryColumn:
        """The column as it is: 0/1 columns are not scaled."""
        return self

    def target(self, sheet: Sheet, line: int, cell: str) -> int:
        """The index of the class in a cell."""
        return self._index(sheet, line, _class_name(sheet, cell))

    def code(self, sheet: Sheet, line: int, cell: str) -> list[float]:
        """What a cell is as a feature: 1 in the place of its value."""
        index = self._index(sheet, line, cell)
        return [float(i == index) for i in range(len(self.values))]

    def _index(self, sheet: Sheet, line: int, cell: str) -> int:
        if cell in self.values:
            return self.values.index(cell)
        if is_missing(cell):
            raise sheet.missing(line, self.name, cell)
        what = f"{cell!r:.40} is not a known value{guess(cell, self.values)}"
        raise sheet.error(line, self.name, f"{what}; known are {quoted(self.values)}")

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
        return [mean for column in self.features for mean, _ in column.moments]

    @property
    def scale(self) -> list[float]:
        """What each column of X is then divided by; 1 for the 0/1 columns of a category."""
        return [scale for column in self.features for _, scale in column.moments]

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
        check_width(X, len(self.names))
        learned = zip(*standardise(X)[1:], strict=True)
        features = tuple(
            column.with_moments(list(islice(learned, len(column.coded_names))))
            for column in self.features
        )
        if y is None:
            return replace(self, features=features)
        target = self._number_target()
        _, mean, scale = standardise([[t] for t in y])
        return Encoding(features, replace(target, mean=mean[0], scale=scale[0]))

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
        return self._coded(open_sheet(path, delimiter, decimal))

    def table(self, path: AnyPath, *, delimiter: str | None = None, decimal: str = ".") -> Table:
        """The rows of a CSV file with their targets: X as from `rows`, y as in the file.

        Args:
            path, delimiter, decimal: as for `read_csv`.

        Raises:
            DataError, FileNotFoundError: as `rows`; also for an unknown class.
        """
        return self._table(open_sheet(path, delimiter, decimal))

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

    def _coded(self, sheet: Sheet) -> Rows:
        """The rows of a sheet as floats: one-hot for categories, standardised for numbers."""
        places = [(column, sheet.place(column.name)) for column in self.features]
        raw = [
            [z for column, at in places for z in column.code(sheet, line, cells[at])]
            for line, cells in sheet.rows
        ]
        return standardise(raw, self.mean, self.scale)[0]

    def _table(self, sheet: Sheet) -> Table:
        """The table that this encoding makes of a sheet."""
        X = self._coded(sheet)
        cells = sheet.column(self.target.name)
        return Table(X, [self.target.target(sheet, line, cell) for line, cell in cells], self)


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

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "fruit.csv"
    ...     _ = path.write_text("size,colour,fruit\\n7,red,apple\\n9,green,melon\\n")
    ...     table = read_csv(path, "fruit")
    >>> table.features
    ['size', 'colour=green', 'colour=red']
    >>> table.X, table.y, table.classes
    ([[7.0, 0.0, 1.0], [9.0, 1.0, 0.0]], [0, 1], ['apple', 'melon'])
    """
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"task is {task!r}; choose 'auto', 'classification' or 'regression'")
    sheet = open_sheet(path, delimiter, decimal)
    return _learn(sheet, target, features, categorical, task)._table(sheet)


# ---- learning and applying an encoding ---------------------------------------------------------


def _learn(
    sheet: Sheet,
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
            sheet.header_line,
            None,
            f"no column is left to predict {target!r} from; add one, or pass the delimiter",
        )
    columns = [_learn_feature(sheet, name, name in categorical) for name in chosen]
    return Encoding(tuple(columns), _learn_target(sheet, target, task))


def _check_choice(sheet: Sheet, target: str, what: str, names: Sequence[str]) -> None:
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


def _learn_feature(sheet: Sheet, name: str, categorical: bool) -> Column:
    """A category if asked for or if most cells are texts, else a number."""
    if categorical:
        return _category(sheet, name, sorted({cell for _, cell in sheet.column(name) if cell}))
    return _learn_category(sheet, name) if _is_text(sheet, name) else NumberColumn(name)


def _is_text(sheet: Sheet, name: str) -> bool:
    """Are fewer than half of the cells of a column numbers?"""
    cells = sheet.values(name)
    return 2 * sum(sheet.number(cell) is not None for cell in cells) < len(cells)


def _learn_category(sheet: Sheet, name: str) -> CategoryColumn:
    """The category of a text column; numbers written with the other decimal mark are refused."""
    cells = sheet.values(name)
    other = "," if sheet.decimal == "." else "."
    if all(number_in(cell, other) is not None for cell in cells):
        line, cell = next((line, x) for line, x in sheet.column(name) if not is_missing(x))
        what = f"{cell!r} looks like a number with a decimal {other!r}; pass decimal={other!r}"
        raise sheet.error(line, name, what)
    return _category(sheet, name, sorted(set(cells)))


def _category(sheet: Sheet, name: str, values: list[str]) -> CategoryColumn:
    """A category with these values, unless they are so many that they must be identifiers."""
    if len(values) > MOST_VALUES or len(sheet.rows) == len(values) >= FEWEST_NAMES:
        raise sheet.error(
            sheet.header_line,
            name,
            f"{len(values)} different texts in {len(sheet.rows)} rows are no category (at most"
            f" {MOST_VALUES}); leave the column out with features=[…]",
        )
    return CategoryColumn(name, tuple(values))


def _learn_target(sheet: Sheet, name: str, task: Task) -> Column:
    """The target column: classes or a quantity, as the task says or the cells suggest."""
    if task == "auto":
        is_class = _is_text(sheet, name) or _are_class_numbers(sheet, name)
        task = "classification" if is_class else "regression"
    if task == "regression":
        return NumberColumn(name)
    if _is_text(sheet, name):
        _learn_category(sheet, name)  # for its refusals
    classes = {_class_name(sheet, cell) for cell in sheet.values(name)}
    if len(classes) == 1:
        what = f"{classes.pop()!r} is the only class, so there is nothing to tell apart"
        raise sheet.error(sheet.rows[0][0], name, f"{what}; add rows of another class")
    return _category(sheet, name, sorted(classes, key=_class_order))


def _are_class_numbers(sheet: Sheet, name: str) -> bool:
    """Are the cells whole numbers, few different ones in many rows?"""
    numbers = [sheet.number(cell) for cell in sheet.values(name)]
    different = set(numbers)
    return (
        all(number is not None and number.is_integer() for number in different)
        and len(different) <= MOST_CLASSES_OF_NUMBERS
        and 2 * len(different) <= len(numbers)
    )


def _class_name(sheet: Sheet, cell: str) -> str:
    """The name of the class in a cell; 1, 1.0 and 1e0 are the same class, called 1."""
    number = sheet.number(cell)
    if number is None or not math.isfinite(number):
        return cell
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _class_order(name: str) -> tuple[bool, float, str]:
    """Classes that are numbers first, by size; then the others, by alphabet."""
    number = number_in(name, ".")
    if number is None or not math.isfinite(number):
        return True, 0.0, name
    return False, number, name


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
