"""Follow the imports of a stage through the project's own modules."""

import os
import pkgutil
import sys
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.machinery import EXTENSION_SUFFIXES, FrozenImporter, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path

from dvc_imports.commands import Commands, Run
from dvc_imports.config import INSTALLED, ITSELF, CodeError, Config, Settings, is_installed
from dvc_imports.fingerprint import PARSE_ERRORS, file_fingerprint
from dvc_imports.source import Import, Source, read_source
from dvc_imports.stages import Stage

COMPILED = (*EXTENSION_SUFFIXES, ".pyc")
# loaded before the search path is read
BUILTIN = {*sys.builtin_module_names} | {
    name for name in sys.stdlib_module_names if FrozenImporter.find_spec(name)
}
SKIPPED = {"node_modules", "__pycache__", "venv", "env", "build", "dist", *INSTALLED}
DECLARE = "in [tool.dvc-imports] of pyproject.toml"

File = tuple[str, str]  # a path, and the name of its module


@dataclass
class Closure:
    """The code of one stage."""

    modules: dict[str, str] = field(default_factory=dict)  # real path, and path when imported
    external: set[str] = field(default_factory=set)  # top names of modules not the project's own
    problems: list[str] = field(default_factory=list)  # why it may be incomplete
    runs: list[str] = field(default_factory=list)  # files that the commands name


