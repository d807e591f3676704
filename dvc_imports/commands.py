"""Find the Python that a stage's shell commands run."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dvc_imports.config import Config, is_installed

PYTHON = re.compile(
    r"^(python|pypy)[\d.]*w?(\.exe)?$|^py(\.exe)?$|^\$\{?PYTHON\w*\}?$", re.IGNORECASE
)
OPTION = re.compile(r"^-[bBdEhiIOPqRsSuvVx]*([mcWX])(.*)$", re.DOTALL)  # of Python, with a value
ASSIGNMENT = re.compile(r"^\w+=")
SEPARATORS = re.compile(r"^[;&|()\n]+$")
REDIRECTION = re.compile(r"^\d*[<>]+(.*)$", re.DOTALL)
COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
# a console script in a packaging file, whether TOML, INI or Python:
# go = "package.module:main", go = {reference = "package.module:main"}
SCRIPT = re.compile(r"""([\w.-]+)["']?\s*=\s*(?:\{\s*reference\s*=\s*)?["']?([\w.]+):[\w.]+""")
KEYWORDS = {"do", "then", "else", "elif", "if", "while", "until", "{", "}", "!", "exec", "export"}
SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish"}
# modules that run another program
WRAPPERS = {"accelerate", "coverage", "dvc_imports", "jupyter", "papermill", "pytest", "torch"}
# commands that read or name Python files without running them
READERS = {
    *("black", "cat", "chmod", "cp", "diff", "dvc", "echo", "flake8", "git", "grep", "head", "ls"),
    *("md5sum", "mkdir", "mv", "mypy", "printf", "pylint", "pyright", "rm", "ruff", "sed", "tar"),
    *("test", "touch", "wc", "[", "isort", "curl", "wget", "rsync", "scp", "zip", "docker", "pip"),
}


@dataclass(frozen=True)
class Run:
    """Python that is run."""

    kind: str  # "file", "module", "declared" in pyproject.toml, "unread" or "broken"
    what: str  # a path, a dotted name, or why it cannot be read
    cwd: Path
    front: tuple[str, ...] = ()  # folders that are searched for modules first


@dataclass(frozen=True)
class Place:
    """Where a command runs."""

    cwd: Path
    paths: tuple[str, ...] = ()  # PYTHONPATH, without folders of installed packages
    depth: int = 0  # number of shells around the command

    def assigned(self, word: str) -> "Place":
        """Return the place after an assignment; ``$PWD`` is known, other variables are not."""
        name, _, value = word.partition("=")
        if name != "PYTHONPATH":
            return self
        value = re.sub(r"\$\{?PWD\}?|\$\(pwd\)|`pwd`", lambda _: str(self.cwd), value)
        parts = [part for part in value.split(os.pathsep) if part and "$" not in part]
        folders = [os.path.normpath(self.cwd / part) for part in parts]
        own = [each for each in folders if not is_installed(each)]  # workers of DVC's queue add one
        return replace(self, paths=(*own, *self.paths))

    def run(self, kind: str, what: str, *front: str) -> Run:
        """Return a run in this place."""
        return Run(kind, what, self.cwd, (*front, *self.paths))

    def file(self, path: str) -> Run:
        """Return the run of a script, a notebook, or a folder with ``__main__.py``."""
        folder = os.path.realpath(self.cwd / path)
        if os.path.isdir(folder):
            return self.run("file", os.path.join(path, "__main__.py"), folder)
        here = [str(self.cwd)] if path.endswith(".ipynb") else []
        return self.run("file", path, os.path.dirname(folder), *here)


class Commands:
    """Reads shell commands in one project."""

    def __init__(self, config: Config) -> None:
        self._top = config.top
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in config.packaging]
        self._scripts = dict(SCRIPT.findall("\n".join(texts)))

    def read(self, text: str, cwd: Path) -> Iterator[Run]:
        """Yield the Python that a command runs in a folder."""
        place = Place(cwd).assigned(f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}")
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
            yield place.run("broken", f"{name} is not a command that can be read: {error}")
            return
        for command in _split(words):
            while command and (command[0] in KEYWORDS or ASSIGNMENT.match(command[0])):
                place = place.assigned(command.pop(0))
            if command[:1] == ["cd"] and len(command) > 1:
                place = replace(place, cwd=Path(os.path.normpath(place.cwd / command[1])))
            elif command and command[0] not in READERS:
                yield from self._command(command, place)

    def _command(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield the Python that one command runs, also behind ``uv run``, ``env`` and others."""
        for index, word in enumerate(words):
            name, rest = Path(word).name, words[index + 1 :]
            runs: Iterator[Run] = iter(())
            if ASSIGNMENT.match(word):
                place = place.assigned(word)
            elif word in {"-m", "--module"} and rest and not any(map(PYTHON.match, rest)):
                runs = self._module(rest, place)
            elif word.endswith((".py", ".ipynb")) and not word.startswith("-"):
                runs = map(place.file, [word, *self._scripts_in(rest, place)])
            elif index and words[index - 1] in {"--with", "--python", "-p", "-n"}:
                continue  # the name of a package, a version or an environment
            elif PYTHON.match(name):
                runs = self._python(rest, place)
            elif name in {"pytest", "py.test"}:
                runs = self._tests(rest, place)
            elif name in SHELLS:
                runs = self._shell(rest, place)
            elif name in self._scripts:
                runs = iter([place.run("module", self._scripts[name])])
            elif word.endswith(".sh") or "/" in word:
                if os.path.isfile(place.cwd / word):
                    runs = self._executable(word, place)
                elif index == 0 and word.endswith(".sh"):
                    runs = iter([place.file(word)])  # to be reported
            if found := [*runs]:
                yield from found
                return

    def _python(self, words: list[str], place: Place) -> Iterator[Run]:
        words = [*words]
        while words and words[0].startswith("-") and words[0] != "-":
            option = OPTION.match(words.pop(0))
            if option and option[2]:
                words.insert(0, option[2])
            if option and option[1] == "m":
                yield from self._module(words, place)
                return
            if option and option[1] == "c":
                yield place.run("unread", "runs python -c, which is not followed")
                return
            words = words[1:] if option else words
        if words and words[0] != "-":
            yield place.file(words[0])
        else:
            yield place.run("unread", "runs Python from its standard input, which is not followed")

    def _module(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield the Python that ``python -m`` runs."""
        place = replace(place, paths=(str(place.cwd), *place.paths))
        program = words[0].partition(".")[0] if words else ""
        if program in WRAPPERS:
            yield from self._command([program, *words[1:]], place)
        elif words:
            yield place.run("module", words[0])
            # the module may run them, as cProfile, pdb and mpi4py do
            yield from map(place.file, self._scripts_in(words[1:], place))

    def _scripts_in(self, words: list[str], place: Place) -> list[str]:
        return [each for each in words if each.endswith(".py") and (place.cwd / each).is_file()]

    def _shell(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield the Python that a shell runs: in a script, or the words after ``-c``."""
        inner = replace(place, depth=place.depth + 1)
        if all(word.startswith("-") for word in words):
            yield place.run("unread", "runs a shell from its standard input, which is not followed")
        for word in words if place.depth < 5 else []:  # a script may call itself
            if os.path.isfile(place.cwd / word):
                text = (place.cwd / word).read_text(encoding="utf-8", errors="replace")
                yield from self._lines(COMMENT.sub("", text), inner, word)
                return
            if not word.startswith("-"):
                yield from self._lines(word, inner, word)

    def _executable(self, word: str, place: Place) -> Iterator[Run]:
        """Yield the Python that a file runs, by its first line."""
        with (place.cwd / word).open("rb") as file:
            first = file.readline(200)
        if first.startswith(b"#!") and b"python" in first:
            yield place.file(word)
        elif re.match(rb"#!.*\b(ba|z|da|k)?sh\b", first) or word.endswith(".sh"):
            yield from self._shell([word], place)

    def _tests(self, words: list[str], place: Place) -> Iterator[Run]:
        """Yield all modules in pytest's folders, and the conftest files above them."""
        starts, is_named = [], False
        for before, word in zip(["", *words], words, strict=False):
            path = place.cwd / word.partition("::")[0]
            if not word.startswith("-") and (path.is_dir() or path.suffix == ".py"):
                starts.append(path)
                is_named |= not before.startswith("--")  # or it may be a value, as for --cov
        for start in starts if is_named else [*starts, place.cwd]:
            inside = start.rglob("*.py") if start.is_dir() else [start]
            files = sorted(each for each in inside if not _is_hidden(each.relative_to(start)))
            above = [each for each in start.parents if each.is_relative_to(self._top)]
            for path in [*filter(Path.is_file, (each / "conftest.py" for each in above)), *files]:
                base = path.parent
                while (base / "__init__.py").is_file():
                    base = base.parent
                name = ".".join(path.relative_to(base).with_suffix("").parts)
                if path.is_file():
                    yield place.run("module", name, str(base))
                else:
                    yield place.file(os.path.relpath(path, place.cwd))  # to be reported


def _split(words: list[str]) -> Iterator[list[str]]:
    """Yield the simple commands between operators, without redirections."""
    command: list[str] = []
    names_file = False  # a redirection stands before
    for word in [*words, ";"]:
        redirection = REDIRECTION.match(word)
        if SEPARATORS.match(word):
            yield command
            command = []
        elif not redirection and not names_file:
            command.append(word)
        names_file = bool(redirection and not redirection[1])


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in {"venv", "node_modules"} for part in path.parts)
