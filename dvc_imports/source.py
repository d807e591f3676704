"""Read one module: what it imports, and how it changes the search path."""

import ast
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dvc_imports.fingerprint import PARSE_ERRORS, fingerprint, read_code

# calls that import a module by its name, as the first argument
BY_NAME = {"import_module", "__import__", "run_module"}
# calls that run a file, with the number of the argument that is its path
BY_PATH = {"run_path": 0, "spec_from_file_location": 1}
# words without one of which a module's expressions need no search
WORDS = (b"sys.path", b"addsitedir", b"instantiate", *(w.encode() for w in (*BY_NAME, *BY_PATH)))
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True)
class Import:
    """An import statement, or a call that imports.

    Attributes
    ----------
    module : dotted name; empty in ``from . import x``
    level : number of leading dots
    names : names after ``import`` in a ``from`` statement
    line : line in the file
    choice : the same number for all imports of a ``try`` that catches ImportError; 0 for others
    """

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    line: int = 0
    choice: int = 0


@dataclass
class Source:
    """One module as its file shows it.

    Attributes
    ----------
    paths : expressions of folders added to ``sys.path``, and whether they come first
    files : expressions of files that are run by their paths
    computed : lines that import a name which only the running program knows
    exports : names in ``__all__``; None if it is computed
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
    code: bytes = b""
    state: tuple[int, ...] = ()
    tree: ast.Module | None = None

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the code."""
        return fingerprint(self.code, self.tree)

    def folder(self, expression: ast.expr, cwd: Path) -> str | None:
        """Return the path that an expression gives in this file, or None if it is not readable."""
        try:
            value = evaluate(expression, str(self.path), cwd, self.variables)
        except (ValueError, RecursionError):
            return None
        return os.path.normpath(cwd / value)


def read_source(path: Path, code: bytes | None = None) -> Source:
    """Read a module; a file that is not valid Python gives a source with an error."""
    source = Source(path)
    try:
        if code is None:
            source.state = state(path)
            code = read_code(path)
        source.code = code
        source.tree = ast.parse(source.code)
        _read_statements(source, source.tree)
        if any(word in source.code for word in WORDS):
            _read_calls(source, source.tree)
    except (OSError, *PARSE_ERRORS) as error:
        line, reason = getattr(error, "lineno", None), getattr(error, "msg", None) or error
        source.error = f"line {line}: {reason}" if line else str(reason) or type(error).__name__
        source.imports, source.tree = [], None
    return source


def state(path: Path) -> tuple[int, ...]:
    """Return what distinguishes a file from the same file saved again."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_statements(source: Source, tree: ast.Module) -> None:
    """Read import statements anywhere, except those for type checking, and module variables."""
    nodes: list[tuple[ast.AST, int]] = [(tree, 0)]
    while nodes:
        node, choice = nodes.pop()
        if isinstance(node, ast.Import):
            source.imports += [
                Import(alias.name, line=node.lineno, choice=choice) for alias in node.names
            ]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            source.imports.append(Import(node.module or "", node.level, names, node.lineno, choice))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in (
            getattr(node.test, "id", None),
            getattr(node.test, "attr", None),
        ):
            nodes += [(child, choice) for child in node.orelse]
        else:
            if isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
                choice = choice or node.lineno
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                _read_assignment(source, node)
            nodes += [
                (child, choice)
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
            ]


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or getattr(kind, "id", None) in IMPORT_ERRORS for kind in kinds)


def _read_assignment(source: Source, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if not isinstance(target, ast.Name) or node.value is None:
            continue
        if target.id == "__all__":
            try:
                more = tuple(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                source.exports = None
            else:
                kept = source.exports if isinstance(node, ast.AugAssign) else ()
                source.exports = None if kept is None else (*kept, *more)
        elif not isinstance(node, ast.AugAssign):
            source.variables.setdefault(target.id, node.value)


def _read_calls(source: Source, tree: ast.Module) -> None:
    """Read calls that import by a name or a path, and changes of ``sys.path``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if _is_sys_path(target) or _is_sys_path(getattr(target, "value", None)):
                lists = [each for each in ast.walk(node.value) if isinstance(each, ast.List)]
                front = isinstance(node, ast.Assign)
                source.paths += [(item, front) for each in lists for item in each.elts]
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        values = [*node.args, *(word.value for word in node.keywords)]
        if _is_sys_path(getattr(node.func, "value", None)) and values:
            if name in {"append", "insert"}:
                source.paths.append((values[-1], name == "insert"))
            elif name == "extend":
                source.paths += [(item, False) for item in getattr(values[0], "elts", ())]
        elif name == "addsitedir" and values:
            source.paths.append((values[0], False))
        elif name in BY_NAME and values:
            _read_name(source, node, values)
        elif name in BY_PATH and len(values) > BY_PATH[name]:
            source.files.append((values[BY_PATH[name]], node.lineno))
        elif name == "instantiate" and b"hydra" in source.code:
            source.computed.append(node.lineno)  # the classes are named in Hydra's files


