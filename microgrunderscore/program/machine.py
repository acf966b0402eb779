"""Machine code: the functions of ``on_llvm`` as one module, compiled, and its memory.

``run`` goes once through the blocks of a batch; ``train`` does that again and again, with a step
of an optimiser in between, which is a program of its own whose samples are the parameters.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..operation import OPERATIONS
from . import vector_maths
from .groups import Layout
from .llvm_frame import ALONE, SINGLE, WIDE, Shape
from .llvm_text import WIDTH, constant, everywhere, function_of, symbol_of, type_of
from .on_llvm import Printer
from .strides import Slots

MOST_OPTIMISED = 2000  # single statements: of more, LLVM translates each in no time, one by one
ALIGNMENT = 64  # bytes: a cache line, and the widest vector
_STEP = "ptr %U, ptr %T, ptr %V, ptr %table"
_KINDS = ("ptr", "ptr", "ptr", "i64", "ptr", "ptr", "ptr", "i64")  # of the arguments of run
_RUN = "ptr %U, ptr %T, ptr %X, i64 %step, ptr %V, ptr %O, ptr %table, i64 %blocks"
# Where C has the function, under which name.
_IN_C = {
    "pow": "pow", "hypot": "hypot", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan",
    "atan2": "atan2", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "acosh": "acosh",
    "atanh": "atanh", "erf": "erf", "erfc": "erfc", "sin": "sin", "cos": "cos",
}  # fmt: skip


def best_shape(samples: int) -> Shape:
    """How many samples to work on at once: much in registers, little padding.

    >>> best_shape(1).lanes, best_shape(1000).lanes
    (1, 32)
    """
    if samples < WIDTH // 2:
        return ALONE if samples == 1 else SINGLE
    vectors = -(-samples // WIDTH)
    return min(
        (Shape(v) for v in (1, 2, 4)),
        key=lambda s: (-(-vectors // s.vectors) * (s.vectors + 1), -s.vectors),
    )


# ---- text ---------------------------------------------------------------------------------------


class Module:
    """The text of a whole module.

    text: LLVM's language. tables: of `run` and of the update. externals: the functions that it
    calls by address. level: of LLVM's optimisation; 2 takes longer than 1 and gains nothing.
    """

    def __init__(self, layout: Layout, shape: Shape, update: Layout | None = None) -> None:
        called: set[tuple[str, int]] = set()
        self.shape = shape
        self.main = Printer(layout, shape, "main", called)
        parts = [*self.main.functions, _run("run", layout, self.main), _RUN_FROM_LIST]
        self.update: Printer | None = None
        if update is not None:
            self.update = Printer(update, Shape(4), "update", called)
            parts += [*self.update.functions, _run("run_update", update, self.update, (0, 2, 3))]
            parts += [_finite(), _train(layout, update)]
        single = len(layout.steps) - len(layout.groups)
        self.level = 0 if single > MOST_OPTIMISED else 1
        maths, self.externals = _maths(called)
        self.text = "\n".join([*_declarations(called), *maths, *parts])


def _run(name: str, layout: Layout, printer: Printer, places: Sequence[int] = ()) -> str:
    """One pass: what is uniform, the blocks of samples, what remains."""
    lanes = printer.shape.lanes
    calls = {
        phase: "\n".join(f"call void @{f}({_STEP})" for f in functions)
        for phase, functions in printer.phases.items()
    }
    clear = f"call void @llvm.memset.p0.i64(ptr %V, i8 0, i64 {printer.sums * WIDTH * 8}, i1 0)"
    body = [_copied_in(k, lanes) for k in range(layout.input_count)]
    body.append(calls[1])
    places = places or range(len(layout.lanes))
    for k, (place, (lane, slot)) in enumerate(zip(places, layout.lanes, strict=False)):
        body.append(_copied_out(k, place, lane, slot, printer.shape))
    return f"""define void @{name}({_RUN}) {WIDE} {{
entry:
{calls[0]}
{clear}
%some = icmp sgt i64 %blocks, 0
br i1 %some, label %block, label %after
block:
%i = phi i64 [0, %entry], [%next, %block]
%at = mul i64 %i, {lanes}
%X0 = getelementptr double, ptr %X, i64 %at
%O0 = getelementptr double, ptr %O, i64 %at
{chr(10).join(body)}
%next = add i64 %i, 1
%more = icmp slt i64 %next, %blocks
br i1 %more, label %block, label %after
after:
{calls[2]}
ret void
}}"""


# The same with one argument, a list of all: calls from Python cost time for each.
_RUN_FROM_LIST = "\n".join(
    [
        "define void @run_from_list(ptr %list) " + WIDE + " {",
        *(
            f"%p{k} = getelementptr i64, ptr %list, i64 {k}\n%a{k} = load {kind}, ptr %p{k}"
            for k, kind in enumerate(_KINDS)
        ),
        f"call void @run({', '.join(f'{kind} %a{k}' for k, kind in enumerate(_KINDS))})",
        "ret void\n}",
    ]
)


def _copied_in(k: int, lanes: int) -> str:
    """An input of the block, from its row of the data to its slot of T."""
    return f"""%xs{k} = mul i64 %step, {k}
