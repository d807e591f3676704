"""Read one module: what it imports, and how it changes the search path."""

import ast
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc_imports.fingerprint import PARSE_ERRORS, read_code

# calls that import a module by its name, as the first argument
BY_NAME = {"import_module", "__import__", "run_module"}
# calls that run a file, with the number of the argument that is its path
BY_PATH = {"run_path": 0, "spec_from_file_location": 1}
# words without one of which a module's expressions need no search
WORDS = (b"sys.path", b"addsitedir", b"instantiate", *(w.encode() for w in (*BY_NAME, *BY_PATH)))
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


@dataclass(frozen=True)
class Import:
    """An import statement, or a call that imports.

    Attributes
    ----------
    module : dotted name, with a dot in front for each level; only dots in ``from . import x``
    names : names after ``import`` in a ``from`` statement
    line : line in the file
    choice : the same number for all imports of a ``try`` that catches ImportError; 0 for others
    """

    module: str
    names: tuple[str, ...] = ()
    line: int = 0
    choice: int = 0


@dataclass
class Source:
    """One module as its file shows it.

    Attributes
    ----------
    paths : expressions of folders added to ``sys.path``, and whether they come first
    files : expressions of files that are run by their paths, and their lines
    computed : lines that import a name which only the running program knows
    exports : names in ``__all__``; None if it is computed
    variables : expressions that are assigned to names
    error : why the file cannot be parsed; empty if it can
    state : inode, size and time of the file before it was read
    """

    path: Path
    imports: list[Import] = field(default_factory=list)
    paths: list[tuple[ast.expr, bool]] = field(default_factory=list)
    files: list[tuple[ast.expr, int]] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    exports: tuple[str, ...] | None = ()
    variables: dict[str, ast.expr] = field(default_factory=dict)
    error: str = ""
    state: tuple[int, ...] = ()

    def located(self, expression: ast.expr, cwd: Path) -> str | None:
        """Return the path that an expression gives in this file, or None if it is not readable."""
        try:
            variables = {**self.variables, "__file__": ast.Constant(str(self.path))}
            return os.path.normpath(os.path.join(cwd, _evaluate(expression, variables, cwd)))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return None


def read_source(path: Path, code: bytes | None = None) -> Source:
    """Read a module; a file that is not valid Python gives a source with an error."""
    source = Source(path)
    try:
        if code is None:
            source.state = state(path)
            code = read_code(path)
        _read(source, code)
    except (OSError, *PARSE_ERRORS) as error:
        line, reason = getattr(error, "lineno", None), getattr(error, "msg", None) or error
        source.error = f"line {line}: {reason}" if line else str(reason) or type(error).__name__
        source.imports = []
    return source


