"""Find the Python that a stage's shell commands run."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dvc_imports.config import is_installed
from dvc_imports.projects import console_scripts, pytest_option

PYTHON = re.compile(
    r"^(python|pypy)[\d.]*w?(\.exe)?$|^py(\.exe)?$|^\$\{?PYTHON\w*\}?$", re.IGNORECASE
)
ASSIGNMENT = re.compile(r"^\w+=")
SEPARATORS = re.compile(r"^[;&|()\n]+$")
COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
KEYWORDS = {"do", "then", "else", "elif", "if", "while", "until", "{", "}", "!", "exec", "export"}
SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish"}
# commands before which another command stands
RUNNERS = {
    *("accelerate", "conda", "coverage", "deepspeed", "dvc-imports", "env", "hatch", "mamba"),
    *("micromamba", "mpiexec", "mpirun", "nice", "nohup", "pdm", "pipenv", "pixi", "poetry", "rye"),
    *("srun", "stdbuf", "sudo", "time", "timeout", "torchrun", "uv", "xvfb-run"),
}
# modules that run as a command of this name
MODULES = {
    "accelerate": "accelerate",
    "coverage": "coverage",
    "dvc_imports": "dvc-imports",
    "papermill": "papermill",
    "torch": "torchrun",
}
# commands that read Python files without running them
READERS = {
    *("black", "cat", "chmod", "cp", "diff", "dvc", "echo", "flake8", "git", "grep", "head", "ls"),
    *("md5sum", "mkdir", "mv", "mypy", "printf", "pylint", "pyright", "rm", "ruff", "sed", "tar"),
    *("test", "touch", "wc", "[", "isort", "curl", "wget", "rsync", "scp", "zip", "docker"),
}
WITH_VALUE = {"-W", "-X", "--check-hash-based-pycs"}  # options of python that take another word


@dataclass(frozen=True)
class Run:
    """Python that is run.

    Attributes
    ----------
    kind : "file", "module" or "code"
    what : the file's path, the module's dotted name, or the code itself
    cwd : the folder in which it runs
    front : folders that are searched for modules first
    """

    kind: str
    what: str
    cwd: Path
    front: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a command runs.

    Attributes
    ----------
    cwd : the current folder
    paths : the folders of PYTHONPATH, without those of installed packages
    depth : number of shell scripts around the command
    """

    cwd: Path
    paths: tuple[str, ...]
    depth: int = 0

    def searched(self, *folders: Path) -> tuple[str, ...]:
        """Return the folders that are searched for modules, those of a program first."""
        return (*map(str, folders), *self.paths)

    def assigned(self, word: str) -> "Place":
        """Return the place after an assignment; ``$PWD`` is known, other variables are not."""
        name, _, value = word.partition("=")
        value = re.sub(r"\$\{?PWD\}?|\$\(pwd\)|`pwd`", lambda _: str(self.cwd), value)
        parts = [part for part in value.split(os.pathsep) if part and "$" not in part]
        if name != "PYTHONPATH":
            return self
        folders = [os.path.normpath(self.cwd / part) for part in parts]
        own = [each for each in folders if not is_installed(each)]  # workers of DVC's queue add one
        return replace(self, paths=(*own, *self.paths))


