"""Record the code that a DVC stage runs, so that the stage can depend on its code.

DVC hashes the files that dvc.yaml names, and does not follow imports. This module writes a small
JSON file for each stage: every module of the project that the stage imports, directly or not, with
a fingerprint of its code, and the installed versions of the packages that can change its results.
A stage that depends on its file is rerun exactly when its code has changed.

The module needs only the standard library, and nothing of this project. Copy it into any other
project and run it as a command: ``python code_key.py --help``. A stage calls ``verify`` at its end.
"""

import argparse
import ast
import hashlib
import io
import json
import os
import re
import sys
import tokenize
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}
MARKS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "\t", tokenize.DEDENT: "\b"}
# Python 3.12 splits an f-string into several tokens, and Python 3.14 a t-string.
STRING_STARTS = {getattr(tokenize, f"{kind}STRING_START", -1) for kind in "FT"}
STRING_ENDS = {getattr(tokenize, f"{kind}STRING_END", -1) for kind in "FT"}

Position = tuple[int, int]  # line and column, as in tokens
Record = dict[str, dict[str, str]]


class CodeError(Exception):
    """The code cannot be recorded, or differs from the record; the message names the file."""


class Project:
    """The modules of a project.

    Parameters
    ----------
    root : the folder in which stages are run
    packages : for the name of an imported package, the distributions whose version is recorded
    paths : folders that are searched for modules besides the root, or the folder of a script
    """

    def __init__(
        self, root: Path, packages: Mapping[str, Collection[str]], paths: Collection[Path] = ()
    ) -> None:
        self._root, self._packages, self._paths = root, packages, paths
        self._parsed: dict[Path, tuple[str, frozenset[str]]] = {}
        self._locate = cache(_locate)

    def record(self, stage: str) -> Record:
        """Return the fingerprints of a stage's modules and the versions of its packages.

        Parameters
        ----------
        stage : name of a module, as for ``python -m``, or path of a script

        Raises
        ------
        CodeError
            if there is no such module, a module that it imports is not valid Python, or a package
            is not installed
        """
        folder, names = self._root, {stage, f"{stage}.__main__"}
        if stage.endswith(".py"):
            script = self._root / stage
            folder, names = script.parent, {script.stem}
        modules: dict[Path, str] = {}
        foreign: set[str] = set()
        while names:
            name = names.pop()
            found = next(
                filter(None, (self._locate(name, each) for each in (folder, *self._paths))), []
            )
            if not found:
                foreign.add(name.partition(".")[0])
            for path, module in found:
                if path not in modules:
                    modules[path], imported = self._parse(path, module)
                    names |= imported
        if not modules:
            raise CodeError(f"{stage}: no such module or script")
        distributions = {name for each in foreign for name in self._packages.get(each, ())}
        return {
            "modules": {self._name(path): modules[path] for path in sorted(modules)},
            "packages": {name: _installed(name) for name in sorted(distributions)},
        }

    def _parse(self, path: Path, module: str) -> tuple[str, frozenset[str]]:
        if path not in self._parsed:
            source = path.read_bytes()
            try:
                imported = frozenset(_imports(ast.parse(source), module, path))
                self._parsed[path] = fingerprint(source), imported
            except (SyntaxError, ValueError) as error:
                line, reason = getattr(error, "lineno", None), getattr(error, "msg", error)
                where = f"{self._name(path)}: {f'line {line}: ' if line else ''}"
                raise CodeError(f"{where}not valid Python: {reason}") from None
        return self._parsed[path]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def verify(path: Path) -> None:
    """Check that all imported modules of the project are recorded, and unchanged.

    The current folder must be the project's. At the end of a stage, the check also finds a module
    that was edited after it was imported.

    Parameters
    ----------
    path : the stage's file

    Raises
    ------
    CodeError
        if a module of the project is not recorded or now has another fingerprint, or a package
        has another version
    """
    try:
        recorded: Record = json.loads(path.read_bytes())
        modules, packages = recorded["modules"], recorded["packages"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CodeError(f"{path}: no record of a stage's code: {error}") from None
    root = Path.cwd()
    own = {name.partition("/")[0].removesuffix(".py") for name in modules}
    for name, module in sorted(sys.modules.items()):
        file = os.path.abspath(getattr(module, "__file__", None) or os.devnull)  # noqa: PTH100 - fast
        if not (name.partition(".")[0] in own or _is_own(file, f"{root}{os.sep}")):
            continue
        if not Path(file).is_relative_to(root):
            if getattr(module, "__file__", None):
                raise CodeError(f"{file}: imported as {name}, must come from {root}")
            continue  # a namespace package
        relative = Path(file).relative_to(root).as_posix()
        if relative not in modules:
            raise CodeError(f"{relative}: imported, but by no import statement of the stage")
        if _current(Path(file)) != modules[relative]:
            raise CodeError(f"{relative}: changed while the pipeline ran; run it again")
    for name, expected in packages.items():
        if _installed(name) != expected:
            raise CodeError(f"{name}: version {_installed(name)} is installed, must be {expected}")


def check_lock(recorded: Record, lock: Path) -> None:
    """Check that the recorded versions are those that a lock file names, where it names any.

    Parameters
    ----------
    lock : in pip's format, with a line ``name==version`` per package

    Raises
    ------
    CodeError
        if a version differs
    """
    lines = re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    for name, installed in recorded["packages"].items():
        locked = [number for each, number in lines if each.lower() == name.lower()]
        if locked and installed not in locked:
            raise CodeError(
                f"{lock}: names {name} {' or '.join(locked)}, but {installed} is installed;"
                " install the lock first"
            )


def fingerprint(source: bytes) -> str:
    """Hash the tokens of a module: comments, docstrings, blank lines and spacing do not count.

    The hash is the same on every Python that can parse the module.

    Raises
    ------
    SyntaxError, UnicodeDecodeError, ValueError
        if this Python cannot parse it
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = io.TextIOWrapper(io.BytesIO(source), encoding).read()  # with \n as the end of each line
    lines = io.StringIO(text).readlines()
    docstrings = _docstrings(ast.parse(source), lines)
    digest = hashlib.sha256()
    begins_line, skipped, end = True, False, (0, 0)
    for token in _tokens(lines):
        end = docstrings.get(token.start, end) if token.type == tokenize.STRING else end
        if token.end <= end and token.type not in MARKS:
            skipped = begins_line
            continue
        # the end of a docstring's statement is skipped with it
        if not (skipped and (token.type == tokenize.NEWLINE or token.string == ";")):
            digest.update(f"{MARKS.get(token.type, token.string)}\0".encode())
            begins_line = token.type in MARKS
        skipped = False
    return digest.hexdigest()[:32]


def _tokens(lines: list[str]) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens that count; an f-string is one token, as on Python 3.11."""
    starts: list[Position] = []
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type in STRING_STARTS:
            starts.append(token.start)
        elif token.type in STRING_ENDS:
            start = starts.pop()
            if not starts:
                string = _span(lines, start, token.end)
                yield token._replace(type=tokenize.STRING, string=string, start=start)
        elif not starts and token.type not in LAYOUT:
            yield token


def _span(lines: list[str], start: Position, end: Position) -> str:
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])