class Project:
    """The modules of a project, each read once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.commands = Commands(config)
        self.sources: dict[str, Source] = {}
        folders = {file.parent: None for file in config.packaging}
        self.packaged = [str(each) for folder in folders for each in (folder / "src", folder)]
        self.real = cache(os.path.realpath)
        self.find = cache(_find)
        self.fingerprint = cache(_fingerprint)

    @cache  # noqa: B019 - lives as long as the program
    def closure(self, stage: Stage) -> Closure:
        """Return the code that the commands of a stage run."""
        settings = self.config.for_stage(stage.address)
        runs = [run for text in stage.commands for run in self.commands.read(text, stage.wdir)]
        root = self.config.root
        runs += [Run("declared", name, root, (str(root),)) for name in settings.modules or ()]
        closure = Closure()
        for run in runs:
            _Follower(self, settings, run, closure).follow()
        closure.problems = list(dict.fromkeys(closure.problems))
        return closure

    def source(self, path: str) -> Source:
        """Return the content of a file."""
        if path not in self.sources:
            self.sources[path] = read_source(Path(path))
        return self.sources[path]

    def matches(self, name: str) -> list[str]:
        """Return the folders of the repository in which a dotted name would be found."""
        folders = self._folders.get(name.partition(".")[0], [])
        return [self.config.name(each) for each in folders if self.find(name, (each,))[0]]

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        """The folders that contain a module or a folder, by its name."""
        index: dict[str, list[str]] = {}
        for folder, folders, files in os.walk(self.config.top):
            folders[:] = [each for each in folders if each not in SKIPPED and each[0] != "."]
            for each in [*folders, *(file[:-3] for file in files if file.endswith(".py"))]:
                index.setdefault(each, []).append(folder)
        return index


class _Follower:
    """Follows one command of a stage, and adds its findings to the stage's closure."""

    def __init__(self, project: Project, settings: Settings, run: Run, closure: Closure) -> None:
        self.project, self.config, self.settings = project, project.config, settings
        self.run, self.closure = run, closure
        # folders that are searched before and after the standard library
        self.front = [*run.front]
        self.back = [*(str(self.config.root / path) for path in settings.paths), *project.packaged]
        self.queue: list[File] = []
        self.external: set[str] = set()
        self.problems: list[str] = []

    def follow(self) -> None:
        """Add all that the command imports; again, if a module has changed the search path."""
        folders: list[str] | None = None
        while folders != [*self.front, *self.back]:
            folders = [*self.front, *self.back]
            self.external, self.problems = set(), []
            done: set[File] = set()
            self.start()
            while self.queue:
                file = self.queue.pop()
                if file not in done:
                    done.add(file)
                    self.enter(*file)
        self.closure.external |= self.external
        self.closure.problems += self.problems

    def start(self) -> None:
        """Add the files that the command names."""
        kind, what = self.run.kind, self.run.what
        path = str(self.run.cwd / what)
        if kind == "unread":
            self.computed(what)
        elif kind == "broken":
            self.problems.append(what)
        elif kind == "declared":
            self.declare(what)
        elif kind == "module":
            own = self.resolve(Import(f"{what}.__main__")) or self.resolve(Import(what))
            if own:
                self.closure.runs.append(self.config.name(self.project.real(own[-1][0])))
            else:
                self.missing(Import(what), f"runs python -m {what}")
        elif os.path.isfile(path):
            self.closure.runs.append(self.config.name(self.project.real(path)))
            self.queue.append((path, ""))
        elif not self.settings.excludes(self.config.name(path)):
            self.problems.append(f"runs {what}, which does not exist")

    def declare(self, name: str) -> None:
        """Add a declared module; ``package.*`` stands for all modules in it."""
        base = name.removesuffix(".*")
        _, places = self.project.find(base, self.folders(base.partition(".")[0]))
        inside = pkgutil.iter_modules(places or ()) if base != name else ()
        if not self.resolve(Import(base, tuple(each.name for each in inside))):
            self.problems.append(f"pyproject.toml declares module {name}, which is not found")

    def enter(self, path: str, module: str) -> None:
        """Read a file that the stage runs."""
        real = self.project.real(path)
        if real.startswith(ITSELF) or self.settings.excludes(self.config.name(real)):
            return
        self.closure.modules.setdefault(real, path)
        if not path.endswith(COMPILED):
            # a relative path in the file is meant as the file is named, not where a link leads
            is_package = os.path.basename(path) == "__init__.py"
            package = module if is_package else module.rpartition(".")[0]
            self.read(self.project.source(path), self.config.name(path), package)

    def read(self, source: Source, name: str, package: str) -> None:
        """Follow the imports of a file, after it has changed the search path."""
        if source.error:
            self.problems.append(f"{name}: not valid Python: {source.error}")
        for expression, front in source.paths:
            folder = source.located(expression, self.run.cwd)
            if folder is None or is_installed(folder):
                continue  # `missing` reports an import that therefore is not found
            if front and folder not in self.front:
                self.front.insert(0, folder)
            elif folder not in (*self.front, *self.back):
                self.back.append(folder)
        for line in source.computed:
            self.computed(f"{name}: line {line}: imports a name that is computed")
        found = {each: self.resolve(each, name, package) for each in source.imports}
        # `try` needs just one of its imports
        chosen = {each.choice for each, files in found.items() if each.choice and files}
        for each, files in found.items():
            if files is None:
                how = f"{name}: line {each.line}: imports {each.module}"
                self.missing(each, how, each.choice in chosen)

    def resolve(self, wanted: Import, name: str = "", package: str = "") -> list[File] | None:
        """Add the files that an import runs, and return them; None if it is not found."""
        try:
            base = resolve_name(wanted.module, package)
        except ImportError:  # outside any package, where Python refuses it
            return None
        top = base.partition(".")[0]
        folders = self.folders(top)
        if top in sys.stdlib_module_names and not self.project.find(top, folders)[0]:
            return []
        found, places = self.project.find(base, folders)
        names = wanted.names if places is not None else ()
        if "*" in names:
            names = self.exported(found, name, wanted.line)
        for each in names:
            found = [*found, *self.project.find(f"{base}.{each}", folders)[0]]
        self.queue += found
        return None if places is None else found or None

    def exported(self, found: list[File], name: str, line: int) -> tuple[str, ...]:
        """Return the names that ``from package import *`` imports by ``__all__``."""
        if not found or os.path.basename(found[-1][0]) != "__init__.py":
            return ()
        exports = self.project.source(found[-1][0]).exports
        if exports is None:
            self.computed(f"{name}: line {line}: imports names that are computed")
        return exports or ()

    def folders(self, top: str) -> tuple[str, ...]:
        """Return the folders in which Python looks for a name before it takes an installed one."""
        if top in BUILTIN:
            return ()
        if top in sys.stdlib_module_names:
            return tuple(self.front)
        origin = _installed(top)
        if is_installed(origin) or not origin.startswith(f"{self.config.top}{os.sep}"):
            return (*self.front, *self.back)
        # an editable installation
        package = os.path.dirname(origin) if origin.endswith("__init__.py") else origin
        return (*self.front, *self.back, os.path.dirname(package))

    def missing(self, wanted: Import, how: str, is_chosen: bool = False) -> None:
        """Report an import that is not found, unless it is of an installed package."""
        top = wanted.module.partition(".")[0]
        if not top or self.project.find(top, self.folders(top))[0]:
            if not wanted.choice:
                self.problems.append(f"{how}, which is not found")
            return
        self.external.add(top)
        if is_chosen or top in sys.stdlib_module_names or _installed(top):
            return
        matches = [
            each for each in self.project.matches(wanted.module) if not self.settings.excludes(each)
        ]
        if matches:
            self.problems.append(
                f"{how}, which is on no search path, but in {' and '.join(matches[:3])}; declare"
                f' paths = ["{matches[0]}"] {DECLARE}'
            )

    def computed(self, what: str) -> None:
        """Report an import that only the running program knows, unless modules are declared."""
        if self.settings.modules is None:
            self.problems.append(
                f"{what}; declare the imported modules, as"
                f' modules = ["package.module"] or [] {DECLARE}'
            )


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
