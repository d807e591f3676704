"""Find the Python that a stage's shell commands run."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dvc_imports.projects import console_scripts, pytest_option

PYTHON = re.compile(
    r"^(python|pypy)[\d.]*w?(\.exe)?$|^py(\.exe)?$|^\$\{?PYTHON\w*\}?$", re.IGNORECASE
)
ASSIGNMENT = re.compile(r"^\w+=")
SEPARATORS = re.compile(r"^[;&|()]+$")
KEYWORDS = {"do", "then", "else", "elif", "if", "while", "until", "{", "}", "!", "exec", "export"}
SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish"}
# commands before which another command stands
RUNNERS = {
    *("accelerate", "conda", "coverage", "deepspeed", "dvc-imports", "env", "hatch", "mamba"),
    *("micromamba", "mpiexec", "mpirun", "nice", "nohup", "pdm", "pipenv", "pixi", "poetry", "rye"),
    *("srun", "stdbuf", "sudo", "time", "timeout", "torchrun", "uv", "xvfb-run"),
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
    kind : "script", "module", "code", "tests" or "notebook"
    what : the script's path, the module's dotted name, or the code itself
    cwd : the folder in which it runs
    front : folders that are searched for modules first
    """

    kind: str
    what: str
    cwd: Path
    front: tuple[str, ...] = ()


