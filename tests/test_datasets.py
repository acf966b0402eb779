"""The data are what they are said to be, the same for the same seed; bad tables are explained."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
import struct
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore.datasets import (
    DataError,
    Encoding,
    Table,
    circles,
    iris,
    iris_table,
    moons,
    one_hot,
    read_csv,
    spirals,
    split,
    standardise,
    xor,
)
from microgrunderscore.tables import CategoryColumn, NumberColumn

Made = tuple[list[list[float]], list[int]]
GENERATORS: list[Callable[..., Made]] = [moons, circles, spirals, xor]


def bits(X: Sequence[Sequence[float]]) -> bytes:
    return b"".join(struct.pack("<d", x) for row in X for x in row)


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- made-up data ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", GENERATORS)
def test_same_seed_same_bits_other_seed_other_points(make: Callable[..., Made]) -> None:
    random.seed(1)
    state = random.getstate()
    X, y = make(n=60, noise=0.1, seed=3)
    again, labels = make(n=60, noise=0.1, seed=3)
    other, _ = make(n=60, noise=0.1, seed=4)
    assert bits(X) == bits(again)
    assert y == labels
    assert bits(X) != bits(other)
    assert random.getstate() == state


@pytest.mark.parametrize("make", GENERATORS)
@given(n=st.integers(4, 60), seed=st.integers(0, 2**64))
def test_shapes_and_balance(make: Callable[..., Made], n: int, seed: int) -> None:
    X, y = make(n=n, noise=0.2, seed=seed)
    assert len(X) == len(y) == n
    assert all(type(x) is float for row in X for x in row)
    assert all(len(row) == 2 for row in X)
    assert all(type(k) is int for k in y)
    assert abs(y.count(0) - y.count(1)) <= 1
    assert y.count(0) + y.count(1) == n


@pytest.mark.parametrize("make", GENERATORS)
def test_noise_has_its_standard_deviation(make: Callable[..., Made]) -> None:
    clean, y = make(n=2000, noise=0.0, seed=5)
    noisy, labels = make(n=2000, noise=0.1, seed=5)
    assert y == labels
    noise = [a - b for p, q in zip(noisy, clean, strict=True) for a, b in zip(p, q, strict=True)]
    assert statistics.pstdev(noise) == pytest.approx(0.1, rel=0.05)
    assert statistics.fmean(noise) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("make", "first", "classes"),
    [
        (moons, [0.523229773690672, -0.24966953512452428], [1, 0, 1, 0, 0, 1, 1, 0]),
        (circles, [0.02322977369067212, 0.6163558686599143], [1, 0, 1, 0, 0, 1, 1, 0]),
        (spirals, [0.5232297736906721, 0.11635586865991418], [1, 0, 1, 0, 0, 1, 1, 0]),
        (xor, [0.023229773690672088, 1.1163558686599142], [1, 1, 1, 0, 1, 0, 0, 0]),
    ],
)
def test_a_seed_means_the_same_points_in_every_release(
    make: Callable[..., Made], first: list[float], classes: list[int]
) -> None:
    X, y = make(n=8, noise=0.1, seed=42)
    assert X[0] == pytest.approx(first, abs=1e-12)
    assert y == classes


def test_points_are_in_random_order() -> None:
    for make in GENERATORS:
        _, y = make(n=60)
        assert y != sorted(y)


def test_moons_are_two_half_circles() -> None:
    X, y = moons(41, noise=0.0)
    assert y.count(0) == 21
    for (a, b), k in zip(X, y, strict=True):
        assert math.hypot(a - k, b - 0.5 * k) == pytest.approx(1.0)
        assert b >= -1e-12 if k == 0 else b <= 0.5 + 1e-12
    assert min(a for a, _ in X) == pytest.approx(-1.0)
    assert max(a for a, _ in X) == pytest.approx(2.0)
    assert sorted(moons(2, noise=0.0)[0]) == [[0.0, 0.5], [1.0, 0.0]]


def test_circles_are_evenly_spaced_at_their_radii() -> None:
    X, y = circles(31, noise=0.0, factor=0.25)
    assert y.count(0) == 16
    for k, radius in enumerate((1.0, 0.25)):
        ring = [p for p, label in zip(X, y, strict=True) if label == k]
        assert all(math.hypot(*p) == pytest.approx(radius) for p in ring)
        angles = sorted(math.atan2(b, a) for a, b in ring)
        gaps = [b - a for a, b in pairwise(angles)]
        assert gaps == pytest.approx([2 * math.pi / len(ring)] * len(gaps))


def test_spirals_turn_with_the_radius() -> None:
    X, y = spirals(100, classes=3, turns=1.5, noise=0.0)
    assert [y.count(k) for k in range(3)] == [34, 33, 33]
    for (a, b), k in zip(X, y, strict=True):
        r = math.hypot(a, b)
        angle = 2 * math.pi * (k / 3 + 1.5 * r)
        assert (a, b) == pytest.approx((r * math.cos(angle), r * math.sin(angle)))


def test_xor() -> None:
    corners, labels = xor()
    assert corners == [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    assert labels == [0, 1, 1, 0]
    X, y = xor(42)
    assert all(k == (a != b) for (a, b), k in zip(X, y, strict=True))
    assert [X.count(corner) for corner in corners] == [11, 11, 10, 10]
    noisy, labels = xor(noise=0.1, seed=2)
    assert labels == [0, 1, 1, 0]
    assert noisy != corners


def test_one_hot_targets_are_a_copy() -> None:
    X, T = one_hot(8)
    assert X == T == [[float(i == j) for j in range(8)] for i in range(8)]
    X[0][0] = 5.0
    assert T[0][0] == 1.0


def test_iris_is_as_in_the_paper() -> None:
    X, y = iris()
    assert [len(X), len(y)] == [150, 150]
    assert [y.count(k) for k in range(3)] == [50, 50, 50]
    assert y == sorted(y)
    means = [statistics.fmean(column) for column in zip(*X, strict=True)]
    assert means == pytest.approx([5.843333, 3.057333, 3.758, 1.199333], abs=1e-6)
    deviations = [statistics.stdev(column) for column in zip(*X, strict=True)]
    assert deviations == pytest.approx([0.828066, 0.435866, 1.765298, 0.762238], abs=1e-6)
    assert X[34] == [4.9, 3.1, 1.5, 0.2]
    assert X[37] == [4.9, 3.6, 1.4, 0.1]
    assert X[149] == [5.9, 3.0, 5.1, 1.8]
    table = iris_table()
    assert table.features == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert table.classes == ["setosa", "versicolor", "virginica"]
    assert table.target == "species"
    assert iris()[0] is not X


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (moons, {"n": 1}, ValueError, "moons: n must be at least 2, got 1"),
        (moons, {"n": 2.5}, TypeError, r"moons: n must be a whole number, not float 2\.5"),
        (moons, {"n": True}, TypeError, "moons: n must be a whole number, not bool True"),
        (moons, {"noise": -1}, ValueError, r"moons: noise must be at least 0, got -1\.0"),
        (moons, {"noise": math.nan}, ValueError, "moons: noise must be a finite number, got nan"),
        (moons, {"noise": "1"}, TypeError, "moons: noise must be a real number, not str '1'"),
        (moons, {"noise": 10**400}, ValueError, "moons: noise must be a finite number, got inf"),
        (moons, {"seed": -1}, ValueError, "moons: seed must be at least 0, got -1"),
        (moons, {"seed": None}, TypeError, "moons: seed must be a whole number, not NoneType"),
        (
            circles,
            {"factor": 1},
            ValueError,
            "factor must be more than 0 and less than 1, got 1",
        ),
        (circles, {"factor": 0}, ValueError, r"circles: factor must be .* got 0\.0"),
        (spirals, {"classes": 1}, ValueError, "spirals: classes must be at least 2, got 1"),
        (spirals, {"n": 2, "classes": 3}, ValueError, "spirals: n must be at least 3, got 2"),
        (spirals, {"turns": 0}, ValueError, r"spirals: turns must be more than 0, got 0\.0"),
        (spirals, {"turns": None}, TypeError, "spirals: turns must be a real number, not NoneType"),
        (xor, {"n": 3}, ValueError, "xor: n must be at least 4, got 3"),
        (one_hot, {"n": 0}, ValueError, "one_hot: n must be at least 1, got 0"),
    ],
)
def test_bad_arguments(
    make: Callable[..., Any], options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(**options)


# ---- reading tables ----------------------------------------------------------------------------


def test_numbers_categories_and_classes(tmp_path: Path) -> None:
    text = "size,colour,weight,kind\n1,red,2.5,b\n-3e1,blue,.5,a\n+2.,red,1,b\n"
    table = read_csv(written(tmp_path, text), "kind")
    assert table.features == ["size", "colour=blue", "colour=red", "weight"]
    assert table.X == [[1.0, 0.0, 1.0, 2.5], [-30.0, 1.0, 0.0, 0.5], [2.0, 0.0, 1.0, 1.0]]
    assert table.y == [1, 0, 1]
    assert table.classes == ["a", "b"]
    assert table.target == "kind"
    assert all(type(k) is int for k in table.y)


def test_a_table_and_its_encoding_are_frozen() -> None:
    table = iris_table()
    frozen: list[tuple[Any, str]] = [
        (table, "X"), (table.encoding, "target"), (table.encoding.target, "name"),
        (table.encoding.features[0], "mean"),
    ]  # fmt: skip
    for record, field in frozen:
        with pytest.raises(AttributeError, match=f"cannot assign to field '{field}'"):
            setattr(record, field, None)


def test_features_are_taken_in_the_order_given(tmp_path: Path) -> None:
    table = read_csv(written(tmp_path, "a,b,c,t\n1,2,3,x\n4,5,6,y\n"), "t", features=["c", "a"])
    assert table.X == [[3.0, 1.0], [6.0, 4.0]]


@pytest.mark.parametrize(
    ("targets", "task", "classes", "y"),
    [
        (["1", "2", "1", "2"], "auto", ["1", "2"], [0, 1, 0, 1]),
        (["10", "9.0", "1e1", "9"], "auto", ["9", "10"], [1, 0, 1, 0]),
        (["1", "2", "3", "1"], "auto", None, [1.0, 2.0, 3.0, 1.0]),
        (["0.5", "1", "0.5", "1"], "auto", None, [0.5, 1.0, 0.5, 1.0]),
        (["0.5", "1", "0.5", "1"], "classification", ["0.5", "1"], [0, 1, 0, 1]),
        (["1", "2", "1", "2"], "regression", None, [1.0, 2.0, 1.0, 2.0]),
        (["x", "2", "x", "y"], "auto", ["2", "x", "y"], [1, 0, 1, 2]),
        (["x", "2", "2", "2"], "classification", ["2", "x"], [1, 0, 0, 0]),
        (["no", "yes", "no", "inf"], "auto", ["inf", "no", "yes"], [1, 2, 1, 0]),
        ([str(i) for i in range(11)] * 2, "auto", None, [float(i) for i in range(11)] * 2),
        (["1e300", "1"] * 2, "auto", ["1", "1e+300"], [1, 0, 1, 0]),
    ],
)
def test_classes_or_quantity(
    tmp_path: Path, targets: list[str], task: Any, classes: list[str] | None, y: list[float]
) -> None:
    rows = "".join(f"{i},{target}\n" for i, target in enumerate(targets))
    table = read_csv(written(tmp_path, "x,t\n" + rows), "t", task=task)
    assert table.classes == classes
    assert table.y == y
    assert {type(t) for t in table.y} == {int if classes else float}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b,t\n1,x y,u\n2,z,v\n", {}),
        ("a;b;t\n1;x y;u\n2;z;v\n", {}),
        ("a\tb\tt\n1\tx y\tu\n2\tz\tv\n", {}),
        ("a|b|t\n1|x y|u\n2|z|v\n", {"delimiter": "|"}),
        ("a b t\n1 'x y' u\n2 z v\n".replace("'", '"'), {"delimiter": " "}),
        ("\ufeffa,b,t\r\n1,x y,u\r\n2,z,v\r\n", {}),
        ("a,b,t\r1,x y,u\r2,z,v", {}),
        ('"a","b","t"\n"1","x y","u"\n2,z,v\n', {}),
        (' a , b , t \n\n 1, x y, u\n   \n\n2 ,"z",v\n\n', {}),
        ("a;b;t\n1,0;x y;u\n2,0;z;v\n", {"decimal": ","}),
    ],
    ids=["comma", "semicolon", "tab", "bar", "space", "BOM, CRLF", "CR", "quotes", "blanks", "1,0"],
)
def test_ways_to_write_the_same_table(tmp_path: Path, text: str, options: Any) -> None:
    table = read_csv(written(tmp_path, text), "t", **options)
    assert table.features == ["a", "b=x y", "b=z"]
    assert table.X == [[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]
    assert table.y == [0, 1]
    assert table.encoding.rows(written(tmp_path, text), **options) == table.X


def test_the_delimiter_that_fits_all_rows_wins(tmp_path: Path) -> None:
    text = "length, cm;width, cm;kind\n1.5;2;a\n2.5;3;b\n"
    assert read_csv(written(tmp_path, text), "kind").features == ["length, cm", "width, cm"]


cell = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    lambda text: not any(c.isdigit() for c in text) and text.lower() not in ("na", "?", "n/a")
)


@given(
    rows=st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), cell, cell),
        min_size=2, max_size=8,
    ).filter(lambda rows: len({row[2] for row in rows}) > 1),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, str, str]],
    delimiter: str,
    end: str,
) -> None:
    rows = [(x, f't{text}{delimiter}"{text}', f"c{label}") for x, text, label in rows]
    path = tmp_path_factory.getbasetemp() / "hypothesis.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
        writer.writerows([["x", "text", "label"], *rows])
    table = read_csv(path, "label", delimiter=delimiter)
    assert isinstance(table.encoding.features[1], CategoryColumn)
    texts, classes = table.encoding.features[1].values, table.classes
    assert classes is not None
    back = [(row[0], texts[row[1:].index(1.0)], classes[int(k)])
            for row, k in zip(table.X, table.y, strict=True)]  # fmt: skip
    assert back == rows
    assert bits([[row[0]] for row in table.X]) == bits([[row[0]] for row in rows])


def test_numbers_declared_as_names_keep_their_zeros(tmp_path: Path) -> None:
    path = written(tmp_path, "zip,t\n01,a\n1,b\nNA,b\n")
    table = read_csv(path, "t", categorical=["zip"])
    assert table.features == ["zip=01", "zip=1", "zip=NA"]
    assert table.X == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


ROWS = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(10))
MANY = "".join(f"id{i},{'ab'[i % 2]}\n" for i in range(101))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, r"t\.csv: the file is empty; the first line must name the columns"),
        ("\n\n", {}, r"t\.csv: the file is empty"),
        ("\nx,t\n", {}, r"t\.csv, line 2: no rows follow the header"),
        ("x,,t\n1,2,a\n", {}, r"line 1: column 2 has no name; name it in the header, or delete"),
        ("x,t,x\n1,2,3\n", {}, r"line 1, column 'x': columns 1 and 3 have the same name; rename"),
        ("x,kind\n1,a\n", {"target": "kidn"}, r"no column 'kidn', did you mean 'kind'\?; there ar"),
        ("x,t\n1,a\n", {"target": "zzz"}, r"line 1: no column 'zzz'; there are 'x', 't'"),
        ("5.1,3.5\n1,2\n", {}, r"no column 't'; the first line must hold the names of the columns"),
        ("x,t\n1,a\n2\n", {}, r"t\.csv, line 3: 1 cells where the header on line 1 names 2"),
        ("\nx,t\n\n1,a,3\n", {}, r"line 4: 3 cells where the header on line 2 .* contains ','"),
        ('x,t\n"1\n2",a\n1\n', {}, r"line 4: 1 cells"),
        ("x,t\n1,a\n,b\n", {}, r"t\.csv, line 3, column 'x': the value is missing \(empty\), .*"),
        ("x,t\n1,a\nNaN,b\n", {}, r"line 3, column 'x': the value is missing \('NaN'\)"),
        ("x,t\nr,a\n?,b\ns,a\n", {}, r"line 3, column 'x': the value is missing \('\?'\)"),
        ("x,t\n1,a\n2,\n3,b", {}, r"line 3, column 't': the value is missing"),
        ("x,t\n1,?\n2,?\n", {}, r"line 2, column 't': the value is missing"),
        ("x,t\n1,1.5\n2,\n3,4", {}, r"line 3, column 't': the value is missing"),
        ("x,t\n1,a\n,b\n", {"categorical": ["x"]}, r"line 3, column 'x': the value is missing"),
        ("x,t\n1,a\n-inf,b\n", {}, r"line 3, column 'x': '-inf' is not a finite number"),
        ("x,t\n1,a\n1e999,b\n", {}, r"line 3, column 'x': '1e999' is not a finite number that a f"),
        ("x,t\n1,a\n1e999,b\n", {}, r"correct the cell"),
        ("x,t\n" + ROWS + "1O,b\n", {}, r"line 12, column 'x': '1O' is not a number, .*half"),
        ("x,t\n1_000,a\n2,b\n", {}, r"line 2, column 'x': '1_000' is not a number.*categorical="),
        ("x,t\n٣,a\n2,b\n", {}, r"line 2, column 'x': '٣' is not a number"),
        ("x,t\n1,1\n2,2.5\n3,z\n", {}, r"line 4, column 't': 'z' is not a number, .*task='classif"),
        ("x,t\n1,a\n2,b\n", {"task": "regression"}, r"line 2, column 't': 'a' is not a number"),
        ("x,t\n1,a\n2,a\n", {}, r"line 2, column 't': 'a' is the only class, .*add rows"),
        ("x,t\n1,1\n2,1.0\n", {}, r"line 2, column 't': '1' is the only class"),
        ("x;t\n1,5;a\n2,5;b\n", {}, r"line 2, column 'x': '1,5' looks .*pass decimal=','"),
        ("x;t\n1;2,5\n2;3,5\n", {}, r"line 2, column 't': '2,5' looks .*decimal=','"),
        ("x;t\n1.5;a\n2;b\n", {"decimal": ","}, r"line 2, column 'x': '1\.5' is not a number"),
        ("x;t\n1.5;a\n2.5;b\n", {"decimal": ","}, r"'1\.5' looks .*pass decimal='\.'"),
        ("x,t\n" + MANY, {}, r"line 1, column 'x': 101 different texts in 101 rows .*features="),
        ("t,x\n" + MANY, {}, r"line 1, column 't': 101 different texts in 101 rows"),
        ("t\na\nb\n", {}, r"line 1: no column is left to predict 't' from; .*delimiter"),
        ("x,t\n1,a\n", {"features": []}, r"no column is left to predict 't' from"),
        ("x,t\n1,a\n", {"features": ["y"]}, r"line 1: no column 'y'"),
        ("x,t\n1,a\n", {"features": ["t"]}, r"column 't': the target is in features; leave it out"),
        ("x,t\n1,a\n", {"features": ["x", "x"]}, r"column 'x': named twice in features"),
        ("x,t\n1,a\n", {"categorical": ["t"]}, r"the target is in categorical; .*task="),
        ("x,t\n1,a\n", {"categorical": ["y"]}, r"line 1: no column 'y'"),
        ('x,t\n1,a\n"2,b\n3,c\n', {}, r"t\.csv, line 3: the row cannot be read \(unexpected end"),
        ('x,t\n"1"2,a\n', {}, r"t\.csv, line 2: the row cannot be read .*close every quotation"),
        (b"x,t\n1,a\n\xe9,b\n", {}, r"t\.csv, line 3: found the byte 0xe9, .*not UTF-8; save the"),
        ("x,t\n1,a\n2,b\n".encode("utf-16"), {}, r"t\.csv, line 1: found the byte 0xff"),
        ("x,t\n1,a\n2,b\n".encode("utf-16-le"), {}, r"t\.csv, line 1: found a NUL character"),
        (b"x,t\n1,\0\n", {}, r"t\.csv, line 2: found a NUL character"),
        ("x,t\n" + "9" * 200_000 + ",a", {}, r"line 2: the row cannot be read \(field larger"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str | bytes, options: Any, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_csv(path, **{"target": "t", **options})
    assert str(caught.value).startswith(str(path))
    assert isinstance(caught.value, ValueError)


def test_a_long_cell_is_refused_quickly(tmp_path: Path) -> None:
    path = written(tmp_path, "x,t\n1,a\n" + "9" * 130_000 + "x,b\n")
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"line 3, column 'x': '9+ is not a number"):
        read_csv(path, "t")
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task": "guess"}, ValueError, r"task is 'guess'; choose 'auto'"),
        ({"decimal": ";"}, ValueError, r"decimal is ';'; choose '\.' or ','"),
        ({"delimiter": ";;"}, ValueError, r"delimiter is ';;'; choose one character"),
        ({"delimiter": '"'}, ValueError, r"delimiter is '\"'"),
        ({"delimiter": ",", "decimal": ","}, ValueError, r"the decimal mark ','"),
        ({"delimiter": 3}, ValueError, r"delimiter is 3"),
        ({"features": "x"}, TypeError, r"features is the text 'x'; pass a list .* \['x'\]"),
        ({"categorical": "x"}, TypeError, r"categorical is the text 'x'"),
    ],
)
def test_bad_options(tmp_path: Path, options: Any, error: type[Exception], message: str) -> None:
    path = written(tmp_path, "x,t\n1,a\n2,b\n")
    with pytest.raises(error, match=message):
        read_csv(path, "t", **options)


def test_no_such_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such data file; .*nothing\.csv"):
        read_csv(tmp_path / "nothing.csv", "t")
    with pytest.raises(DataError, match=r"this is a directory; name a CSV file in it"):
        read_csv(tmp_path, "t")


@given(data=st.binary(max_size=60) | st.text('xt,;\t\n\r"1.a?- ', max_size=40).map(str.encode))
def test_any_bytes_are_a_table_or_an_explained_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"x,t\n1,a\n" + data)
    try:
        table = read_csv(path, "t")
    except DataError:
        return
    assert len(table.X) == len(table.y) >= 2
    assert table.encoding.rows(path) == table.X


# ---- encodings ---------------------------------------------------------------------------------


@pytest.fixture
def fruit(tmp_path: Path) -> Table:
    text = "size,colour,fruit\n1,red,apple\n3,green,pear\n5,red,apple\n"
    return read_csv(written(tmp_path, text, "fruit.csv"), "fruit")


def test_new_rows_are_coded_as_the_training_rows(tmp_path: Path, fruit: Table) -> None:
    encoding = fruit.encoding.standardised(fruit.X)
    through_json = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert through_json == encoding
    new = written(tmp_path, "note;colour;size\n;green;3\n;red;5\n")
    scale = math.sqrt(8 / 3)
    assert through_json.rows(new) == [[0.0, 1.0, 0.0], [pytest.approx(2 / scale), 0.0, 1.0]]
    assert encoding.rows(tmp_path / "fruit.csv") == standardise(
        fruit.X, encoding.mean, encoding.scale
    )[0]  # fmt: skip
    assert encoding.mean == [3.0, 0.0, 0.0]
    assert encoding.scale == [pytest.approx(scale), 1.0, 1.0]


def test_labelled_rows_are_read_with_the_same_classes(tmp_path: Path, fruit: Table) -> None:
    table = fruit.encoding.table(written(tmp_path, "fruit,size,colour\npear,2,red\n"))
    assert table.X == [[2.0, 0.0, 1.0]]
    assert table.y == [1]
    assert table.encoding is fruit.encoding
    numbers = read_csv(written(tmp_path, "x,t\n1,0\n2,1\n3,0\n4,1\n"), "t")
    assert numbers.encoding.table(written(tmp_path, "x,t\n1,1.0\n2,0\n")).y == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size,color\n1,red\n", r"t\.csv, line 1: no column 'colour', did you mean 'color'\?"),
        ("size,colour\n1,read\n", r"line 2, column 'colour': 'read' is not a known value, did you"),
        ("size,colour\n1,x\n", r"'x' is not a known value; known are 'green', 'red'"),
        ("size,colour\n1,\n", r"line 2, column 'colour': the value is missing"),
        ("size,colour\n1,red\nbig,red\n", r"line 3, column 'size': 'big' is not a number"),
        ("size,colour\n", r"line 1: no rows follow the header"),
        ("size,colour\n1\n", r"line 2: 1 cells"),
    ],
)
def test_bad_new_rows(tmp_path: Path, fruit: Table, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fruit.encoding.rows(written(tmp_path, text))


def test_an_unknown_class_and_a_missing_target(tmp_path: Path, fruit: Table) -> None:
    with pytest.raises(DataError, match=r"line 2, column 'fruit': 'fig' is not a known value"):
        fruit.encoding.table(written(tmp_path, "size,colour,fruit\n1,red,fig\n"))
    with pytest.raises(DataError, match=r"no column 'fruit'"):
        fruit.encoding.table(written(tmp_path, "size,colour\n1,red\n"))


def test_targets_of_a_regression(tmp_path: Path) -> None:
    path = written(tmp_path, "x,t\n1,10.5\n2,20.5\n")
    table = read_csv(path, "t")
    encoding = table.encoding.standardised(table.X, table.y)
    assert encoding.target == NumberColumn("t", 15.5, 5.0)
    assert encoding.classes is None
    assert encoding.scale_target(table.y) == [-1.0, 1.0]
    assert encoding.unscale_target([-1.0, 1.0]) == [10.5, 20.5]
    assert encoding.table(path).y == [10.5, 20.5]
    assert Encoding.from_json(encoding.to_json()) == encoding


def test_a_class_has_no_scale(fruit: Table) -> None:
    for call in (fruit.encoding.scale_target, fruit.encoding.unscale_target):
        with pytest.raises(ValueError, match=r"'fruit' is a class, .*leave the class indices"):
            call([0.0])
    with pytest.raises(ValueError, match=r"'fruit' is a class"):
        fruit.encoding.standardised(fruit.X, fruit.y)
    with pytest.raises(ValueError, match=r"row 0 has 2 numbers where 3 are expected"):
        fruit.encoding.standardised([[1.0, 2.0]])


NUMBER = {"name": "x", "kind": "number", "mean": 0.0, "scale": 1.0}
CLASS = {"name": "t", "kind": "category", "values": ["a", "b"]}


@pytest.mark.parametrize(
    ("features", "target", "message"),
    [
        ([], CLASS, r"encoding\.features: expected a list of at least one column, found \[\]"),
        ({}, CLASS, r"encoding\.features: expected a list"),
        ([3], CLASS, r"encoding\.features\[0\]: expected a column of kind 'number' or 'category'"),
        ([NUMBER | {"kind": "text"}], CLASS, r"encoding\.features\[0\]: expected a column of kind"),
        ([NUMBER | {"more": 1}], CLASS, r"features\[0\]: expected an object with the fields \["),
        ([NUMBER | {"mean": "0"}], CLASS, r"features\[0\]\.mean: expected a number, found '0'"),
        ([NUMBER | {"mean": True}], CLASS, r"features\[0\]\.mean: expected a number, found True"),
        ([NUMBER | {"mean": math.nan}], CLASS, r"features\[0\]\.mean: expected a finite number"),
        ([NUMBER | {"mean": 10**5000}], CLASS, r"features\[0\]\.mean: expected a finite number"),
        ([NUMBER | {"scale": 0}], CLASS, r"features\[0\]\.scale: expected a number above 0"),
        ([NUMBER | {"name": ""}], CLASS, r"features\[0\]\.name: expected a text, found ''"),
        ([NUMBER, NUMBER], CLASS, r"encoding: expected different column names, found \['x', 'x'"),
        ([NUMBER], CLASS | {"name": "x"}, r"encoding: expected different column names"),
        ([NUMBER], CLASS | {"values": ["a", "a"]}, r"target\.values: expected different names"),
        ([NUMBER], CLASS | {"values": ["a"]}, r"target\.values: expected at least two classes"),
        ([NUMBER], CLASS | {"values": []}, r"target\.values: expected a list of at least one name"),
        ([NUMBER], CLASS | {"values": ["a", 1]}, r"target\.values\[1\]: expected a text, found 1"),
        ([NUMBER], None, r"encoding\.target: expected a column"),
    ],
)
def test_bad_encodings(features: Any, target: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Encoding.from_json({"features": features, "target": target})


def test_an_encoding_is_an_object_with_two_fields() -> None:
    examples: list[Any] = [None, [], {}, {"features": []}, {"features": [], "target": 1, "x": 2}]
    for data in examples:
        with pytest.raises(DataError, match=r"encoding: expected an object with"):
            Encoding.from_json(data)


# ---- preparing rows ----------------------------------------------------------------------------

finite = st.floats(-1e6, 1e6)


@given(st.lists(st.lists(finite, min_size=3, max_size=3), min_size=2, max_size=20))
def test_standardised_columns_have_mean_0_and_deviation_1(X: list[list[float]]) -> None:
    Z, mean, scale = standardise(X)
    for j, column in enumerate(zip(*Z, strict=True)):
        original = [row[j] for row in X]
        spread = max(original) - min(original)
        if spread > 1e-6:
            assert statistics.fmean(column) == pytest.approx(0.0, abs=1e-6)
            assert statistics.pstdev(column) == pytest.approx(1.0)
        elif spread == 0:
            assert (set(column), mean[j], scale[j]) == ({0.0}, original[0], 1.0)
    assert bits(standardise(X, mean, scale)[0]) == bits(Z)


def test_standardise_at_the_edges() -> None:
    assert standardise([[0.1]] * 3) == ([[0.0]] * 3, [0.1], [1.0])
    assert standardise([[1e200], [-1e200]]) == ([[1.0], [-1.0]], [0.0], [1e200])
    Z, _, scale = standardise([[0.0]] * 9 + [[5e-324]])
    assert scale == [1.0]
    assert all(math.isfinite(z) for (z,) in Z)
    assert standardise([(1, 2), (3, 4)], [1, 2], [1, 2])[0] == [[0.0, 0.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ValueError, r"standardise: there are no numbers"),
        (([[]],), ValueError, r"standardise: there are no numbers"),
        (([[1.0], [1.0, 2.0]],), ValueError, r"row 1 has 2 numbers where 1 are expected"),
        (([[1.0], [math.nan]],), ValueError, "row 1, column 0 must be a finite number, got nan"),
        (([["1"]],), TypeError, "row 0, column 0 must be a real number, not str '1'"),
        (([[1.0]], [0.0]), ValueError, r"mean and scale belong together"),
        (([[1.0]], None, [0.0]), ValueError, r"mean and scale belong together"),
        (([[1.0]], [0.0], [0.0]), ValueError, r"scale\[0\] must be more than 0, got 0\.0"),
        (([[1.0]], [0.0, 1.0], [1.0]), ValueError, r"mean has 2 numbers for 1 columns"),
        (([[1.0]], [0.0], [math.inf]), ValueError, r"scale\[0\] must be a finite number, got inf"),
        (([[1.7e308], [1.7e308], [1.0]],), ValueError, r"column 0 is too large to be summed"),
        (([[1.7e308], [-1.7e308], [-1.7e308]],), ValueError, r"column 0 is too large"),
    ],
)
def test_standardise_refuses(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        standardise(*arguments)


@given(
    labels=st.lists(st.integers(0, 2), min_size=2, max_size=50),
    test=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
def test_split_deals_every_sample_once(labels: list[int], test: float, seed: int) -> None:
    X = [[float(i)] for i in range(len(labels))]
    parts = split(X, labels, test, seed)
    X_train, y_train, X_test, y_test = parts
    assert sorted(X_train + X_test) == X
    assert all(labels[int(row[0])] == k for row, k in zip(X_train, y_train, strict=True))
    assert all(labels[int(row[0])] == k for row, k in zip(X_test, y_test, strict=True))
    assert X_train
    assert X_test
    assert abs(len(X_test) - test * len(X)) <= 1
    assert parts == split(X, labels, test, seed)


def test_another_seed_deals_otherwise() -> None:
    X, y = iris()
    assert split(X, y, seed=0) != split(X, y, seed=1)
    assert [len(part) for part in split(X, y)] == [112, 112, 38, 38]


def test_stratified_parts_have_the_shares_of_the_classes() -> None:
    X, y = iris()
    _, y_train, _, y_test = split(X, y, test=0.3, stratify=True)
    assert [y_test.count(k) for k in range(3)] == [15, 15, 15]
    assert y_train != sorted(y_train)
    rare = [0] * 20 + [1] * 2
    _, y_train, _, y_test = split(rare, rare, test=0.1, stratify=True)
    assert (y_train.count(1), y_test.count(1)) == (1, 1)


@pytest.mark.parametrize(
    ("y", "options", "error", "message"),
    [
        (
            [1, 2],
            {"test": 0},
            ValueError,
            r"split: test must be more than 0 and less than 1",
        ),
        ([1, 2], {"test": 1.0}, ValueError, r"split: test must be .* got 1\.0"),
        ([1, 2], {"test": "half"}, TypeError, "split: test must be a real number, not str 'half'"),
        ([1, 2, 3], {}, ValueError, r"split: 2 inputs but 3 targets"),
        ([1, 2], {"seed": 0.5}, TypeError, r"split: seed must be a whole number, not float 0\.5"),
        ([1, 2], {"stratify": True}, ValueError, r"split: a class with 1 sample\(s\) cannot fill"),
        ([[1], [2]], {"stratify": True}, TypeError, r"split: the target \[\d\] is a list, .*strat"),
    ],
)
def test_split_refuses(y: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        split([1.0, 2.0], y, **options)


def test_split_refuses_data_that_cannot_fill_two_parts() -> None:
    for n in (0, 1):
        with pytest.raises(ValueError, match=rf"split: the data with {n} sample\(s\) cannot fill"):
            split([1.0] * n, [0] * n)


def test_texts_that_are_all_different_are_no_category(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("name,height,t\n" + "".join(f"p{i},{i},{i % 2}\n" for i in range(20)))
    with pytest.raises(DataError, match=r"'name': 20 different texts in 20 rows are no category"):
        read_csv(path, "t")