def _read_name(source: Source, node: ast.Call, values: list[ast.expr]) -> None:
    name = values[0]
    if isinstance(name, ast.Name):
        name = source.variables.get(name.id, name)
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        source.computed.append(node.lineno)
        return
    module = name.value.lstrip(".")
    level = len(name.value) - len(module)
    package = values[1] if level and len(values) > 1 else None
    if isinstance(package, ast.Constant):
        module, level = ".".join([*str(package.value).split("."), module]), 0
    source.imports.append(Import(module, level, line=node.lineno))


def _is_sys_path(node: object) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "path"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def evaluate(  # noqa: PLR0911 - one for each kind of expression
    node: ast.expr, file: str, cwd: Path, variables: Mapping[str, ast.expr], depth: int = 0
) -> str:
    """Return the path that an expression of literals, ``__file__`` and path functions gives.

    Raises
    ------
    ValueError
        if the expression contains anything else
    """

    def value(part: ast.expr) -> str:
        if depth > 20:
            raise ValueError("too deep")
        return evaluate(part, file, cwd, variables, depth + 1)

    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id="__file__"):
            return file
        case ast.Name(id=name) if name in variables:
            return value(variables[name])
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return os.path.join(value(left), value(right))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return value(left) + value(right)
        case ast.JoinedStr(values=parts):
            return "".join(map(value, parts))
        case ast.FormattedValue(value=part, format_spec=None):
            return value(part)
        case ast.Attribute(value=part, attr="parent"):
            return os.path.dirname(value(part))
        case ast.Attribute(attr=constant) if constant in {"curdir", "pardir", "sep"}:
            return str(getattr(os, str(constant)))
        case ast.Subscript(
            value=ast.Attribute(value=part, attr="parents"), slice=ast.Constant(value=int(count))
        ):
            return str(Path(value(part)).parents[count])
        case ast.Call(func=function, args=arguments):
            called = str(getattr(function, "attr", None) or getattr(function, "id", ""))
            return _call(called, function, [*map(value, arguments)], cwd, value)
    raise ValueError("not readable")


def _call(
    name: str, function: ast.expr, values: list[str], cwd: Path, value: Callable[[ast.expr], str]
) -> str:
    """Return what a call of a path function gives; ``value`` evaluates an expression."""
    if name in {"getcwd", "cwd"}:
        return str(cwd)
    if name in {"Path", "PurePath", "join", "joinpath", "str", "fspath"} and values:
        if name == "joinpath" and isinstance(function, ast.Attribute):
            values = [value(function.value), *values]
        return os.path.join(*values)
    if name == "dirname" and values:
        return os.path.dirname(values[0])
    if name in {"realpath", "abspath", "normpath"} and values:
        change = os.path.realpath if name == "realpath" else os.path.normpath
        return change(cwd / values[0])
    if name in {"resolve", "absolute", "as_posix"} and isinstance(function, ast.Attribute):
        change = os.path.realpath if name == "resolve" else os.path.normpath
        return change(cwd / value(function.value))
    raise ValueError("not readable")
