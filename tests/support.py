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

import numpy as np
import yaml
from numpy.typing import NDArray

from stages.common.datasets import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Dataset,
    RawFile,
)

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAIN_SIZE, TEST_SIZE, VALIDATION_SIZE = 600, 200, 100

SETTINGS = {
    "download.dataset": "small",
    "preprocess.validation_size": VALIDATION_SIZE,
    "train.epochs": 3,
    "train.learning_rate": 0.02,
}


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Encode an array as an IDX file."""
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_small_dataset(folder: Path) -> None:
    """Write 600 + 200 images of ten coarse patterns under noise, easy but not trivial to tell."""
    generator = np.random.default_rng(0)
    patterns = np.kron(generator.random((10, 7, 7)) > 0.6, np.ones((4, 4)))
    folder.mkdir()
    for images_name, labels_name, size in (
        (TRAIN_IMAGES, TRAIN_LABELS, TRAIN_SIZE),
        (TEST_IMAGES, TEST_LABELS, TEST_SIZE),
    ):
        labels = generator.permutation(size).astype(np.uint8) % 10
        noise = generator.random((size, 28, 28))
        images = (255 * np.where(noise < 0.8, noise, patterns[labels])).astype(np.uint8)
        (folder / images_name).write_bytes(idx_bytes(images))
        (folder / labels_name).write_bytes(idx_bytes(labels))


def small_dataset(folder: Path) -> Dataset:
    """Describe the data set in the folder, which is its mirror, as the table of data sets does."""
    files = {}
    for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
        content = (folder / name).read_bytes()
        files[name] = RawFile(len(content), hashlib.sha256(content).hexdigest())
    return Dataset(CLASSES, (str(folder),), files)


class Clone:
    """The project as it stands in the working tree, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path, dataset: Path) -> "Clone":
        """Copy what git would have, and give it the data set as an entry named ``small``."""
        listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.startswith(("metrics/", "plots/", "dvc.lock")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        clone = cls(root)
        with (root / "stages/common/datasets.py").open("a") as module:
            module.write(f"\nDATASETS['small'] = {small_dataset(dataset)}\n")
        clone.set(**SETTINGS)
        _run("git", "init", "--quiet", cwd=root)
        clone.commit("start")
        return clone

    def copy(self, root: Path) -> "Clone":
        """Copy everything, cache and results included."""
        shutil.copytree(self.root, root)
        return Clone(root)

    def commit(self, message: str) -> None:
        """Commit all that git does not ignore."""
        _run("git", "add", "--all", cwd=self.root)
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        _run("git", *identity, "commit", "--quiet", "--message", message, cwd=self.root)

    def set(self, **settings: Any) -> None:
        """Set ``section.key`` in params.yaml, as an editor would."""
        path = self.root / "params.yaml"
        text = path.read_text()
        for name, value in settings.items():
            section, key = name.split(".")
            text, count = re.subn(
                rf"(^{section}:\n(?:  .*\n)*?  {key}: )[^\n]*",
                rf"\g<1>{value}",
                text,
                flags=re.MULTILINE,
            )
            assert count == 1, name
        path.write_text(text)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone's folder."""
        return _run(*command, cwd=self.root, check=check)

    def dvc(self, *arguments: str, check: bool = True) -> str:
        """Run DVC, and return all that it and the stages said."""
        done = self.run(sys.executable, "-m", "dvc", *arguments, check=check)
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> list[str]:
        """Run ``dvc repro``, and return the stages that ran."""
        return re.findall(
            r"^Running stage '(\w+)'", self.dvc("repro", *arguments), flags=re.MULTILINE
        )

    def outputs(self) -> dict[str, bytes]:
        """Return what the pipeline has written, with its lock; DVC's own files begin with a dot."""
        paths = [
            path for name in ("data", "metrics", "plots") for path in (self.root / name).rglob("*")
        ]
        files = [path for path in paths if path.is_file() and path.name[0] != "."] + [
            self.root / "dvc.lock"
        ]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _run(*command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    # DVC starts `python`: this one
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
