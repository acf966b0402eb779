"""The directive `operations`: the table of operations, as its rows spell themselves."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from microgrunderscore import OPERATIONS, Value
from microgrunderscore.operation import Operation
from microgrunderscore.pictures.names import Name
from microgrunderscore.pictures.symbols import meaning, slope_symbol

POINTS = {"acosh": (1.5,)}  # where a row is defined, if not at these:
USUAL = (0.5, 0.25, 0.125)
BAR = r"\vert "  # of absolute values in formulas; others part the columns
ALSO = {"abs": ", `absolute`", "pow": ", `power`"}  # names that hide none of Python's
HEAD = ["| operation | value z | derivatives | defined for |", "|---|---|---|---|"]


class OperationsTable(SphinxDirective):
    """`{operations}` with a number of operands, or `any`: the rows with so many."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table."""
        wanted = None if self.arguments[0] == "any" else int(self.arguments[0])
        rows = [_row(op) for op in OPERATIONS.values() if op.arity == wanted]
        return self.parse_text_to_nodes("\n".join([*HEAD, *rows]))


def _row(op: Operation) -> str:
    """One line of the table, in Markdown."""
    names = ["x", "y", "w"] if op.arity else ["x₁", "x₂"]
    points = POINTS.get(op.name, USUAL)[: op.arity or 2]
    operands = [Value(point, name) for point, name in zip(points, names, strict=False)]
    z = op(*operands)
    z.label = "z"
    value = meaning(z, _name)
    assert value is not None, f"the row {op.name} does not spell its value"
    formulas = [cell.replace("|", BAR) for cell in (f"${value.latex}$", _slopes(z))]
    called = f"`{op.name}`" + ALSO.get(op.name, "")
    return f"| {called} | {' | '.join(formulas)} | {op.domain or 'all numbers'} |"


def _name(node: Value) -> Name:
    subscripted = node.label.replace("₁", "_1").replace("₂", "_2")
    return Name(node.label, subscripted)


def _slopes(z: Value) -> str:
    """∂z/∂x and the others, in the textbook's form."""
    slopes = []
    for place, (x, slope) in enumerate(zip(z.parents, z.partials, strict=True)):
        symbol = slope_symbol(z, place, slope, _name)
        slopes.append(rf"\partial z/\partial {_name(x).latex} = {symbol.latex}")
    return ", ".join(f"${slope}$" for slope in slopes)


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls when it loads the extension."""
    app.add_directive("operations", OperationsTable)
    return {"parallel_read_safe": True}
