"""Follow the imports of a stage through the project's own modules."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, FrozenImporter
from pathlib import Path

from dvc_imports.commands import Run
from dvc_imports.config import Config, Settings, is_excluded, is_installed
from dvc_imports.projects import search_folders
from dvc_imports.source import Import, Source, read_source

COMPILED = (*EXTENSION_SUFFIXES, ".pyx")
SUFFIXES = (".py", *COMPILED)
# loaded before the search path is read
BUILTIN = {*sys.builtin_module_names} | {
    name for name in sys.stdlib_module_names if FrozenImporter.find_spec(name)
}
ITSELF = os.path.dirname(os.path.realpath(__file__))
SKIPPED = {"node_modules", "__pycache__", "venv", "env", "build", "dist"}


@dataclass
class Closure:
    """The code of one stage.

    Attributes
    ----------
    modules : files, without symbolic links, and what was read in each; None for compiled modules
    seen : the same files under the paths by which they were found
    external : top names of modules that are not the project's own
    problems : messages, each about an import that may be incomplete
    runs : the files that the commands name
    """

    modules: dict[str, Source | None] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


class Project:
    """The modules of a project, each read once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.packaged = [str(each) for each in search_folders(config.top)]
        self.source = cache(read_source)
        self.real = cache(os.path.realpath)
        self.find = cache(_find)
        self.index: dict[str, list[str]] | None = None

    def follow(self, runs: list[Run], settings: Settings) -> Closure:
        """Return the code that some commands run."""
        closure = Closure()
        for run in runs:
            _Follower(self, settings, run, closure).follow()
        for module in settings.modules or ():
            _Follower(self, settings, Run("module", module, self.config.root), closure).declare()
        closure.problems = list(dict.fromkeys(closure.problems))
        return closure

    def matches(self, name: str) -> list[str]:
        """Return the folders of the repository in which a dotted name would be found."""
        if self.index is None:
            self.index = {}
            for folder, folders, files in os.walk(self.config.top):
                folders[:] = [each for each in folders if _is_searched(folder, each)]
                for each in [*folders, *(file[:-3] for file in files if file.endswith(".py"))]:
                    self.index.setdefault(each, []).append(folder)
        folders_found = self.index.get(name.partition(".")[0], [])
        return [each for each in folders_found if _find(name, (each,))[0]]


