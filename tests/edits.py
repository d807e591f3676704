"""Edit modules at random moments of a run, run to the end, and compare with a forced run.

Each round edits a module, starts ``dvc repro``, edits another at a random moment, and runs again
until nothing is left to do. A second clone then runs the final code with ``--force``, and must end
in the same bytes. The runs that an edit made fail are counted.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from tests.support import Clone, write_small_dataset

# module, pattern, replacement with a number; each can be repeated
EDITS = (
    ("network/schedule.py", r"return 1\.0\d*$", "return 1.0{}"),
    ("network/model.py", r"np\.sqrt\(2\.?\d* / len", "np.sqrt(2.{} / len"),
    ("network/layers.py", r"ROWS_DRAWN = \d+", "ROWS_DRAWN = 2{}"),
    ("network/metrics.py", r"bins: int = \d+", "bins: int = 1{}"),
    ("network/decay.py", r"wanted = (?:0\.\d+ \* )?self", "wanted = 0.{} * self"),
    ("network/loss.py", r"\Z", "\nADDED_{0} = {0}\n"),
    ("network/__init__.py", r"\Z", "\n# added {}\n"),
    ("stages/preprocess.py", r"pixels, 25\d+,", "pixels, 25{},"),
    ("stages/evaluate.py", r"probabilities, labels(?:, \d+)?\)", "probabilities, labels, 1{})"),
    ("stages/plot_loss.py", r"width=8\.?\d*", "width=8.{}"),
    ("stages/plot_weights.py", r"GAP = \d+", "GAP = {}"),
    ("stages/files/figures.py", r'"font.size": 9\.?\d*', '"font.size": 9.{}'),
    ("stages/files/writing.py", r"\Z", "\n# added {}\n"),
    ("stages/running/runner.py", r"\Z", "\nADDED_{0} = {0}\n"),
)


def main() -> None:
    """Read the arguments, make the edits, and print the number of each outcome."""
    parser = argparse.ArgumentParser(prog="python -m tests.edits", description=__doc__)
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        os.environ |= {
            f"DVC_{name}_DIR": f"{folder}/{name.lower()}"
            for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
        }
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        outcomes = run(Path(folder), arguments.edits, random.Random(arguments.seed))
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    print(f"{arguments.edits} edits, 0 differences")


def run(folder: Path, total: int, choose: random.Random) -> Counter[str]:
    """Return the number of edits before and after the end of a run, and of refused runs."""
    write_small_dataset(folder / "small")
    (folder / "clone").mkdir()
    clone = Clone.create(folder / "clone", folder / "small")
    clone.set(**{"train.epochs": 20})
    forced = clone.copy(folder / "forced")
    started = time.monotonic()
    clone.dvc("repro")
    longest = time.monotonic() - started

    outcomes: Counter[str] = Counter()
    for _ in tqdm(range(total), unit="edit", disable=None):
        edit(clone, choose)
        dvc = clone.start_dvc("repro", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            dvc.wait(choose.uniform(0, longest))
            outcomes["edits after a run"] += 1
        except subprocess.TimeoutExpired:
            outcomes["edits during a run"] += 1
        edit(clone, choose)
        output = dvc.communicate()[0]
        if dvc.returncode:
            outcomes["runs refused"] += 1
            if "changed while" not in output:
                sys.exit(f"error: dvc repro failed:\n{output}")
        finish(clone)
        for name in ("network", "stages"):
            shutil.copytree(clone.root / name, forced.root / name, dirs_exist_ok=True)
        forced.dvc("repro", "--force")
        compare(clone.outputs(), forced.outputs())
    return outcomes


def edit(clone: Clone, choose: random.Random) -> None:
    """Make one of the edits, in place or by renaming, as editors save files."""
    name, pattern, replacement = choose.choice(EDITS)
    path = clone.root / name
    number = choose.randrange(1, 100)
    new = replacement.format(number)
    text = re.sub(pattern, new, path.read_text(), count=1, flags=re.MULTILINE)
    if choose.random() < 0.5:
        path.write_text(text)
    else:
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)


def finish(clone: Clone) -> None:
    """Run until nothing is left to do; the code no longer changes, so one run must suffice."""
    clone.dvc("repro")
    if again := clone.repro():
        sys.exit(f"error: a second dvc repro ran {', '.join(again)}")


def compare(outputs: dict[str, bytes], forced: dict[str, bytes]) -> None:
    """Stop at the first difference."""
    for name in sorted(outputs | forced):
        if outputs.get(name) != forced.get(name):
            sys.exit(f"error: {name}: differs from that of a forced run")


if __name__ == "__main__":
    main()
