"""Read one module: its imports, and its changes of the search path."""

import ast
import os
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import resolve_name
from pathlib import Path

from dvc_imports.fingerprint import PARSE_ERRORS, read_code

# calls that import a module by its name, as the first argument
BY_NAME = {"import_module", "__import__", "run_module"}
# calls that run a file by its path
BY_PATH = {"run_path", "spec_from_file_location"}
# words without one of which a module's expressions need no search
WORDS = (b"sys.path", b"instantiate", *(name.encode() for name in BY_NAME | BY_PATH))
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)
# functions and methods that give a path
JOINING = {"Path", "PurePath", "as_posix", "fspath", "join", "joinpath", "str"}
ABSOLUTE = {"abspath", "absolute", "normpath"}
REAL = {"realpath", "resolve"}
METHODS = {"absolute", "as_posix", "joinpath", "resolve"}


@dataclass(frozen=True)
class Import:
    """An import statement, or a call that imports."""

    module: str  # with a dot in front for each level; only dots in `from . import x`
    names: tuple[str, ...] = ()  # after `import` in a `from` statement
    line: int = 0
    choice: int = 0  # the same for all imports of a `try` that catches ImportError; 0 for others


@dataclass
class Source:
    """One module as its file shows it."""

    path: Path
    imports: list[Import] = field(default_factory=list)
    # expressions of folders added to sys.path, and whether they come first
    paths: list[tuple[ast.expr, bool]] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)  # lines that import a computed name
    exports: tuple[str, ...] | None = ()  # names in __all__; None if it is computed
    variables: dict[str, ast.expr] = field(default_factory=dict)
    error: str = ""  # why it cannot be parsed
    state: tuple[int, ...] = ()  # of the file before it was read

    def located(self, expression: ast.expr, cwd: Path) -> str | None:
        """Return the path that an expression gives in this file, or None if it is not readable."""
        try:
            variables = {**self.variables, "__file__": ast.Constant(str(self.path))}
            return os.path.normpath(os.path.join(cwd, _evaluate(expression, variables, cwd)))
        except (ValueError, TypeError, LookupError, RecursionError):
            return None


def read_source(path: Path) -> Source:
    """Read a module; a file that is not valid Python gives a source with an error."""
    source = Source(path)
    try:
        source.state = state(path)
        _read(source, read_code(path))
    except (OSError, *PARSE_ERRORS) as error:
        line, reason = getattr(error, "lineno", None), getattr(error, "msg", None) or error
        source.error = f"line {line}: {reason}" if line else str(reason) or type(error).__name__
        source.imports = []
    return source


def state(path: Path) -> tuple[int, ...]:
    """Return numbers that distinguish a file from the same file saved again."""
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
            names = [alias.name for alias in node.names]
            source.imports += [Import(name, (), node.lineno, choice) for name in names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = [alias.name for alias in node.names]
            source.imports.append(Import(module, tuple(names), node.lineno, choice))
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            _read_assignment(source, node)
        elif isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
            choice = choice or node.lineno
        elif isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            children = iter(node.orelse)
        nodes += [(child, choice) for child in children if isinstance(child, STATEMENTS)]
    if any(word in code for word in WORDS):
        bound = Counter(
            each.arg if isinstance(each, ast.arg) else each.id
            for each in ast.walk(tree)
            if isinstance(each, ast.arg)
            or (isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load))
        )
        # a name that is bound twice, also as a parameter or by a loop, cannot be read
        source.variables = {k: v for k, v in source.variables.items() if bound[k] == 1}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                _read_call(source, node, b"hydra" in code)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or getattr(kind, "id", None) in IMPORT_ERRORS for kind in kinds)


def _read_assignment(source: Source, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        name = getattr(target, "id", "")
        if ast.unparse(target).startswith("sys.path") and node.value:
            lists = [each for each in ast.walk(node.value) if isinstance(each, ast.List)]
            front = isinstance(node, ast.Assign)
            source.paths += [(item, front) for each in lists for item in each.elts]
        if name == "__all__" and node.value:
            try:
                more = ast.literal_eval(node.value)
                source.exports = None if source.exports is None else (*source.exports, *more)
            except (ValueError, TypeError):
                # `__all__ += module.__all__` adds the names of `from module import *`
                source.exports = source.exports if isinstance(node, ast.AugAssign) else None
        elif name and node.value and not isinstance(node, ast.AugAssign):
            source.variables[name] = node.value


def _read_call(source: Source, node: ast.Call, uses_hydra: bool) -> None:
    """Read a call that imports, or that changes ``sys.path``."""
    name = _last_name(node.func)
    values = [
        source.variables.get(each.id, each) if isinstance(each, ast.Name) else each
        for each in (*node.args, *(word.value for word in node.keywords))
    ]
    module, package = [*(getattr(each, "value", None) for each in values[:2]), None, None][:2]
    if name in {"append", "insert"} and ast.unparse(node.func) == f"sys.path.{name}" and values:
        source.paths.append((values[-1], name == "insert"))
    elif name in BY_NAME and isinstance(module, str):
        if isinstance(package, str):
            with suppress(ImportError):  # above the top, where Python refuses it
                module = resolve_name(module, package)
        source.imports.append(Import(module, line=node.lineno))
    elif name in BY_NAME | BY_PATH or (name == "instantiate" and uses_hydra):
        source.computed.append(node.lineno)  # Hydra's files name classes


def _last_name(node: ast.expr) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def _evaluate(  # noqa: PLR0911 - one for each kind of expression
    node: ast.expr, variables: dict[str, ast.expr], cwd: Path
) -> str:
    """Return the path that an expression of literals, ``__file__`` and path functions gives."""

    def value(part: ast.expr) -> str:
        return _evaluate(part, variables, cwd)

    match node:
        case ast.Constant(value=str(text)):
            return text
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
        case ast.Attribute(attr="pardir" | "sep" as name):
            return str(getattr(os, name))
        case ast.Attribute(value=part, attr="parent"):
            return os.path.dirname(value(part))
        case ast.Subscript(
            value=ast.Attribute(value=part, attr="parents"), slice=ast.Constant(value=int(count))
        ):
            return str(Path(value(part)).parents[count])
        case ast.Call(func=function, args=arguments):
            name = _last_name(function)
            owner = [function.value] if name in METHODS and hasattr(function, "value") else []
            values = [*map(value, (*owner, *arguments))]
            if name in {"cwd", "getcwd"}:
                return str(cwd)
            if name == "dirname":
                return os.path.dirname(*values)
            if name in JOINING:
                return os.path.join(*values)
            if name in ABSOLUTE | REAL:
                convert = os.path.realpath if name in REAL else os.path.normpath
                return convert(os.path.join(cwd, *values))
    raise ValueError("not readable")
