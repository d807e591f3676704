"""Insert random faults into the code, one at a time, and count those that the tests detect.

``python -m tests.mutants --faults 300 --seed 0`` changes one operator, constant or condition of
``network`` or ``stages``, or removes one statement, and runs the fast tests. It prints the faults
that these do not detect; with ``--slow``, it first tries them with the slow tests.
"""

import argparse
import ast
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tqdm import tqdm

from tests.support import ROOT, prepare

OPERATORS = [
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.FloorDiv, ast.Mod),
    (ast.BitAnd, ast.BitOr),
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.And, ast.Or),
]
OTHERS: dict[type, type] = {a: b for pair in OPERATORS for a, b in (pair, pair[::-1])}
STATEMENTS = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return, ast.Delete, ast.Break)
KINDS = ("not slow", "slow")  # as pytest's option -m selects them
LONGEST_SECONDS = 1800  # a fault may make a test run for ever


class Fault(NamedTuple):
    """A change of one node of a module's syntax tree, by its number among all possible ones."""

    path: str
    number: int


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, Callable[[], object]]]:
    """Yield each node that can be changed, with the function that changes it in place."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in OTHERS:
                yield node, partial(setattr, node, "op", OTHERS[type(op)]())
            case ast.Compare(ops=[op, *_]) if type(op) in OTHERS and not of_main(node):
                yield node, partial(node.ops.__setitem__, 0, OTHERS[type(op)]())
            case ast.Constant(value=bool(value)):
                yield node, partial(setattr, node, "value", not value)
            case ast.Constant(value=int(value) | float(value)):
                yield node, partial(setattr, node, "value", value + 1)
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                if not of_main(test):
                    yield node, partial(setattr, node, "test", ast.UnaryOp(ast.Not(), test))
        for _, body in ast.iter_fields(node):
            for index, part in enumerate(body if isinstance(body, list) else []):
                if isinstance(part, STATEMENTS) and not is_docstring(part):
                    yield part, partial(body.__setitem__, index, ast.Pass())


def of_main(test: ast.AST) -> bool:
    """Return whether a condition tests how the module was started, or is for the type checker."""
    return any(
        isinstance(n, ast.Name) and n.id in ("__name__", "TYPE_CHECKING") for n in ast.walk(test)
    )


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def plant(fault: Fault, root: Path) -> str:
    """Write the module with the fault, and return a description of the fault."""
    path = root / fault.path
    tree = ast.parse((ROOT / fault.path).read_text())
    node, change = list(changes(tree))[fault.number]
    line, before = node.lineno, ast.unparse(node).splitlines()[0]  # type: ignore[attr-defined]
    change()
    after = ast.unparse(tree)
    path.write_text(after)
    now = ast.unparse(node).splitlines()[0]
    return f"{fault.path}:{line}: {before}" + (f"  ->  {now}" if now != before else "  dropped")


def all_faults() -> list[Fault]:
    paths = [path for name in ("network", "stages") for path in sorted((ROOT / name).rglob("*.py"))]
    return [
        Fault(str(path.relative_to(ROOT)), number)
        for path in paths
        for number in range(sum(1 for _ in changes(ast.parse(path.read_text()))))
    ]


def test_files(fault: Fault) -> list[str]:
    """Return the files with tests, those that name the module first."""
    name = re.compile(rf"\b{Path(fault.path).stem}\b")
    paths = sorted((ROOT / "tests").glob("test_*.py"))
    first = sorted(paths, key=lambda path: not name.search(path.read_text()))
    return [str(path.relative_to(ROOT)) for path in first]


def notices(tree: Path, files: list[str], kind: str) -> bool:
    """Return whether a test fails in a tree of the project, beside which is a finished clone."""
    # the variable makes the tests use that clone; the slow ones make one of this tree
    environment = os.environ | ({} if kind == "slow" else {"PYTEST_XDIST_WORKER": "gw0"})
    temporary = tree.with_name(f"{tree.name}-tests")
    options = ["-qx", "-p", "no:cacheprovider", f"--basetemp={temporary}", "-m"]
    command = [sys.executable, "-m", "pytest", *options, kind, *files]
    done = subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return done.wait(LONGEST_SECONDS) != 0
    except subprocess.TimeoutExpired:
        os.killpg(done.pid, signal.SIGKILL)
        done.wait()
        return True


def try_fault(fault: Fault, trees: "Queue[Path]", kinds: Sequence[str]) -> tuple[str, str]:
    """Return the kind of tests that detect the fault, or "none", and its description."""
    tree = trees.get()
    try:
        description = plant(fault, tree)
        for kind in kinds:
            if notices(tree, test_files(fault), kind):
                return kind, description
        return "none", description
    finally:
        shutil.copy(ROOT / fault.path, tree / fault.path)
        trees.put(tree)


def main() -> None:
    """Read the arguments, insert the faults, and print those that the fast tests do not detect."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--slow", action="store_true", help="try the rest with the slow tests")
    arguments = parser.parse_args()
    faults = random.Random(arguments.seed).sample(all_faults(), arguments.faults)

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        prepare(Path(folder, "shared"))
        trees: Queue[Path] = Queue()
        for job in range(arguments.jobs):
            tree = Path(folder, f"tree{job}")
            subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)  # noqa: S607
            trees.put(tree)
        if notices(tree, [], "not slow"):
            sys.exit("error: the fast tests fail without a fault; commit their correction first")
        kinds = KINDS if arguments.slow else KINDS[:1]
        trials = pool.map(partial(try_fault, trees=trees, kinds=kinds), faults)
        counts: Counter[str] = Counter()
        for kind, description in tqdm(trials, total=len(faults), disable=None):
            counts[kind] += 1
            if kind != "not slow":
                print(f"{kind}: {description}", flush=True)
    for kind in kinds:
        print(f"{counts[kind]} of {len(faults)} faults detected by the tests that are {kind}")


if __name__ == "__main__":
    main()
