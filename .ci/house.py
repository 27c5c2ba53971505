"""The numbers of the house: gates that must hold, and figures to look at.

Reads the source, runs nothing of it. Exit code 1 when a gate is broken; the rest of the table is for judgement.
`python .ci/house.py [ROOT]`, by default over this checkout.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

PRODUCT = ("workflow", "web", "workers")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
# Only these catch everything: the clock's tick, the job, the request. Each of them logs, and goes on with the next.
LOOP_EDGES = 3
# A migration is a list of statements, written once.
EXEMPT = "workflow/records/migrations/versions/"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class File:
    """What one file shows."""

    name: str
    sloc: int = 0
    comments: int = 0
    functions: list[tuple[int, str]] = field(default_factory=list)
    typed: int = 0
    public: int = 0
    documented: int = 0
    tests: int = 0
    mocks: int = 0
    inner_imports: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    broad: list[int] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)

    @property
    def module(self) -> str:
        """Its name as an import."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def too_long(self) -> list[tuple[int, str]]:
        """The functions that are longer than the house allows."""
        return [(lines, where) for lines, where in self.functions if lines > LONGEST_FUNCTION]


def read(path: Path, root: Path) -> File:
    """Look through one file."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, str(path))
    file = File(path.relative_to(root).as_posix())
    file.sloc, file.comments = _count(source, tree)
    for node, depth in _walk(tree):
        _look_at(node, depth, file)
    file.imports = set(_imported(tree, file.module, is_package=path.name == "__init__.py"))
    return file


def _count(source: str, tree: ast.Module) -> tuple[int, int]:
    """Lines of code without blank lines, comments and docstrings; and the comments."""
    code: set[int] = set()
    comments = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments += 1
        elif token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code), comments


_NO_CODE = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}


def _walk(node: ast.AST, depth: int = 0) -> Iterator[tuple[ast.AST, int]]:
    """Every node with the number of functions it stands in."""
    for child in ast.iter_child_nodes(node):
        yield child, depth
        yield from _walk(child, depth + isinstance(child, Function))


def _look_at(node: ast.AST, depth: int, file: File) -> None:
    if isinstance(node, Function):
        file.functions.append(
            ((node.end_lineno or node.lineno) - node.lineno + 1, f"{file.name}:{node.lineno} {node.name}")
        )
        file.typed += _is_typed(node)
        file.tests += node.name.startswith("test_")
    if isinstance(node, Function | ast.ClassDef) and not depth and not node.name.startswith("_"):
        file.public += 1
        file.documented += ast.get_docstring(node) is not None
    if isinstance(node, ast.Import | ast.ImportFrom) and depth:
        file.inner_imports.append(node.lineno)
    if isinstance(node, ast.ExceptHandler):
        if node.type is None:
            file.bare.append(node.lineno)
        elif "Exception" in [name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)]:
            file.broad.append(node.lineno)
    word = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
    file.mocks += word in {"monkeypatch", "mocker", "MagicMock", "Mock", "patch"}


def _is_typed(node: Function) -> bool:
    named = [
        a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")
    ]
    return node.returns is not None and all(a.annotation is not None for a in named)


def _imported(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    """The modules imported when this one is: what stands under TYPE_CHECKING is not."""
    for node in _run_at_import(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".") if is_package else module.split(".")[:-1]
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (start, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            continue
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _run_at_import(child)


def cycles(files: list[File]) -> list[list[str]]:
    """Groups of modules that import each other (Tarjan's strongly connected components)."""
    names = {file.module for file in files}
    edges = {file.module: sorted((file.imports & names) - {file.module}) for file in files}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in edges[module]:
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(stack[at:])
            del stack[at:]

    for module in edges:
        if module not in order:
            visit(module)
    return found


def broken(product: list[File], tests: list[File]) -> Iterator[str]:
    """A sentence for each gate that does not hold."""
    for file in (*product, *tests):
        yield from (f"{where} has {n} lines; the limit is {LONGEST_FUNCTION}." for n, where in file.too_long())
        yield from (f"{file.name}:{line} has a bare except." for line in file.bare)
    for file in product:
        if file.sloc > LONGEST_FILE:
            yield f"{file.name} has {file.sloc} lines of code; the limit is {LONGEST_FILE}."
        yield from (f"{file.name}:{line} imports inside a function." for line in file.inner_imports)
    broad = [f"{file.name}:{line}" for file in product for line in file.broad]
    if len(broad) > LOOP_EDGES:
        yield f"There are {LOOP_EDGES} loop edges, and `except Exception` stands at {', '.join(broad)}."
    for group in cycles(product):
        yield f"These modules import each other: {', '.join(group)}."


def table(product: list[File], tests: list[File]) -> Iterator[tuple[str, str, str]]:
    """Name, value and what we aim at, for each figure."""
    lengths = sorted(lines for file in product for lines, _ in file.functions)
    slocs = sorted(file.sloc for file in product if file.sloc)
    code, test_code = sum(slocs), sum(file.sloc for file in tests)
    public = sum(file.public for file in product)
    functions, count = max(len(lengths), 1), max(sum(file.tests for file in tests), 1)
    yield "files / lines of code", f"{len(slocs)} / {code:,}", ""
    yield "lines per file: median / p90 / max", _spread(slocs), f"max {LONGEST_FILE}"
    yield "lines per function: median / p90 / max", _spread(lengths), f"p90 30, max {LONGEST_FUNCTION}"
    yield "functions over 50 lines", f"{sum(n > 50 for n in lengths) / functions:.1%}", ""  # noqa: PLR2004
    yield "functions fully typed", f"{sum(file.typed for file in product) / functions:.1%}", "100 %"
    yield "public names with a docstring", f"{sum(file.documented for file in product) / max(public, 1):.0%}", "100 %"
    yield "comments per 100 lines of code", f"{100 * sum(file.comments for file in product) / max(code, 1):.1f}", ""
    yield "lines of code per public name", f"{code / max(public, 1):.0f}", ">= 25"
    yield "lines of test per line of code", f"{test_code / max(code, 1):.2f}", "1.0 - 1.5"
    yield "test functions", f"{count}", ""
    yield "mocks per test", f"{sum(file.mocks for file in tests) / count:.2f}", "<= 0.1"
    yield "`except Exception`", f"{sum(len(file.broad) for file in product)}", f"<= {LOOP_EDGES}"
    yield "import cycles", f"{len(cycles(product))}", "0"
    yield "imports inside functions", f"{sum(len(file.inner_imports) for file in product)}", "0"


def _spread(numbers: list[int]) -> str:
    if not numbers:
        return "-"
    return f"{median(numbers):.0f} / {numbers[int(len(numbers) * 0.9)]} / {numbers[-1]}"


def main(root: Path) -> int:
    """Print the table and what is broken."""
    product = [read(path, root) for room in PRODUCT for path in sorted((root / room).rglob("*.py"))]
    product = [file for file in product if not file.name.startswith(EXEMPT)]
    tests = [read(path, root) for path in sorted((root / "tests").rglob("*.py"))]
    for name, value, aim in table(product, tests):
        print(f"{name:42} {value:>18}   {aim}")
    sentences = list(broken(product, tests))
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent.parent))
