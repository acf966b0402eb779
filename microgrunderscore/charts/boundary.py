"""The decision boundary: what a classifier says about the plane of two inputs, and where it errs.

The deeper the colour, the clearer the model's answer; the line is where its answer changes.
Classes differ in colour and in shape, and wrong points wear a ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..pictures.axes import (
    LINE,
    Axes,
    Point,
    clear,
    end_margin,
    evenly,
    left_margin,
    path_of,
    shortened,
)
from ..pictures.names import number_text
from ..pictures.svg import Box, Svg, escaped, short, size_of
from ..pictures.wording import counted, percent_of
from .chart import EDGE, Chart, Colours, Sheet, literal
from .pixels import MOST_COLOURS, Tint, address, png, tints
from .plane import Plane, Samples, samples_of
from .surface import Surface, surface

# One role for each class, and one shape; with seven shapes, 42 classes look different.
ROLES = ("value", "gradient", "slope", "fourth", "fifth", "muted")
SHAPES: Sequence[tuple[str, str]] = (  # what it is called, and its outline around (0, 0)
    ("circle", "m-4.6,0a4.6,4.6 0 1,0 9.2,0a4.6,4.6 0 1,0 -9.2,0z"),
    ("square", "m-4.2,-4.2h8.4v8.4h-8.4z"),
    ("triangle", "m0,-5.6l5.4,9.4h-10.8z"),
    ("diamond", "m0,-6l6,6l-6,6l-6,-6z"),
    ("inverted triangle", "m0,5.6l5.4,-9.4h-10.8z"),
    ("cross", "m-2,-5.4h4v3.4h3.4v4h-3.4v3.4h-4v-3.4h-3.4v-4h3.4z"),
    ("pentagon", "m0,-5.4l5.4,3.9l-2.1,6.2h-6.6l-2.1,-6.2z"),
)
_MARKERS = "os^DvPp"  # the same for matplotlib
RING = "m-8,0a8,8 0 1,0 16,0a8,8 0 1,0 -16,0z"
_SMALL_RING = "m-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0z"
MOST_CLASSES = len(ROLES) * len(SHAPES)
MOST_LEVELS = 32  # tints of each class
MOST_POINTS = 1000  # that are drawn

SIDE = 400.0  # px, of the plane
EXPLANATION = "Deeper colour: clearer answer. Line: where it changes."


def decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    *,
    features: tuple[int, int] | None = None,
    resolution: int = 56,
    title: str | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """Where a classifier draws the line between classes, over the plane of two of its inputs.

    Args:
        model: called with one sample; its method `predict` is used if there is one.
        X: samples of at least 2 features, a table of finite numbers.
        y: their classes: for a model of one output 0 or 1, or -1 or 1; for one of several outputs
            class indices or one-hot rows.
        features: which two features are drawn; may be None if there are only two. All others are
            held at their mean, but points are judged by all their features.
        resolution: the model is asked in so many places in each direction, 2 to 512.
        title: above the picture; "Decision boundary" if None.
        class_names: for the legend; "class 0", … if None.
        feature_names: of the two axes; "x₁" and "x₂" if None.
        theme: "auto", "light" or "dark".
        format: what a notebook stores, see `Picture`.

    Returns:
        A chart. Its numbers are: `extent` (left, right, bottom, top); `grid`, the model's outputs,
        `classes` and `clearness` row by row from the top; `lines`; `points`, `targets`, the
        classes that the model has `predicted`, the indices of the `wrong` points; `accuracy`.

    Raises:
        ValueError: other than two features without a choice, targets that name no class, an
            output that is not finite, an argument outside its range.
        TypeError: an argument of another kind.

    A single output means class 1 above ½ if the last layer is a sigmoid, else above 0. "Clear" is
    how far the probability of the class that wins is above that of the next: outputs that are no
    probabilities become such by the sigmoid or softmax function.

    >>> chart = decision_boundary(lambda x: x[0] - x[1], [[0, 1], [1, 0]], [0, 1], resolution=9)
    >>> print(chart)
    Decision boundary over x₁ from −0.12 to 1.12 and x₂ from −0.12 to 1.12.
    2 of 2 points right, 0 wrong: accuracy 100 %.
    class 0 (circle): 1 point, 56 % of the plane.
    class 1 (square): 1 point, 44 % of the plane.
    """
    samples = samples_of("decision_boundary", model, X, y, features, feature_names, class_names)
    check_classes(samples)
    plane = Plane.around(samples.points, resolution)
    seen = surface(model, samples, plane)
    before, beyond = margins_of(plane)
    left, right = EDGE + before, max(EDGE, beyond) + 8
    sheet = Sheet("Decision boundary" if title is None else title, left + SIDE + right)
    sheet.note(sheet.y - 2, [_score(seen)])
    top = 34 + class_legend(sheet.svg, EDGE, sheet.y + 22, samples, sheet.inner)
    draw_plane(sheet.svg, (left, top, SIDE, SIDE), seen)
    sheet.note(top + SIDE + 36, [EXPLANATION, *remarks(samples)])
    return sheet.chart(
        _described(sheet.title, seen),
        numbers={
            "extent": list(plane.extent),
            "grid": seen.outputs,
            "classes": seen.winners,
            "clearness": seen.clearness,
            "lines": [[list(plane.place(point)) for point in line] for line in seen.lines],
            "points": [list(point) for point in samples.points],
            "targets": samples.classes,
            "predicted": seen.predicted,
            "wrong": seen.wrong,
            "accuracy": seen.accuracy,
        },
        plot=lambda axes, colours: _plot(axes, colours, seen),
        theme=theme,
        format=format,
    )


def check_classes(samples: Samples) -> None:
    """Refuse more classes than can be told apart."""
    if samples.count > MOST_CLASSES:
        raise ValueError(
            f"{samples.count} classes cannot be told apart on one plane: at most {MOST_CLASSES}"
        )


# ---- words -------------------------------------------------------------------------------------


def _score(seen: Surface) -> str:
    """How many points are classified rightly, as a sentence."""
    n, wrong = len(seen.predicted), len(seen.wrong)
    share = percent_of(n - wrong, n)
    return f"{n - wrong:,} of {counted(n, 'point')} right, {wrong:,} wrong: accuracy {share}."


def _described(title: str, seen: Surface) -> str:
    """All that is to be seen, as text."""
    samples, plane = seen.samples, seen.plane
    lines = [f"{title} over {plane.span(*map(clear, samples.axes))}.", _score(seen)]
    for k, name in enumerate(samples.names):
        points = counted(samples.classes.count(k), "point")
        share = percent_of(sum(row.count(k) for row in seen.winners), plane.resolution**2)
        lines.append(f"{clear(name)} ({_shape(k)[0]}): {points}, {share} of the plane.")
    for i in seen.wrong[:10]:
        lines.append(f"Wrong: {_point(samples, i)}; the model says {_says(seen, i)}.")
    if len(seen.wrong) > 10:
        lines.append(f"… and {len(seen.wrong) - 10:,} more.")
    return "\n".join([*lines, *remarks(samples)])


def remarks(samples: Samples) -> list[str]:
    """What else a reader must know."""
    found = []
    if samples.held:
        found.append(
            f"The plane is that of {' and '.join(map(clear, samples.axes))} where all else is at "
            f"its mean ({samples.held}); points are judged by all their features."
        )
    if len(samples.classes) > MOST_POINTS:
        found.append(f"{MOST_POINTS:,} of {counted(len(samples.classes), 'point')} are drawn.")
    return found


def _point(samples: Samples, i: int) -> str:
    x, y = samples.points[i]
    own = clear(samples.names[samples.classes[i]])
    return f"point {i} at ({number_text(x)}, {number_text(y)}) is {own}"


def _says(seen: Surface, i: int) -> str:
    return clear(seen.samples.names[seen.predicted[i]])


# ---- pixels ------------------------------------------------------------------------------------


def heat(seen: Surface) -> str:
    """The heat map as a data address."""
    return address(png(*_pixels(seen)))


def _pixels(seen: Surface) -> tuple[list[list[int]], list[Tint]]:
    """For every place the index of its tint, and the tints, one class after another."""
    count = seen.samples.count
    levels = min(MOST_LEVELS, MOST_COLOURS // count)
    indices = [
        [k * levels + round(clearness * (levels - 1)) for k, clearness in zip(*both, strict=True)]
        for both in zip(seen.winners, seen.clearness, strict=True)
    ]
    return indices, [tint for k in range(count) for tint in tints(_role(k), levels)]


def around(box: Box, resolution: int) -> Box:
    """Where the pixels lie: the middles of the outer ones are on the edges of the box."""
    left, top, width, height = box
    across, down = width / (resolution - 1), height / (resolution - 1)
    return left - across / 2, top - down / 2, width + across, height + down


# ---- drawing -----------------------------------------------------------------------------------


def margins_of(plane: Plane) -> tuple[float, float]:
    """The room for numbers to the left of the plane, and beyond its right end, px."""
    axes = plane.axes(Svg(), (0.0, 0.0, SIDE, SIDE))
    return left_margin(axes.y), end_margin(axes.x)


def draw_plane(svg: Svg, box: Box, seen: Surface, *, parts: bool = False) -> None:
    """Heat map, line, points and axes.

    parts: name what changes from frame to frame in an attribute, for a player.
    """
    left, top, width, height = box
    samples, plane = seen.samples, seen.plane
    axes = plane.axes(svg, box)
    inner = Svg()  # nested, since it is cut off at the edges of the box
    x, y, across, down = around((0.0, 0.0, width, height), plane.resolution)
    inner.element(
        "image", x=x, y=y, width=across, height=down, href=heat(seen),
        preserveAspectRatio="none", data_part="heat" if parts else None,
    )  # fmt: skip
    svg.element("svg", "", inner.body, x=left, y=top, width=width, height=height)
    line = line_of(axes, seen)
    svg.path(line, "ink-line", stroke_linejoin="round", data_part="line" if parts else None)
    _draw_points(svg, axes, seen, says=not parts)
    svg.path(rings_of(axes, seen), "ring", data_part="rings" if parts else None)
    axes.outline()
    axes.left(grid=False, outside=True)
    first, second = (shortened(name, width, "note muted") for name in samples.axes)
    axes.bottom(first, outside=True)
    svg.text(left - margins_of(plane)[0], top - 10, second, "note muted")


def line_of(axes: Axes, seen: Surface) -> str:
    """The decision boundary as the data of a path."""
    lines = ([axes.place(*seen.plane.place(p)) for p in line] for line in seen.lines)
    return "".join(map(path_of, lines))


def rings_of(axes: Axes, seen: Surface) -> str:
    """The rings around the wrong points, as the data of a path."""
    points, drawn = seen.samples.points, set(_drawn(seen.samples))
    return "".join(_at(axes, points[i]) + RING for i in seen.wrong if i in drawn)


def _drawn(samples: Samples) -> list[int]:
    """Which points are drawn: all, or as many as a picture can hold."""
    return evenly(len(samples.classes), MOST_POINTS)


def _at(axes: Axes, point: Point) -> str:
    x, y = axes.place(*point)
    return f"M{short(x)},{short(y)}"


def _draw_points(svg: Svg, axes: Axes, seen: Surface, *, says: bool) -> None:
    """The points, which say what they are when a mouse is over them.

    says: and what the model says of those that are wrong.
    """
    points, wrong = seen.samples.points, set(seen.wrong)
    for i in _drawn(seen.samples):
        k = seen.samples.classes[i]
        title = _point(seen.samples, i)
        if says and i in wrong:
            title += f"; the model says {_says(seen, i)}"
        d = _at(axes, points[i]) + _shape(k)[1]
        svg.element("path", _point_class(k), f"<title>{escaped(title)}</title>", d=d)


def _role(k: int) -> str:
    return ROLES[k % len(ROLES)]


def _shape(k: int) -> tuple[str, str]:
    return SHAPES[k % len(SHAPES)]


def _point_class(k: int) -> str:
    return f"point-{k % len(ROLES) + 1}"


def class_legend(svg: Svg, x: float, y: float, samples: Samples, width: float) -> float:
    """The shapes and what they mean, in as many lines as needed; the last base line."""
    entries = [
        (_shape(k)[1], _point_class(k), shortened(name, width - 24, "note"))
        for k, name in enumerate(samples.names)
    ]
    entries.append((_SMALL_RING, "ring", "wrong"))
    left = x
    for outline, classes, text in entries:
        needed = 20 + size_of(text, "note")
        if left > x and left + needed > x + width:
            left, y = x, y + LINE + 4
        svg.path(f"M{short(left + 7)},{short(y - 4)}{outline}", classes)
        svg.text(left + 19, y, text, "note")
        left += needed + 16
    return y


# ---- the same in matplotlib --------------------------------------------------------------------


def _plot(axes: Any, colours: Colours, seen: Surface) -> None:
    """Heat map, lines and points."""
    samples, plane = seen.samples, seen.plane
    indices, tint = _pixels(seen)
    image = [[[x / 255 for x in tint[k]] for k in row] for row in indices]
    left, bottom, width, height = around(
        (plane.left, plane.bottom, plane.right - plane.left, plane.top - plane.bottom),
        plane.resolution,
    )
    extent = (left, left + width, bottom, bottom + height)
    axes.imshow(image, extent=extent, origin="upper", aspect="auto", interpolation="bilinear")
    for line in seen.lines:
        xs, ys = zip(*map(plane.place, line), strict=True)
        axes.plot(xs, ys, color=colours["ink"], linewidth=2)
    points, drawn = samples.points, _drawn(samples)
    for k, name in enumerate(samples.names):
        chosen = [points[i] for i in drawn if samples.classes[i] == k]
        axes.scatter(
            [x for x, _ in chosen], [y for _, y in chosen], label=literal(name), s=40,
            marker=_MARKERS[k % len(_MARKERS)], color=colours[_role(k)],
            edgecolors=colours["background"], zorder=3,
        )  # fmt: skip
    wrong = [points[i] for i in drawn if seen.predicted[i] != samples.classes[i]]
    axes.scatter(
        [x for x, _ in wrong], [y for _, y in wrong], label="wrong", s=140, marker="o",
        facecolors="none", edgecolors=colours["ink"], linewidths=1.5, zorder=4,
    )  # fmt: skip
    axes.set_xlim(plane.left, plane.right)
    axes.set_ylim(plane.bottom, plane.top)
    axes.set_xlabel(literal(samples.axes[0]))
    axes.set_ylabel(literal(samples.axes[1]))
    axes.legend()
