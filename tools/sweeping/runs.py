"""The runs of a sweep: their names and their figures.

Every run is an experiment of DVC. DVC creates it, and keeps it as a Git reference under
``refs/exps/``, with its parameters and metrics: so Git finds, reads, copies and removes it.
"""

import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

from stages.shared.paths import PARAMETERS, TEST_METRICS, TRAIN_METRICS

SEED = "train.seed"
# The stage that a run ends with: the pictures of an experiment are drawn when it is applied.
TARGET = "evaluate"
# The files on which the results of a run depend, besides its settings.
SOURCES = (str(PARAMETERS), "dvc.yaml", "network", "stages", "requirements")
METRICS = (TRAIN_METRICS, TEST_METRICS)
LONGEST_NAME = 150  # in bytes: a file's may have 255
IDENTITY = ("-c", "user.name=sweep", "-c", "user.email=sweep@localhost")  # of a snapshot
Setting = tuple[str, ...]


class Run(NamedTuple):
    """One training.

    Attributes
    ----------
    setting : tuple of str
        its values of the keys that the sweep varies: ``section.key=value``
    overrides : tuple of str
        all its values that differ from params.yaml, for ``dvc exp run --set-param``
    seed : int
        ``train.seed``
    name : str
        of its experiment
    """

    setting: Setting
    overrides: Setting
    seed: int
    name: str


class Workspace(NamedTuple):
    """The state of the project.

    Attributes
    ----------
    commit : str
        HEAD, under which DVC keeps the experiments
    snapshot : str
        a commit of the present tracked files, or HEAD if none differs
    changes : str
        the difference between both in the files on which results depend
    """

    commit: str
    snapshot: str
    changes: str

    @classmethod
    def read(cls) -> "Workspace":
        """Read the state of the current folder."""
        commit = git("rev-parse", "--verify", "HEAD").strip()
        git("status")  # without it, a snapshot of files that have only been touched fails
        snapshot = git(*IDENTITY, "stash", "create").strip() or commit
        return cls(commit, snapshot, git("diff", commit, snapshot, "--", *SOURCES))

    @property
    def references(self) -> str:
        """The prefix of the references of the experiments on this commit."""
        return f"refs/exps/{self.commit[:2]}/{self.commit[2:]}/"


def plan(
    settings: Iterable[Setting], common: Setting, seeds: Sequence[int], workspace: Workspace
) -> list[Run]:
    """Return a run per setting and seed; its name has a hash of the values common to all."""
    others = "\n".join([*sorted(common), workspace.changes]).strip()
    ending = f",with={_hash(others)}" if others else ""
    runs = []
    for setting in settings:
        text = ",".join(_shown(override) for override in setting) or PARAMETERS.stem
        name = text if len(text.encode()) <= LONGEST_NAME else _hash(text)
        runs += [
            Run(
                setting,
                (*common, *setting, f"{SEED}={seed}"),
                seed,
                f"{name},seed={seed}{ending}",
            )
            for seed in seeds
        ]
    return runs


def _shown(override: str) -> str:
    """Return ``key=[64,32]`` as ``key=64-32``, because names in Git hold no brackets."""
    key, _, value = override.partition("=")
    items = [item.strip() for item in value.strip("[]").split(",")]
    if not all(re.fullmatch(r"\w+([.+-]\w+)*", item, re.ASCII) for item in items):
        items = [_hash(value)]
    return f"{key.lstrip('+')}={'-'.join(items)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def is_bounds(value: str) -> bool:
    """Return whether a value is two numbers, ``LOW..HIGH``."""
    number = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
    return re.fullmatch(rf"{number}\.\.{number}", value, re.IGNORECASE) is not None


def find(workspace: Workspace, folder: str = ".") -> dict[str, str]:
    """Return the experiments that a folder holds, from their names to their commits."""
    listed = git("-C", folder, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps/")
    pairs = [line.split(" ", 1) for line in listed.splitlines()]
    start = workspace.references
    return {name.removeprefix(start): commit for commit, name in pairs if name.startswith(start)}


def fetch(workspace: Workspace, source: str) -> None:
    """Fetch the experiments of another repository, without the files in DVC's cache."""
    pattern = f"{workspace.references}*"
    git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, f"+{pattern}:{pattern}")


def remove(workspace: Workspace, names: Iterable[str], remote: str | None = None) -> None:
    """Delete experiments here or, of a remote, there."""
    references = [f"{workspace.references}{name}" for name in names]
    if remote and references:
        git("push", "--quiet", remote, "--delete", *references)
    else:
        git("update-ref", "--stdin", text="".join(f"delete {name}\n" for name in references))


def read_figures(workspace: Workspace, runs: Iterable[Run]) -> dict[Run, dict[str, float]]:
    """Return the figures, such as ``validation.accuracy``, of those runs that have any."""
    experiments = find(workspace)
    done = [run for run in dict.fromkeys(runs) if run.name in experiments]
    asked = [f"{experiments[run.name]}:{path}\n" for run in done for path in METRICS]
    answer = io.BytesIO(git("cat-file", "--batch", text="".join(asked)).encode())
    return {run: _read(answer, run.name) | _read(answer, run.name) for run in done}


def _read(answer: BinaryIO, name: str) -> dict[str, float]:
    """Read a file of metrics from ``git cat-file --batch``: a line with its size, and its text."""
    *_, size = answer.readline().split()
    if not size.isdigit():
        sys.exit(f"error: {name}: an experiment without metrics: dvc exp remove {name}")
    content = json.loads(answer.read(int(size)))
    answer.readline()
    return {
        f"{split}.{quantity}": value
        for split, quantities in content.items()
        if isinstance(quantities, dict)  # the epoch that train.keep chose is a number
        for quantity, value in quantities.items()
        if isinstance(value, int | float)
    }


def git(*arguments: str, text: str = "") -> str:
    """Run Git, and return its output."""
    return call("git", *arguments, text=text)


def call(*command: str, text: str = "") -> str:
    """Run a command, and return its output; if it fails, exit with its errors."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"error: {command[0]}: not found")
    if done.returncode:
        words = textwrap.shorten(shlex.join(command), 80, placeholder=" …")
        sys.exit(f"error: {words}: {' '.join(done.stderr.split())}")
    return done.stdout
