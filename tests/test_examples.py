"""Each example runs as its docstring describes, and gives the expected results."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def run(example: str, folder: Path) -> str:
    """Return the output of an example, run in a folder with the library installed."""
    return subprocess.run(
        [sys.executable, ROOT / "examples" / example],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_own_arrays(tmp_path: Path) -> None:
    output = run("own_arrays.py", tmp_path)
    accuracies = [float(share) for share in re.findall(r"accuracy ([\d.]+)%", output)]
    assert len(accuracies) == 4
    assert accuracies[-1] > 97
    # at angle 0 on the x axis, the first spiral is at 2/3 and the second at 1/3
    assert re.findall(r"^point \((.*), 0.00\): spiral (\d)", output, re.MULTILINE) == [
        ("0.33", "1"),
        ("0.67", "0"),
    ]


def test_the_plain_file_trains_on_the_processed_arrays(tmp_path: Path) -> None:
    data = tmp_path / "data" / "processed"
    data.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        labels = generator.integers(10, size=200).astype(np.uint8)
        images = generator.random((200, 784), np.float32) / 4
        images[np.arange(200), 70 * labels] = 1
        images[np.arange(200), 70 * labels + 1] = 1
        np.save(data / f"{split}_images.npy", images)
        np.save(data / f"{split}_labels.npy", labels)
    output = run("plain.py", tmp_path)
    losses = [float(loss) for loss in re.findall(r": loss ([\d.]+)", output)]
    assert len(losses) == 35
    assert losses[-1] < losses[0]
    assert re.search(r"^test accuracy [\d.]+%$", output, re.MULTILINE)
    assert (tmp_path / "plain.png").exists()