class Commands:
    """Reads shell commands in one project.

    Parameters
    ----------
    top : folder of the repository, whose packaging names console scripts
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._scripts: dict[str, str] | None = None
        self.problems: list[str] = []

    def read(self, text: str, cwd: Path, depth: int = 0) -> Iterator[Run]:
        """Yield the Python that a command runs; add to ``problems`` what cannot be read."""
        text = text.replace("\\\n", " ")
        if os.name == "nt":
            text = text.replace("\\", "/")
        try:
            lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()")
            lexer.whitespace_split = True
            lexer.commenters = ""
            words = list(lexer)
        except ValueError as error:
            self.problems.append(f"{text!r}: not a command that can be read: {error}")
            return
        here, paths = cwd, tuple(_split_path(os.environ.get("PYTHONPATH", ""), cwd))
        for command in _split(words):
            while command and (command[0] in KEYWORDS or ASSIGNMENT.match(command[0])):
                name, _, value = command.pop(0).partition("=")
                if name == "PYTHONPATH":
                    paths = (*_split_path(value, here), *paths)
            if command[:1] == ["cd"] and len(command) > 1:
                here = Path(os.path.normpath(here / command[1]))
            elif command:
                yield from self._simple(command, here, paths, depth)

    def _simple(
        self, words: list[str], cwd: Path, paths: tuple[str, ...], depth: int
    ) -> Iterator[Run]:
        """Yield what one command without operators runs."""
        program = Path(words[0]).name
        if PYTHON.match(program):
            yield from self._python(words[1:], cwd, paths, depth)
        elif program in {"pytest", "py.test"}:
            yield from self._tests(words[1:], cwd, paths)
        elif program in {"papermill", "jupyter", "runipy"}:
            books = [word for word in words[1:] if word.endswith(".ipynb")]
            if program != "jupyter" or {"execute", "--execute", "run"} & {*words}:
                yield from self._scripts_in(books[:1], cwd, paths, "notebook")
        elif program in RUNNERS:
            yield from self._runner(words[1:], cwd, paths, depth)
        elif program in SHELLS:
            yield from self._shell(words[1:], cwd, depth)
        elif program in self._console_scripts():
            yield Run("module", self._console_scripts()[program], cwd, paths)
        elif "/" in words[0] and (cwd / words[0]).is_file():
            yield from self._executable(words, cwd, paths, depth)
        elif program not in READERS:
            yield from self._scripts_in(words, cwd, paths)

    def _python(
        self, words: list[str], cwd: Path, paths: tuple[str, ...], depth: int
    ) -> Iterator[Run]:
        words, isolated = [*words], False
        while words and words[0].startswith("-") and words[0] != "-":
            option = words.pop(0)
            isolated = isolated or bool(re.match(r"^-[a-zA-Z]*[IP]", option))
            if option in WITH_VALUE and words:
                words.pop(0)
            letter = re.match(r"^-[bBdEhiIOPqRsSuvVx]*([mc])(.*)$", option, re.DOTALL)
            if letter:
                rest = [letter[2]] if letter[2] else []
                front = paths if isolated else (str(cwd), *paths)
                yield from self._option(letter[1], [*rest, *words], cwd, front, depth)
                return
        if not words or words[0] == "-":
            self.problems.append("runs Python code from its standard input, which is not followed")
        elif words[0][-1:] not in {"<", ">"}:
            yield self._script(words[0], cwd, paths, isolated)

    def _option(
        self, letter: str, words: list[str], cwd: Path, front: tuple[str, ...], depth: int
    ) -> Iterator[Run]:
        """Yield what ``python -m`` or ``python -c`` runs."""
        if not words:
            return
        if letter == "c":
            yield Run("code", words[0], cwd, front)
        elif words[0] == "pytest":
            yield from self._tests(words[1:], cwd, front)
        elif words[0] == "dvc_imports":
            yield from self._runner(words[1:], cwd, front[1:], depth)
        else:
            yield Run("module", words[0], cwd, front)
            if words[0] in {"coverage", "papermill", "torch.distributed.run"} or (
                words[0].startswith(("accelerate", "torch.distributed"))
            ):
                yield from self._simple([words[0].partition(".")[0], *words[1:]], cwd, front, depth)

    def _runner(
        self, words: list[str], cwd: Path, paths: tuple[str, ...], depth: int
    ) -> Iterator[Run]:
        """Yield what a command runs that begins with another, such as ``uv run`` or ``env``."""
        for index, word in enumerate(words):
            name, rest = Path(word).name, words[index + 1 :]
            if ASSIGNMENT.match(word):
                if word.startswith("PYTHONPATH="):
                    paths = (*_split_path(word.partition("=")[2], cwd), *paths)
            elif word in {"-m", "--module"} and rest:
                yield from self._option("m", rest, cwd, (str(cwd), *paths), depth)
                return
            elif (
                PYTHON.match(name)
                or name in {"pytest", "papermill", "jupyter", *RUNNERS, *SHELLS}
                or name in self._console_scripts()
                or ("/" in word and (cwd / word).is_file())
            ) and words[index - 1 : index] not in (["--with"], ["-p"], ["--python"], ["-n"]):
                yield from self._simple(words[index:], cwd, paths, depth)
                return
            elif word.endswith(".py") and not word.startswith("-"):
                yield self._script(word, cwd, paths)
                return

    def _shell(self, words: list[str], cwd: Path, depth: int) -> Iterator[Run]:
        rest = [word for word in words if not word.startswith("-") or "c" in word]
        if not rest or depth > 5:
            return
        if rest[0].startswith("-"):
            yield from self.read(" ".join(rest[1:2]), cwd, depth + 1)
        elif (cwd / rest[0]).is_file():
            try:
                text = (cwd / rest[0]).read_text(encoding="utf-8", errors="replace")
            except OSError:
                return
            text = re.sub(r"(^|\s)#.*", r"\1", text.replace("\\\n", " "))
            here = cwd
            for line in text.splitlines():
                yield from self.read(line, here, depth + 1)
                change = re.match(r"^\s*cd\s+([^\s;&|$]+)\s*$", line)
                here = Path(os.path.normpath(here / change[1])) if change else here

    def _executable(
        self, words: list[str], cwd: Path, paths: tuple[str, ...], depth: int
    ) -> Iterator[Run]:
        """Yield what a file runs, by its first line."""
        with (cwd / words[0]).open("rb") as file:
            first = file.readline(200).decode("utf-8", "replace")
        if "python" in first or words[0].endswith(".py"):
            yield self._script(words[0], cwd, paths)
        elif re.search(r"\b(ba|z|da|k)?sh\b", first) or words[0].endswith(".sh"):
            yield from self._shell(words, cwd, depth)

    def _script(self, path: str, cwd: Path, paths: tuple[str, ...], isolated: bool = False) -> Run:
        if (cwd / path).is_dir():  # a folder with __main__.py
            path, folder = os.path.join(path, "__main__.py"), os.path.realpath(cwd / path)
        else:
            folder = os.path.dirname(os.path.realpath(cwd / path))
        return Run("script", path, cwd, paths if isolated else (folder, *paths))

    def _scripts_in(
        self, words: list[str], cwd: Path, paths: tuple[str, ...], kind: str = "script"
    ) -> Iterator[Run]:
        suffix = ".ipynb" if kind == "notebook" else ".py"
        for word in words:
            if word.endswith(suffix) and (cwd / word).is_file():
                folder = os.path.dirname(os.path.realpath(cwd / word))
                front = (folder, str(cwd)) if kind == "notebook" else (folder,)
                yield Run(kind, word, cwd, (*front, *paths))

    def _tests(self, words: list[str], cwd: Path, paths: tuple[str, ...]) -> Iterator[Run]:
        """Yield the test files that pytest collects, and the conftest files above them."""
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
                    yield Run("tests", str(path), cwd, (str(base), *front, *paths))

    def _console_scripts(self) -> dict[str, str]:
        if self._scripts is None:
            self._scripts = console_scripts(self._top)
        return self._scripts


def _split(words: list[str]) -> Iterator[list[str]]:
    """Yield the simple commands between operators, without redirections."""
    command: list[str] = []
    for word in [*words, ";"]:
        if SEPARATORS.match(word):
            if command:
                yield [each for each in command if each[:1] not in {"<", ">"}]
            command = []
        else:
            command.append(word)


def _split_path(value: str, cwd: Path) -> list[str]:
    """Return the folders of a PYTHONPATH; ``$PWD`` is the current one, other variables unknown."""
    value = re.sub(r"\$\{?PWD\}?|\$\(pwd\)|`pwd`", lambda _: str(cwd), value)
    parts = [part for part in re.split(rf"[{os.pathsep}]", value) if part and "$" not in part]
    return [os.path.normpath(cwd / part) for part in parts]


def _configures_pytest(folder: Path) -> bool:
    names = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git", ".dvc")
    return any((folder / name).exists() for name in names)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in {"venv", "node_modules"} for part in path.parts)
