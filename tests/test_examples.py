"""Each example runs as its docstring describes, and gives the expected results."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_own_arrays() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.own_arrays"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    accuracies = [float(share) for share in re.findall(r"accuracy ([\d.]+)%", done.stdout)]
    assert len(accuracies) == 4
    assert accuracies[-1] > 97
    # at angle 0 on the x axis, the first spiral is at 2/3 and the second at 1/3
    assert re.findall(r"^point \((.*), 0.00\): spiral (\d)", done.stdout, re.MULTILINE) == [
        ("0.33", "1"),
        ("0.67", "0"),
    ]
