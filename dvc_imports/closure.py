"""Follow the imports of a stage through the project's own modules."""

import os
import pkgutil
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, FrozenImporter, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path

from dvc_imports.commands import Commands, Run
from dvc_imports.config import INSTALLED, CodeError, Config, Settings, is_installed
from dvc_imports.fingerprint import PARSE_ERRORS, file_fingerprint
from dvc_imports.projects import search_folders
from dvc_imports.source import Import, Source, read_source
from dvc_imports.stages import Stage

COMPILED = (*EXTENSION_SUFFIXES, ".pyc")
# loaded before the search path is read
BUILTIN = {*sys.builtin_module_names} | {
    name for name in sys.stdlib_module_names if FrozenImporter.find_spec(name)
}
ITSELF = os.path.dirname(os.path.realpath(__file__))
SKIPPED = {"node_modules", "__pycache__", "venv", "env", "build", "dist", *INSTALLED}

File = tuple[str, str]  # a path, and the name of its module


@dataclass
class Closure:
    """The code of one stage.

    Attributes
    ----------
    modules : files, without symbolic links, and the paths by which each was found
    external : top names of modules that are not the project's own
    problems : messages, each about an import that may be incomplete
    runs : the files that the commands name
    """

    modules: dict[str, set[str]] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


class Project:
    """The modules of a project, each read once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.packaged = [str(each) for each in search_folders(config.top)]
        self.sources: dict[str, Source] = {}
        self.real = cache(os.path.realpath)
        self.find = cache(_find)
        self.editable = cache(self._editable)
        self.fingerprint = cache(_fingerprint)
        self._commands = Commands(config.top)
        self._index: dict[str, list[str]] = {}

    @cache  # noqa: B019 - lives as long as the program
    def closure(self, stage: Stage) -> Closure:
        """Return the code that the commands of a stage run."""
        settings = self.config.for_stage(stage.address)
        runs = [run for text in stage.commands for run in self._commands.read(text, stage.wdir)]
        closure = Closure(problems=self._commands.problems)
        self._commands.problems = []
        for run in runs:
            _Follower(self, settings, run, closure).follow()
        for module in settings.modules or ():
            _Follower(self, settings, Run("declared", module, self.config.root), closure).follow()
        closure.problems = list(dict.fromkeys(closure.problems))
        return closure

    def source(self, path: str) -> Source:
        """Return what a file contains."""
        if path not in self.sources:
            self.sources[path] = read_source(Path(path))
        return self.sources[path]

    def _editable(self, top: str) -> list[str]:
        """Return the folder of an editable installation of the project in this environment."""
        origin = Path(_installed(top))
        if is_installed(origin) or not origin.is_relative_to(self.config.top):
            return []
        package = origin.parent if origin.name == "__init__.py" else origin
        return [str(package.parent)]

    def matches(self, name: str) -> list[str]:
        """Return the folders of the repository in which a dotted name would be found."""
        if not self._index:
            for folder, folders, files in os.walk(self.config.top):
                folders[:] = [each for each in folders if each not in SKIPPED and each[0] != "."]
                for each in [*folders, *(file[:-3] for file in files if file.endswith(".py"))]:
                    self._index.setdefault(each, []).append(folder)
        folders_found = self._index.get(name.partition(".")[0], [])
        return [each for each in folders_found if _find(name, (each,))[0]]


class _Follower:
    """Follows one command."""

    def __init__(self, project: Project, settings: Settings, run: Run, closure: Closure) -> None:
        self.project, self.config, self.settings = project, project.config, settings
        self.run, self.closure = run, closure
        self.front = [*run.front]
        self.back = [*(str(self.config.root / path) for path in settings.paths), *project.packaged]
        self.queue: list[File] = []
        self.done: set[File] = set()
        self.waiting: list[tuple[Import, str, str]] = []  # with the file and the package
        self.chosen: set[tuple[str, int]] = set()  # each `try` of which one import was found

    def follow(self) -> None:
        """Add what the command runs, then all that it imports."""
        kind, what = self.run.kind, self.run.what
        path = str(self.run.cwd / what)
        if kind == "declared":
            self.declare(what)
        elif kind == "code":
            source = read_source(Path("<python -c>"), what.encode())
            if source.error:
                self.problem(f"python -c: not valid Python: {source.error}")
            self.read(source, "", "")
        elif kind == "module":
            own = self.resolve(Import(f"{what}.__main__"), "", "")
            own = own or self.resolve(Import(what), "", "")
            if own:
                self.closure.runs.append(self.config.name(self.project.real(own[-1][0])))
            else:
                self.missing(Import(what), "", f"runs python -m {what}")
        elif os.path.isfile(path):
            self.closure.runs.append(self.config.name(self.project.real(path)))
            self.queue.append((path, ""))
        else:
            self.problem(f"runs {what}, which does not exist")
        while self.queue:
            while self.queue:
                self.enter(*self.queue.pop())
            waiting, self.waiting = self.waiting, []
            for each in waiting:  # the search path may have changed
                self.require(*each)
        for wanted, file, _ in self.waiting:
            if (file, wanted.choice) not in self.chosen:
                self.missing(wanted, file)

    def declare(self, name: str) -> None:
        """Add a declared module; ``package.*`` stands for all modules in it."""
        base = name.removesuffix(".*")
        folders = (*self.back, str(self.config.root))
        found, places = self.project.find(base, folders)
        if name.endswith(".*"):
            for each in pkgutil.iter_modules(places or ()):
                found = [*found, *self.project.find(f"{base}.{each.name}", folders)[0]]
        if not found:
            self.problem(f"pyproject.toml declares module {name}, which is not found")
        self.add(found)

    def add(self, files: list[File]) -> None:
        self.queue += [each for each in files if each not in self.done]

    def enter(self, path: str, module: str) -> None:
        """Read a file that the stage runs."""
        if (path, module) in self.done:
            return
        self.done.add((path, module))
        real = self.project.real(path)
        if real.startswith(ITSELF + os.sep) or self.settings.excludes(self.config.name(real)):
            return
        self.closure.modules.setdefault(real, set()).add(path)
        if path.endswith(COMPILED):
            return
        # a relative path in the file is meant as the file is named, not where a link leads
        source = self.project.source(path)
        if source.error:
            self.problem(f"{self.config.name(path)}: not valid Python: {source.error}")
        package = module if os.path.basename(path) == "__init__.py" else module.rpartition(".")[0]
        self.read(source, path, package)

    def read(self, source: Source, path: str, package: str) -> None:
        """Follow what a file imports, after it has changed the search path."""
        for expression, front in source.paths:
            folder = source.located(expression, self.run.cwd)
            if folder is None or is_installed(folder):
                continue  # `missing` reports an import that therefore is not found
            if front and folder not in self.front:
                self.front.insert(0, folder)
            elif folder not in (*self.front, *self.back):
                self.back.append(folder)
        for expression, line in source.files:
            file = source.located(expression, self.run.cwd)
            if file and os.path.isfile(file):
                self.queue.append((file, ""))
            else:
                self.computed(path, line)
        for line in source.computed:
            self.computed(path, line)
        for each in source.imports:
            self.require(each, path, package)

    def require(self, wanted: Import, path: str, package: str) -> None:
        """Add the files of an import, or let it wait."""
        if self.resolve(wanted, path, package) is None:
            self.waiting.append((wanted, path, package))

    def resolve(self, wanted: Import, path: str, package: str) -> list[File] | None:
        """Add the files that an import runs, and return them; None if it is not found."""
        try:
            base = resolve_name(wanted.module, package)
        except ImportError:  # outside any package, where Python refuses it
            return [] if wanted.choice or not package else None
        top = base.partition(".")[0]
        folders = self.folders(top)
        if top in sys.stdlib_module_names and not self.project.find(top, folders)[0]:
            return []
        found, places = self.project.find(base, folders)
        if places is None:
            self.add(found)
            return None
        for name in wanted.names:
            names = self.exported(found, path, wanted.line) if name == "*" else [name]
            for each in names:
                found = [*found, *self.project.find(f"{base}.{each}", folders)[0]]
        if not found:
            return None
        if wanted.choice:  # `try` needs just one of its imports
            self.chosen.add((path, wanted.choice))
        self.add(found)
        return found

    def exported(self, found: list[File], path: str, line: int) -> tuple[str, ...]:
        """Return the names that ``from package import *`` imports by ``__all__``."""
        if not found or os.path.basename(found[-1][0]) != "__init__.py":
            return ()
        exports = self.project.source(found[-1][0]).exports
        if exports is None:
            self.computed(path, line)
        return exports or ()

    def folders(self, top: str) -> tuple[str, ...]:
        """Return the folders in which Python looks for a name before it takes an installed one."""
        if top in BUILTIN:
            return ()
        if top in sys.stdlib_module_names:
            return tuple(self.front)
        return (*self.front, *self.back, *self.project.editable(top))

    def missing(self, wanted: Import, path: str, how: str = "") -> None:
        """Report an import that is not found, unless it is of an installed package."""
        name = wanted.module
        top = name.partition(".")[0]
        where = f"{self.config.name(path)}: line {wanted.line}: " if path else ""
        how = how or f"{where}imports {name}"
        if not top:
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
        matches = [each for each in matches if not self.settings.excludes(each)]
        if matches:
            self.problem(
                f"{how}, which is on no search path, but in {' and '.join(matches[:3])}; declare"
                f' paths = ["{matches[0]}"] in [tool.dvc-imports] of pyproject.toml'
            )

    def computed(self, path: str, line: int) -> None:
        """Report a name that only the running program knows, unless modules are declared."""
        if self.settings.modules is None:
            where = self.config.name(path) if path else "python -c"
            self.problem(
                f"{where}: line {line}: imports a name that is computed; declare what it may be,"
                ' as modules = ["package.module"] or [] in [tool.dvc-imports] of pyproject.toml'
            )

    def problem(self, text: str) -> None:
        self.closure.problems.append(text)


def _find(name: str, folders: tuple[str, ...]) -> tuple[list[File], tuple[str, ...] | None]:
    """Return the files that the import of a dotted name runs, as Python would find them.

    Returns
    -------
    files, and the folders of the last package, none for a module; None if it was not found
    """
    files: list[File] = []
    parts = name.split(".")
    for count, part in enumerate(parts, start=1):
        spec = PathFinder.find_spec(part, folders)
        if spec is None:
            return files, None
        if spec.origin:
            files.append((spec.origin, ".".join(parts[:count])))
        folders = tuple(spec.submodule_search_locations or ())
        if not folders:
            return files, () if count == len(parts) else None
    return files, folders


def _fingerprint(path: Path) -> str:
    try:
        return file_fingerprint(path)
    except (OSError, *PARSE_ERRORS) as error:
        raise CodeError(f"{path}: cannot be read: {error}") from None


@cache
def _installed(top: str) -> str:
    """Return the file of a module that is found outside the current folder; empty if none is."""
    path, here = sys.path, {"", os.getcwd(), os.path.realpath(os.getcwd())}
    sys.path = [each for each in path if each not in here]
    try:
        spec = find_spec(top)
    except (ImportError, AttributeError, ValueError):
        return ""
    finally:
        sys.path = path
    return os.path.realpath(spec.origin) if spec and spec.has_location and spec.origin else ""