class _Follower:
    """Follows one command."""

    def __init__(self, project: Project, settings: Settings, run: Run, closure: Closure) -> None:
        self.project, self.config, self.settings = project, project.config, settings
        self.run, self.closure = run, closure
        declared = [str(self.config.root / path) for path in settings.paths]
        self.front = [*run.front]
        self.back = [*declared, *project.packaged]
        self.queue: list[tuple[str, str]] = []  # a file, and the name of its module
        self.done: set[tuple[str, str]] = set()
        self.waiting: list[tuple[Import, str, str]] = []  # with the file and the package
        self.chosen: set[tuple[str, int]] = set()  # each `try` of which one import was found

    def follow(self) -> None:
        run = self.run
        if run.kind == "code":
            source = read_source(Path("<python -c>"), run.what.encode())
            if source.error:
                self.problem(f"python -c: not valid Python: {source.error}")
            self.read(source, "", "")
        elif run.kind == "module":
            self.start(run.what)
        elif (run.cwd / run.what).is_file():
            path = str(run.cwd / run.what)
            self.closure.runs.append(self.config.name(self.project.real(path)))
            self.add([(path, "")])
        else:
            self.problem(f"runs {run.what}, which does not exist")
        self.drain()

    def start(self, name: str) -> None:
        """Add the module that ``python -m`` runs."""
        own = self.resolve(Import(f"{name}.__main__"), "", "") or self.resolve(Import(name), "", "")
        if own:
            self.closure.runs.append(self.config.name(self.project.real(own[-1][0])))
        else:
            self.missing(Import(name), "", f"runs python -m {name}")

    def declare(self) -> None:
        """Add a declared module; ``package.*`` stands for all modules in it."""
        name = self.run.what
        base = name.removesuffix(".*")
        folders = (*self.back, str(self.config.root))
        found, _ = self.project.find(base, folders)
        if not found:
            self.problem(f"pyproject.toml declares module {name}, which is not found")
        self.add(found)
        if found and name.endswith(".*"):
            for each in sorted(os.listdir(os.path.dirname(found[-1][0]))):
                stem = each.partition(".")[0]
                self.add(self.project.find(f"{base}.{stem}", folders)[0])
        self.drain()

    def drain(self) -> None:
        """Read all files that wait; names that are not found wait for changes of the path."""
        while self.queue:
            while self.queue:
                self.enter(*self.queue.pop())
            waiting, self.waiting = self.waiting, []
            for each in waiting:
                self.require(*each)
        for wanted, file, _ in self.waiting:
            if (file, wanted.choice) not in self.chosen:
                self.missing(wanted, file)

    def enter(self, path: str, module: str) -> None:
        """Read a file that the stage runs."""
        if (path, module) in self.done:
            return
        self.done.add((path, module))
        real = self.project.real(path)
        if real.startswith(ITSELF + os.sep) or is_excluded(
            self.config.name(real), self.settings.exclude
        ):
            return
        self.closure.seen.setdefault(real, set()).add(path)
        source = None
        if not path.endswith(COMPILED):
            # a relative path in the file is meant as the file is named, not where a link leads
            source = self.project.source(Path(path))
        self.closure.modules[real] = source
        if source is None:
            return
        if source.error:
            self.problem(f"{self.config.name(path)}: not valid Python: {source.error}")
        package = module if os.path.basename(path) == "__init__.py" else module.rpartition(".")[0]
        self.read(source, path, package)

    def read(self, source: Source, path: str, package: str) -> None:
        """Follow what a file imports, after it has changed the search path."""
        where = self.config.name(path) if path else "python -c"
        for expression, front in source.paths:
            folder = source.folder(expression, self.run.cwd)
            if folder is None or is_installed(folder):
                continue  # `missing` reports an import that therefore is not found
            if front and folder not in self.front:
                self.front.insert(0, folder)
            elif folder not in (*self.front, *self.back):
                self.back.append(folder)
        for expression, line in source.files:
            file = source.folder(expression, self.run.cwd)
            if file and os.path.isfile(file):
                self.add([(file, "")])
            elif self.settings.modules is None:
                self.computed(where, line)
        if self.settings.modules is None:
            for line in source.computed:
                self.computed(where, line)
        for each in source.imports:
            self.require(each, path, package)

    def require(self, wanted: Import, path: str, package: str) -> None:
        """Add the files of an import, or let it wait."""
        if self.resolve(wanted, path, package) is None:
            self.waiting.append((wanted, path, package))

    def resolve(self, wanted: Import, path: str, package: str) -> list[tuple[str, str]] | None:
        """Add the files that an import runs, and return them; None if it is not found."""
        base = wanted.module
        if wanted.level:
            parents = package.split(".") if package else []
            kept = parents[: len(parents) - wanted.level + 1]
            if not kept:  # outside any package, where Python refuses it
                return [] if wanted.choice or not parents else None
            base = ".".join([*kept, *filter(None, [base])])
        top = base.partition(".")[0]
        folders = self.folders(top)
        if top in sys.stdlib_module_names and not self.project.find(top, folders)[0]:
            return []
        found, whole = self.project.find(base, folders)
        if not found and not (whole and wanted.names):
            return None
        if found and not whole:
            self.add(found)
            return None
        for name in wanted.names:
            if name == "*":
                found = [*found, *self.exported(base, found, folders, path, wanted.line)]
            else:
                found = [*found, *self.project.find(f"{base}.{name}", folders)[0]]
        if not found:
            return None
        if wanted.choice:  # `try` needs just one of its imports
            self.chosen.add((path, wanted.choice))
        self.add(found)
        return found

    def exported(
        self,
        base: str,
        found: list[tuple[str, str]],
        folders: tuple[str, ...],
        path: str,
        line: int,
    ) -> Iterator[tuple[str, str]]:
        """Yield the modules that ``from base import *`` imports by ``__all__``."""
        if not found or os.path.basename(found[-1][0]) != "__init__.py":
            return
        exports = self.project.source(Path(found[-1][0])).exports
        if exports is None and self.settings.modules is None:
            self.computed(self.config.name(path) if path else "python -c", line)
        for name in exports or ():
            yield from self.project.find(f"{base}.{name}", folders)[0]

    def folders(self, top: str) -> tuple[str, ...]:
        """Return the folders in which Python looks for a name before it takes an installed one."""
        if top in BUILTIN:
            return ()
        if top in sys.stdlib_module_names:
            return tuple(self.front)
        return (*self.front, *self.back, *self.editable(top))

    def editable(self, top: str) -> list[str]:
        """Return the folder of an editable installation of the project in this environment."""
        origin = _installed(top)
        inside = (
            origin and not is_installed(origin) and Path(origin).is_relative_to(self.config.top)
        )
        if not origin or not inside:
            return []
        folder, file = os.path.split(origin)
        return [os.path.dirname(folder) if file == "__init__.py" else folder]

    def add(self, files: list[tuple[str, str]]) -> None:
        self.queue += [each for each in files if each not in self.done]

    def missing(self, wanted: Import, path: str, how: str = "") -> None:
        """Report an import that is not found, unless it is of an installed package."""
        name = wanted.module
        top = name.partition(".")[0]
        where = f"{self.config.name(path)}: line {wanted.line}: " if path else ""
        how = how or f"{where}imports {'.' * wanted.level}{name}"
        if wanted.level:
            self.problem(f"{how}, which is not found")
            return
        own, _ = self.project.find(top, self.folders(top))
        if own:
            if not wanted.choice:
                self.problem(
                    f"{how}; {top} is in {self.config.name(own[0][0])}, but the rest is not"
                )
            return
        self.closure.external.add(top)
        if top in sys.stdlib_module_names or _installed(top):
            return
        matches = [self.config.name(each) for each in self.project.matches(name)]
        matches = [each for each in matches if not is_excluded(each, self.settings.exclude)]
        if matches:
            self.problem(
                f"{how}, which is on no search path, but in {' and '.join(matches[:3])}; declare"
                f' paths = ["{matches[0]}"] in [tool.dvc-imports] of pyproject.toml'
            )

    def computed(self, where: str, line: int) -> None:
        self.problem(
            f"{where}: line {line}: imports a name that is computed; declare what it may be,"
            ' as modules = ["package.module"] or [] in [tool.dvc-imports] of pyproject.toml'
        )

    def problem(self, text: str) -> None:
        self.closure.problems.append(text)