class Commands:
    """Reads shell commands in one project.

    Parameters
    ----------
    top : folder of the repository, whose packaging names console scripts
    """

    def __init__(self, top: Path) -> None:
        self._scripts = console_scripts(top)
        self.problems: list[str] = []

    def read(self, text: str, cwd: Path) -> Iterator[Run]:
        """Yield the Python that a command runs; add to ``problems`` what cannot be read."""
        place = Place(cwd, ()).assigned(f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}")
        yield from self._lines(text, place, repr(text))

    def _lines(self, text: str, place: Place, name: str) -> Iterator[Run]:
        text = text.replace("\\\n", " ")
        if os.name == "nt":
            text = text.replace("\\", "/")
        lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
        try:
            words = list(lexer)
        except ValueError as error:
            self.problems.append(f"{name}: not a command that can be read: {error}")
            return
        for command in _split(words):
            while command and (command[0] in KEYWORDS or ASSIGNMENT.match(command[0])):
                place = place.assigned(command.pop(0))
            if command[:1] == ["cd"] and len(command) > 1:
                place = replace(place, cwd=Path(os.path.normpath(place.cwd / command[1])))
            elif command:
                yield from self._command(command, place)

    def _command(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield what one command without operators runs."""
        program, rest = Path(words[0]).name, words[1:]
        if PYTHON.match(program):
            yield from self._python(rest, place)
        elif program in {"pytest", "py.test"}:
            yield from self._tests(rest, place)
        elif program in {"papermill", "jupyter", "runipy"}:
            books = [word for word in rest if word.endswith(".ipynb")]  # the second is the output
            if program != "jupyter" or {"execute", "--execute", "run"} & {*rest}:
                yield from self._files(books[:1], place)
        elif program in RUNNERS:
            yield from self._runner(rest, place)
        elif program in SHELLS:
            yield from self._shell(rest, place)
        elif program in self._scripts:
            yield Run("module", self._scripts[program], place.cwd, place.paths)
        elif "/" in words[0] and (place.cwd / words[0]).is_file():
            yield from self._executable(words, place)
        elif program not in READERS:
            yield from self._files([word for word in rest if word.endswith(".py")], place)

    def _python(self, words: list[str], place: Place) -> Iterator[Run]:
        words = [*words]
        while words and words[0].startswith("-") and words[0] != "-":
            option = words.pop(0)
            if option in WITH_VALUE and words:
                words.pop(0)
            letter = re.match(r"^-[bBdEhiIOPqRsSuvVx]*([mc])(.*)$", option, re.DOTALL)
            if letter:
                words = [letter[2], *words] if letter[2] else words
                if words and letter[1] == "c":
                    yield Run("code", words[0], place.cwd, place.searched(place.cwd))
                elif words:
                    yield from self._module(words, place)
                return
        if not words or words[0] == "-":
            self.problems.append("runs Python code from its standard input, which is not followed")
        elif words[0][-1:] not in {"<", ">"}:
            yield _file(words[0], place)

    def _module(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield what ``python -m`` runs."""
        front = place.searched(place.cwd)
        program = MODULES.get(words[0].partition(".")[0])
        if words[0] == "pytest":
            yield from self._tests(words[1:], replace(place, paths=front))
        elif program:
            yield from self._command([program, *words[1:]], place)
        else:
            yield Run("module", words[0], place.cwd, front)

    def _runner(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield what a command runs that begins with another, such as ``uv run`` or ``env``."""
        for index, word in enumerate(words):
            name, rest = Path(word).name, words[index + 1 :]
            runs: Iterator[Run] = iter(())
            if ASSIGNMENT.match(word):
                place = place.assigned(word)
            elif word in {"-m", "--module"} and rest:
                runs = self._module(rest, place)
            elif word.endswith(".py") and not word.startswith("-"):
                runs = iter([_file(word, place)])
            elif words[max(index - 1, 0)] not in {"--with", "-p", "--python", "-n"} and (
                PYTHON.match(name)
                or name in {"pytest", "papermill", "jupyter", *RUNNERS, *SHELLS, *self._scripts}
                or "/" in word
            ):
                runs = self._command(words[index:], place)
            found = [*runs]
            if found:
                yield from found
                return

    def _shell(self, words: list[str], place: Place) -> Iterator[Run]:
        rest = [word for word in words if not word.startswith("-") or "c" in word]
        inner = replace(place, depth=place.depth + 1)
        if not rest or place.depth > 5:  # a script may call itself
            return
        if rest[0].startswith("-"):
            yield from self._lines(" ".join(rest[1:2]), inner, repr(rest[-1]))
        elif (place.cwd / rest[0]).is_file():
            text = (place.cwd / rest[0]).read_text(encoding="utf-8", errors="replace")
            yield from self._lines(COMMENT.sub("", text), inner, rest[0])

    def _executable(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield what a file runs, by its first line."""
        with (place.cwd / words[0]).open("rb") as file:
            first = file.readline(200)
        if b"python" in first or words[0].endswith(".py"):
            yield _file(words[0], place)
        elif re.search(rb"\b(ba|z|da|k)?sh\b", first) or words[0].endswith(".sh"):
            yield from self._shell(words, place)

    def _files(self, words: list[str], place: Place) -> Iterator[Run]:
        yield from (_file(word, place) for word in words if (place.cwd / word).is_file())

    def _tests(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield the test files that pytest collects, and the conftest files above them."""
        cwd = place.cwd
        top = next((each for each in (cwd, *cwd.parents) if _configures_pytest(each)), cwd)
        named = [cwd / word.partition("::")[0] for word in words if not word.startswith("-")]
        starts = [path for path in named if path.exists()]
        starts = starts or [cwd / each for each in pytest_option(top, "testpaths")] or [cwd]
        patterns = pytest_option(top, "python_files") or ["test_*.py", "*_test.py"]
        front = tuple(str(top / each) for each in pytest_option(top, "pythonpath"))
        for start in starts:
            files = [start]
            if start.is_dir():
                files = [path for each in patterns for path in sorted(start.rglob(each))]
                files = [path for path in files if not _is_hidden(path.relative_to(start))]
            for file in files:
                parents = [each for each in file.parents if each.is_relative_to(top)]
                conftests = [each / "conftest.py" for each in parents]
                for path in [*filter(Path.is_file, conftests), file]:
                    base = path.parent
                    while (base / "__init__.py").is_file():
                        base = base.parent
                    yield Run("file", str(path), cwd, (str(base), *front, *place.paths))


def _file(path: str, place: Place) -> Run:
    """Return the run of a script, a notebook, or a folder with ``__main__.py``."""
    real = Path(os.path.realpath(place.cwd / path))
    if real.is_dir():
        return Run("file", os.path.join(path, "__main__.py"), place.cwd, place.searched(real))
    current = [place.cwd] if path.endswith(".ipynb") else []
    return Run("file", path, place.cwd, place.searched(real.parent, *current))


def _split(words: list[str]) -> Iterator[list[str]]:
    """Yield the simple commands between operators, without redirections."""
    command: list[str] = []
    for word in [*words, ";"]:
        if not SEPARATORS.match(word):
            command.append(word)
        elif command:
            yield [each for each in command if each[:1] not in {"<", ">"}]
            command = []


def _configures_pytest(folder: Path) -> bool:
    names = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git", ".dvc")
    return any((folder / name).exists() for name in names)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in {"venv", "node_modules"} for part in path.parts)