def _docstrings(tree: ast.Module, lines: list[str]) -> dict[Position, Position]:
    """Return the end of each docstring of a module, class or function, by its start."""

    def position(line: int, offset: int) -> Position:
        return line, len(lines[line - 1].encode()[:offset].decode())  # from bytes to characters

    return {
        position(text.lineno, text.col_offset): position(
            text.end_lineno or text.lineno, text.end_col_offset or 0
        )
        for node in [tree, *_statements(tree)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
        for text in [node.body[0].value]
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    }


def _imports(tree: ast.AST, module: str, path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports anywhere, except for type checking."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *base.split(".")]).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in (
            getattr(node.test, "id", None),
            getattr(node.test, "attr", None),
        ):
            nodes += node.orelse
        else:
            nodes += filter(_holds_statements, ast.iter_child_nodes(node))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements in a tree; expressions, which are most of it, are not searched."""
    nodes = [tree]
    while nodes:
        children = [*filter(_holds_statements, ast.iter_child_nodes(nodes.pop()))]
        nodes += children
        yield from children


def _holds_statements(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _locate(name: str, folder: Path) -> list[tuple[Path, str]]:
    """Return the files that the import of a dotted name runs, with the names of their modules.

    The last part may be an attribute; a folder without __init__.py is a namespace package.
    """
    files, parts = [], name.split(".")
    for count, part in enumerate(parts, start=1):
        module = ".".join(parts[:count])
        folder = folder / part
        if (folder / "__init__.py").is_file():
            files.append((folder / "__init__.py", module))
        elif folder.with_suffix(".py").is_file():
            return [*files, (folder.with_suffix(".py"), module)]
        elif not folder.is_dir():
            break
    return files


def _is_own(file: str, root: str) -> bool:
    """Return whether a file is the project's own, and not of an environment in its folder."""
    environment = f"{sys.prefix}{os.sep}"
    installed = environment.startswith(root) and file.startswith(environment)
    return file.startswith(root) and not installed


def _current(path: Path) -> str | None:
    """Return the fingerprint of a file, or None if it no longer exists or is not valid Python."""
    try:
        return fingerprint(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        raise CodeError(f"{distribution}: is not installed") from None


def main() -> None:
    """Write a file for each stage, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stage", nargs="+", help="a module, as after python -m, or a script's path")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write into")
    parser.add_argument(
        "--package", action="append", default=[], help="a package whose version matters"
    )
    parser.add_argument(
        "--path", type=Path, action="append", default=[], help="a folder with modules, such as src"
    )
    parser.add_argument("--lock", type=Path, action="append", default=[], help="a lock, to compare")
    arguments = parser.parse_args()
    root = Path.cwd()
    packages = {name: [name] for name in arguments.package}
    project = Project(root, packages, [root / path for path in arguments.path])
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        for stage in arguments.stage:
            recorded = project.record(stage)
            for lock in arguments.lock:
                check_lock(recorded, lock)
            name = Path(stage).stem if stage.endswith(".py") else stage.rpartition(".")[2]
            content = json.dumps(recorded, indent=2) + "\n"
            (arguments.output / f"{name}.json").write_text(content, encoding="utf-8")
    except (CodeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