def state(path: Path) -> tuple[int, ...]:
    """Return what distinguishes a file from the same file saved again."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(source: Source, code: bytes) -> None:
    """Read imports, except those for type checking, assignments and calls."""
    tree = ast.parse(code)
    nodes: deque[tuple[ast.AST, int]] = deque([(tree, 0)])
    while nodes:
        node, choice = nodes.popleft()
        children = ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            source.imports += [
                Import(alias.name, line=node.lineno, choice=choice) for alias in node.names
            ]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = tuple(alias.name for alias in node.names)
            source.imports.append(Import(module, names, node.lineno, choice))
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            _read_assignment(source, node)
        elif isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
            choice = choice or node.lineno
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in (
            getattr(node.test, "id", None),
            getattr(node.test, "attr", None),
        ):
            children = iter(node.orelse)
        nodes += [(child, choice) for child in children if isinstance(child, STATEMENTS)]
    if any(word in code for word in WORDS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                _read_call(source, node, b"hydra" in code)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or getattr(kind, "id", None) in IMPORT_ERRORS for kind in kinds)


def _read_assignment(source: Source, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if node.value is None:
            continue
        if _is_sys_path(target) or _is_sys_path(getattr(target, "value", None)):
            lists = [each for each in ast.walk(node.value) if isinstance(each, ast.List)]
            front = isinstance(node, ast.Assign)
            source.paths += [(item, front) for each in lists for item in each.elts]
        elif not isinstance(target, ast.Name):
            continue
        elif target.id == "__all__":
            try:
                more = ast.literal_eval(node.value)
                source.exports = None if source.exports is None else (*source.exports, *more)
            except (ValueError, TypeError):
                # `__all__ += module.__all__` adds what `from module import *` has imported
                source.exports = source.exports if isinstance(node, ast.AugAssign) else None
        elif not isinstance(node, ast.AugAssign):
            source.variables.setdefault(target.id, node.value)


def _read_call(source: Source, node: ast.Call, uses_hydra: bool) -> None:
    """Read a call that imports by a name or a path, or that changes ``sys.path``."""
    name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
    values = [*node.args, *(word.value for word in node.keywords)]
    if not values:
        return
    if _is_sys_path(getattr(node.func, "value", None)):
        if name in {"append", "insert"}:
            source.paths.append((values[-1], name == "insert"))
        elif name == "extend":
            source.paths += [(item, False) for item in getattr(values[0], "elts", ())]
    elif name == "addsitedir":
        source.paths.append((values[0], False))
    elif name in BY_NAME:
        _read_name(source, node, values)
    elif name in BY_PATH and len(values) > BY_PATH[name]:
        source.files.append((values[BY_PATH[name]], node.lineno))
    elif name == "instantiate" and uses_hydra:  # the classes are named in Hydra's files
        source.computed.append(node.lineno)


def _read_name(source: Source, node: ast.Call, values: list[ast.expr]) -> None:
    name = values[0]
    if isinstance(name, ast.Name):
        name = source.variables.get(name.id, name)
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        source.computed.append(node.lineno)
        return
    module = name.value
    if module.startswith(".") and len(values) > 1 and isinstance(values[1], ast.Constant):
        module = f"{values[1].value!s}.{module.lstrip('.')}"
    source.imports.append(Import(module, line=node.lineno))


def _is_sys_path(node: object) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "path"
        and getattr(node.value, "id", None) == "sys"
    )


def _evaluate(  # noqa: PLR0911 - one for each kind of expression
    node: ast.expr | None, variables: dict[str, ast.expr], cwd: Path
) -> Any:
    """Return the path that an expression of literals, ``__file__`` and path functions gives."""

    def value(part: ast.expr | None) -> Any:
        return _evaluate(part, variables, cwd)

    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name) if name in variables:
            return value(variables[name])
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return value(left) / value(right)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return value(left) + value(right)
        case ast.JoinedStr(values=parts):
            return "".join(str(value(part)) for part in parts)
        case ast.FormattedValue(value=part, format_spec=None):
            return value(part)
        case ast.Attribute(attr="curdir" | "pardir" | "sep" as name):
            return getattr(os, name)
        case ast.Attribute(value=part, attr="parent" | "parents" as name):
            return getattr(value(part), name)
        case ast.Subscript(value=part, slice=index):
            return value(part)[value(index)]
        case ast.Call(func=function, args=arguments):
            owner = getattr(function, "value", None)
            values = [*map(value, arguments)]
            match getattr(function, "attr", None) or getattr(function, "id", ""):
                case "cwd":
                    return cwd
                case "getcwd":
                    return str(cwd)
                case "Path" | "PurePath":
                    return Path(*values)
                case "fspath" | "str":
                    return str(*values)
                case "dirname" | "join" | "normpath" as called:
                    return getattr(os.path, called)(*values)
                case "abspath" | "realpath" as called:
                    return getattr(os.path, called)(os.path.join(cwd, *values))
                case "absolute" | "as_posix" | "joinpath" | "resolve" as called:
                    return getattr(Path(cwd, value(owner)), called)(*values)
    raise ValueError("not readable")