%xp{k} = getelementptr double, ptr %X0, i64 %xs{k}
%xt{k} = getelementptr double, ptr %T, i64 {k * lanes}
call void @llvm.memcpy.p0.p0.i64(ptr align 8 %xt{k}, ptr align 8 %xp{k}, i64 {8 * lanes}, i1 0)"""


def _copied_out(k: int, place: int, lane: bool, slot: int, shape: Shape) -> str:
    """A result of each sample, from T or the same from U, to its row of the output."""
    lanes = shape.lanes
    head = f"%os{k} = mul i64 %step, {place}\n%op{k} = getelementptr double, ptr %O0, i64 %os{k}\n"
    if lane:
        return head + (
            f"%ot{k} = getelementptr double, ptr %T, i64 {slot * lanes}\n"
            f"call void @llvm.memcpy.p0.p0.i64(ptr align 8 %op{k}, ptr align 8 %ot{k}, "
            f"i64 {8 * lanes}, i1 0)"
        )
    lines = [
        f"%ou{k} = getelementptr double, ptr %U, i64 {slot}",
        f"%ox{k} = load double, ptr %ou{k}",
    ]
    for j in range(lanes):
        lines += [
            f"%oq{k}.{j} = getelementptr double, ptr %op{k}, i64 {j}",
            f"store double %ox{k}, ptr %oq{k}.{j}",
        ]
    return head + "\n".join(lines)


def _finite() -> str:
    """A function that gives 0, or nan where any of n numbers is not finite; n: a multiple of 32.

    In four sums, none of which has to wait for another.
    """
    kind, parts = type_of(WIDTH), range(4)
    heads = [
        f"%s{k} = phi {kind} [{everywhere(0.0, WIDTH)}, %entry], [%t{k}, %loop]" for k in parts
    ]
    body = []
    for k in parts:
        body += [
            f"%i{k} = add i64 %i, {k * WIDTH}",
            f"%p{k} = getelementptr double, ptr %p, i64 %i{k}",
            f"%x{k} = load {kind}, ptr %p{k}, align 8",
            f"%z{k} = fmul {kind} %x{k}, {everywhere(0.0, WIDTH)}",
            f"%t{k} = fadd {kind} %s{k}, %z{k}",
        ]
    return f"""define internal double @finite(ptr %p, i64 %n) noinline {WIDE} {{
entry:
br label %loop
loop:
%i = phi i64 [0, %entry], [%next, %loop]
{chr(10).join([*heads, *body])}
%next = add i64 %i, {4 * WIDTH}
%more = icmp slt i64 %next, %n
br i1 %more, label %loop, label %end
end:
%a = fadd {kind} %t0, %t1
%b = fadd {kind} %t2, %t3
%c = fadd {kind} %a, %b
%all = call reassoc double @llvm.vector.reduce.fadd.v{WIDTH}f64(double {constant(0.0)}, {kind} %c)
ret double %all
}}"""


def _train(layout: Layout, update: Layout) -> str:
    """Steps of an optimiser: returns how many were made, fewer where a number was not finite."""
    results, columns = len(layout.results), update.leaf_count
    lines = []
    for r, (_, slot) in enumerate(layout.results):
        lines.append(f"""%r{r} = getelementptr double, ptr %U, i64 {slot}