def _find(name: str, folders: tuple[str, ...]) -> tuple[list[tuple[str, str]], bool]:
    """Return the files that the import of a dotted name runs, with the names of their modules.

    A regular package or module comes before a folder without ``__init__.py``, as in Python.

    Returns
    -------
    files, and whether the whole name was found
    """
    files: list[tuple[str, str]] = []
    parts = name.split(".")
    for count, part in enumerate(parts, start=1):
        module = ".".join(parts[:count])
        spaces = []
        for folder in folders:
            base = os.path.join(folder, part)
            if os.path.isfile(os.path.join(base, "__init__.py")):
                files.append((os.path.join(base, "__init__.py"), module))
                folders = (base,)
                break
            file = next((base + each for each in SUFFIXES if os.path.isfile(base + each)), None)
            if file:
                return [*files, (file, module)], count == len(parts)
            if os.path.isdir(base):
                spaces.append(base)
        else:
            if not spaces:
                return files, False
            folders = tuple(spaces)
    return files, True


@cache
def _installed(top: str) -> str | None:
    """Return where a module is found outside the current folder, or None."""
    start = {"", os.getcwd(), os.path.realpath(os.getcwd())}
    path, kept = sys.path, [each for each in sys.path if each not in start]
    try:
        sys.path = kept
        for finder in sys.meta_path:
            spec = finder.find_spec(top, None)
            if spec is not None and spec.origin and spec.origin not in {"built-in", "frozen"}:
                return os.path.realpath(spec.origin)
    except (ImportError, AttributeError, ValueError):
        return None
    finally:
        sys.path = path
    return None


def _is_searched(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    return not (
        name.startswith(".")
        or name in SKIPPED
        or is_installed(path)
        or os.path.exists(os.path.join(path, "pyvenv.cfg"))
        or os.path.exists(os.path.join(path, "conda-meta"))
    )
