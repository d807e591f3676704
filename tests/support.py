"""A small data set in MNIST's format, and clones of this project that run on it."""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.shared.datasets import Dataset
from stages.shared.paths import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

import numpy as np
import yaml
from numpy.typing import NDArray

from tests.dvc_process import run_dvc

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN_SIZE, TEST_SIZE, VALIDATION_SIZE = 600, 200, 100

LONGEST_WAIT = 600  # seconds
WINDOWS = sys.platform == "win32"

# The environment in which coverage traces a new process.
TRACING = {name: os.environ[name] for name in ["COVERAGE_PROCESS_CONFIG"] if name in os.environ}

SETTINGS = {
    "download.dataset": "small",
    "download.source": "auto",
    "preprocess.validation_size": VALIDATION_SIZE,
    "train.epochs": 3,
    "train.learning_rate": 0.02,
}


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Encode an array as an IDX file."""
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_small_dataset(folder: Path) -> None:
    """Write 600 + 200 images of ten coarse patterns with noise, not trivial to classify."""
    generator = np.random.default_rng(0)
    patterns = np.kron(generator.random((10, 7, 7)) > 0.6, np.ones((4, 4)))
    folder.mkdir()
    for images_path, labels_path, size in (
        (TRAIN_IMAGES, TRAIN_LABELS, TRAIN_SIZE),
        (TEST_IMAGES, TEST_LABELS, TEST_SIZE),
    ):
        labels = generator.permutation(size).astype(np.uint8) % 10
        noise = generator.random((size, 28, 28))
        images = (255 * np.where(noise < 0.8, noise, patterns[labels])).astype(np.uint8)
        (folder / images_path.name).write_bytes(idx_bytes(images))
        (folder / labels_path.name).write_bytes(idx_bytes(labels))


def small_dataset(folder: Path) -> Dataset:
    """Describe the data set in the folder, which is its mirror, as the table of data sets does."""
    files = {}
    for path in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
        files[path] = hashlib.sha256((folder / path.name).read_bytes()).hexdigest()
    return Dataset(CLASSES, (str(folder),), files)


class Clone:
    """A copy of the project's working tree in a separate folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path, dataset: Path) -> "Clone":
        """Copy the files that git does not ignore, and add the data set as ``small``."""
        results = ("data/", "metrics/", "plots/", "dvc.lock")
        listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.startswith(results):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        clone = cls(root)
        path = type(root).__name__
        small = f"\nfrom pathlib import {path}\n\nDATASETS['small'] = {small_dataset(dataset)}\n"
        clone.append("stages/shared/datasets.py", small)
        clone.set(**SETTINGS)
        _run("git", "init", "--quiet", cwd=root)
        _run("git", "config", "user.name", "test", cwd=root)
        _run("git", "config", "user.email", "test@localhost", cwd=root)
        clone.commit("start")
        return clone

    def copy(self, root: Path) -> "Clone":
        """Copy everything, cache and results included."""
        shutil.copytree(self.root, root, symlinks=True)
        return Clone(root)

    def forget(self) -> None:
        """Remove all results of the pipeline, and DVC's cache."""
        for name in ("data", "metrics", "plots", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        (self.root / "dvc.lock").unlink(missing_ok=True)

    def commit(self, message: str) -> None:
        """Commit all that git does not ignore."""
        _run("git", "add", "--all", cwd=self.root)
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        _run("git", *identity, "commit", "--quiet", "--message", message, cwd=self.root)

    def set(self, **settings: Any) -> None:
        """Set ``section.key`` in params.yaml, as an editor would."""
        path = self.root / "params.yaml"
        text = path.read_text(encoding="utf-8")
        for name, value in settings.items():
            section, key = name.split(".")
            text, count = re.subn(
                rf"(^{section}:[^\n]*\n(?:  .*\n)*?  {key}: )[^\n]*",
                rf"\g<1>{value}",
                text,
                flags=re.MULTILINE,
            )
            assert count == 1, name
        path.write_text(text, encoding="utf-8", newline="\n")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, name
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    def append(self, name: str, text: str) -> None:
        """Append a text to a file."""
        with (self.root / name).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone's folder."""
        return _run(*command, cwd=self.root, check=check)

    def try_dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run DVC's main function in a process of its own."""
        return subprocess.CompletedProcess(arguments, *run_dvc(arguments, self.root))

    def dvc(self, *arguments: str) -> str:
        """Run DVC, which must succeed, and return the output of DVC and the stages."""
        done = self.try_dvc(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> list[str]:
        """Run ``dvc repro``, and return the stages that ran."""
        return stages_run(self.dvc("repro", *arguments))

    def start_dvc(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start the command ``dvc``, without waiting for its end."""
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.Popen(command, cwd=self.root, encoding="utf-8", **options)

    def outputs(self) -> dict[str, bytes]:
        """Return the files of the pipeline and its lock; those of DVC itself begin with a dot."""
        paths = [
            path for name in ("data", "metrics", "plots") for path in (self.root / name).rglob("*")
        ]
        files = [
            path
            for path in [*paths, self.root / "dvc.lock"]
            if path.is_file() and path.name[0] != "." and path.suffix != ".partial"
        ]
        contents = {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}
        if "dvc.lock" in contents:  # on Windows, DVC and Git end its lines differently
            contents["dvc.lock"] = contents["dvc.lock"].replace(b"\r\n", b"\n")
        return contents

    def wait_for_epochs(self, count: int) -> None:
        """Wait until training has ended that many epochs."""
        history = self.root / "plots/history.csv.partial"
        wait_until(
            lambda: (
                history.exists() and len(history.read_text(encoding="utf-8").splitlines()) > count
            )
        )


def prepare(folder: Path) -> None:
    """Write the data set, and a clone in which all stages have run."""
    folder.mkdir()
    write_small_dataset(folder / "small")
    (folder / "finished").mkdir()
    finished = Clone.create(folder / "finished", folder / "small")
    done = _run(sys.executable, "-m", "dvc", "repro", cwd=finished.root, traced=True)
    ran = stages_run(done.stdout)
    (folder / "stages").write_text(" ".join(ran), encoding="utf-8")
    finished.commit("results")


def stages_run(output: str) -> list[str]:
    """Return the stages that ``dvc repro`` has run, according to its output."""
    return re.findall(r"^Running stage '(\w+)'", output, flags=re.MULTILINE)


def wait_until(condition: Callable[[], object], pause: float = 0.02) -> None:
    """Wait until the condition holds; fail after a time that is long enough for any machine."""
    end = time.monotonic() + LONGEST_WAIT
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(pause)


def _run(
    *command: str, cwd: Path, check: bool = True, traced: bool = False
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | (TRACING if traced else {})
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