%y{r} = load double, ptr %r{r}
%n{r} = mul i64 %s, {results}
%m{r} = add i64 %n{r}, {r}
%l{r} = getelementptr double, ptr %losses, i64 %m{r}
store double %y{r}, ptr %l{r}
%z{r} = fmul double %y{r}, {constant(0.0)}""")
    total = "%fine"
    for r in range(results):
        lines.append(f"%f{r} = fadd double {total}, %z{r}")
        total = f"%f{r}"
    given = []
    for slot, j in update.leaves.items():
        given.append(f"""%g{j} = mul i64 %s, {columns}
%h{j} = add i64 %g{j}, {j}
%i{j} = getelementptr double, ptr %schedule, i64 %h{j}
%j{j} = load double, ptr %i{j}
%k{j} = getelementptr double, ptr %U2, i64 {slot}
store double %j{j}, ptr %k{j}""")
    n = layout.gradient
    regions = n * (2 + len(update.lanes) - 1)
    return f"""define i64 @train({_RUN},
  i64 %advance, i64 %batches, i64 %first, i64 %steps,
  ptr %U2, ptr %T2, ptr %table2, ptr %schedule, ptr %losses) {WIDE} {{
entry:
br label %loop
loop:
%s = phi i64 [0, %entry], [%t, %updated]
%q = add i64 %s, %first
%b = srem i64 %q, %batches
%offset = mul i64 %b, %advance
%Xb = getelementptr double, ptr %X, i64 %offset
%Ob = getelementptr double, ptr %O, i64 %offset
call void @run(ptr %U, ptr %T, ptr %Xb, i64 %step, ptr %V, ptr %Ob, ptr %table, i64 %blocks)
%G = getelementptr double, ptr %U, i64 {n}
%fine = call double @finite(ptr %G, i64 {n})
{chr(10).join(lines)}
%bad = fcmp uno double {total}, {total}
br i1 %bad, label %stop, label %go
go:
{chr(10).join(given)}
call void @run_update(ptr %U2, ptr %T2, ptr %U, i64 {n}, ptr %U, ptr %U, ptr %table2, i64 {n // 32})
%moved = call double @finite(ptr %U, i64 {regions})
%lost = fcmp uno double %moved, %moved
br i1 %lost, label %stop, label %updated
updated:
%t = add i64 %s, 1
%again = icmp slt i64 %t, %steps
br i1 %again, label %loop, label %done
stop:
ret i64 %s
done:
ret i64 %steps
}}"""


def _declarations(called: Iterable[tuple[str, int]]) -> list[str]:
    """What the text asks LLVM for."""
    found = {
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        f"declare double @llvm.vector.reduce.fadd.v{WIDTH}f64(double, {type_of(WIDTH)})",
    }
    for name, width in called:
        kind, suffix = type_of(width), "f64" if width == 1 else f"v{width}f64"
        if name.startswith("llvm."):
            operation, count = name.removeprefix("llvm.").split(".")
            found.add(
                f"declare {kind} @llvm.{operation}.{suffix}({', '.join([kind] * int(count))})"
            )
        elif name == "reduce":
            found.add(f"declare double @llvm.vector.reduce.fadd.{suffix}(double, {kind})")
        elif name in vector_maths.NAMES:
            found.update(vector_maths.intrinsics(width))
    return sorted(found)


def _maths(called: Iterable[tuple[str, int]]) -> tuple[list[str], dict[str, tuple[str, int]]]:
    """Vector functions, and those that call another one number by number; what these are."""
    texts: list[str] = []
    externals: dict[str, tuple[str, int]] = {}
    for width in sorted({w for _, w in called}):
        names = sorted(n for n, w in called if w == width and n in vector_maths.NAMES)
        if names:
            texts.append(vector_maths.functions(names, width))
        externals.update({n: (n, 1) for n in names if n in ("sin", "cos")})
    for name, width in sorted(called):
        if "/" in name:
            op, count = name.split("/")
            externals[symbol_of(op, int(count))] = op, int(count)
            texts.append(_number_by_number(op, int(count), width))
    declared = [
        f"declare double @mg_{symbol}({', '.join(['double'] * n)})"
        for symbol, (_, n) in sorted(externals.items())
    ]
    return declared + texts, externals


def _number_by_number(op: str, count: int, width: int) -> str:
    """A function of vectors that calls one of numbers for each place."""
    kind = type_of(width)
    names = [f"%x{k}" for k in range(count)]
    head = (
        f"define internal {kind} @{function_of(op, width, count)}"
        f"({', '.join(f'{kind} {n}' for n in names)}) "
        f"noinline {WIDE} {{\n"
    )
    if width == 1:
        given = ", ".join(f"double {n}" for n in names)
        return f"{head}%z = call double @mg_{symbol_of(op, count)}({given})\nret double %z\n}}"
    lines, z = [], "poison"
    for j in range(width):
        for k, n in enumerate(names):
            lines.append(f"%a{j}.{k} = extractelement {kind} {n}, i32 {j}")
        given = ", ".join(f"double %a{j}.{k}" for k in range(count))
        lines.append(f"%y{j} = call double @mg_{symbol_of(op, count)}({given})")
        lines.append(f"%z{j} = insertelement {kind} {z}, double %y{j}, i32 {j}")
        z = f"%z{j}"
    return head + "\n".join(lines) + f"\nret {kind} {z}\n}}"


# ---- code ---------------------------------------------------------------------------------------


class MachineCode:
    """A compiled module: addresses of its functions; it lives as long as this object does."""

    def __init__(self, module: Module, cache: Any = None) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._kept = [_external(llvm, op, n) for op, n in module.externals.values()]
        parsed = llvm.parse_assembly(module.text)
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=module.level,
            jit=True,
        )
        parsed.triple = llvm.get_default_triple()
        parsed.data_layout = str(target.target_data)
        self._engine = llvm.create_mcjit_compiler(parsed, target)
        if cache is not None:
            keep_code(self._engine, cache, module, llvm)
        self._engine.finalize_object()

    def function(self, name: str, result: Any, pointers_and_numbers: str) -> Callable[..., Any]:
        """A function of the module; a letter for each argument: p for a pointer, n for a number."""
        kinds = [ctypes.c_void_p if c == "p" else ctypes.c_int64 for c in pointers_and_numbers]
        address = self._engine.get_function_address(name)
        return ctypes.CFUNCTYPE(result, *kinds)(address)


def keep_code(engine: Any, folder: Any, module: Module, llvm: Any) -> None:
    """Let an engine look for its code on the disk before it compiles, and leave it there after."""
    from .cache import ObjectCache

    text = f"; level {module.level}\n{module.text}"
    features = llvm.get_host_cpu_features().flatten()
    kept = ObjectCache(folder, text, llvm.get_host_cpu_name(), features)
    engine.set_object_cache(lambda _, code: kept.put(code), lambda _: kept.get())


def _external(llvm: Any, op: str, count: int) -> Any:
    """Tell LLVM the address of a function of numbers: C's, or the row's own value."""
    kind = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * count)
    known = getattr(_C_LIBRARY, _IN_C.get(op, ""), None) if op in _IN_C else None
    found = known or kind(_without_errors(op))
    address = ctypes.cast(found, ctypes.c_void_p).value
    llvm.add_symbol(f"mg_{symbol_of(op, count)}", address)
    return found


def _without_errors(op: str) -> Callable[..., float]:
    """The value of a row, nan outside its domain."""
    value = OPERATIONS[op].value

    def of_numbers(*xs: float) -> float:
        try:
            return float(value(*xs))
        except Exception:  # C cannot pass it on; the engine will raise it again
            return float("nan")

    return of_numbers


def _c_library() -> Any:
    name = ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt")
    return ctypes.CDLL(name) if name else None


_C_LIBRARY = _c_library()


def aligned(count: int) -> Slots:
    """Zeros that begin at a cache line, and a whole vector more than asked for."""
    spare = ALIGNMENT // 8
    raw = np.zeros(count + 2 * spare)
    first = (-raw.ctypes.data % ALIGNMENT) // 8
    return raw[first : first + count + spare]
