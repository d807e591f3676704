"""Kill the pipeline many times, let it run to its end, and compare with an undisturbed run.

Each cycle begins without results, is killed some times at random moments, and must then end in the
same bytes.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from tqdm import tqdm

from tests.support import ROOT, Clone, write_small_dataset

KILLS_A_CYCLE = 5
LONGEST_SECONDS = 4.5
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
TARGETS = ("DVC", "stage", "group")


def main() -> None:
    """Read the arguments, kill the pipeline, and print a table of the kills."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if sys.platform == "win32":
        sys.exit("error: Windows has no process groups to kill; needs Linux or macOS")
    # a shell makes background processes ignore Ctrl-C, and children inherit this
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory() as folder:
        os.environ |= {
            f"DVC_{name}_DIR": f"{folder}/{name.lower()}"
            for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
        }
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kills, files, cycles = soak(Path(folder), arguments.kills, random.Random(arguments.seed))
    print(tabulate(kills))
    print(f"{kills.total()} kills, {cycles} runs to the end, {files} files compared, 0 differences")


def soak(folder: Path, total: int, choose: random.Random) -> tuple[Counter[str], int, int]:
    """Return the kills by target and signal, the files compared, and the runs to the end."""
    write_small_dataset(folder / "small")
    (folder / "clone").mkdir()
    clone = Clone.create(folder / "clone", folder / "small")
    clone.set(**{"train.epochs": 60})
    clone.dvc("repro")
    undisturbed = clone.outputs()

    kills: Counter[str] = Counter()
    files = cycles = 0
    with tqdm(total=total, unit="kill", disable=None) as progress:
        while kills.total() < total:
            clone.forget()
            for _ in range(min(KILLS_A_CYCLE, total - kills.total())):
                done = kill_once(clone, choose)
                if done is None:
                    break  # it had ended before
                kills[done] += 1
                progress.update()
            finish(clone)
            compare(clone.outputs(), undisturbed)
            files += len(undisturbed)
            cycles += 1
    return kills, files, cycles


def finish(clone: Clone) -> None:
    """Run the pipeline to its end, with the repair of docs/faults.md if DVC refuses to start."""
    if clone.try_dvc("repro").returncode:
        clone.run("sh", "-c", repair())
        clone.dvc("repro")


def repair() -> str:
    """Return the command in docs/faults.md that removes the leftovers of a killed DVC."""
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^```sh\n(.+)\n```$", text, re.MULTILINE)
    return str(command)


def kill_once(clone: Clone, choose: random.Random) -> str | None:
    """Run the pipeline, kill a process at a random moment, and describe it; None if none ran."""
    number, target = signal.Signals[choose.choice(SIGNALS)], choose.choice(TARGETS)
    dvc = clone.start_dvc(
        "repro", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        dvc.wait(choose.uniform(0, LONGEST_SECONDS))
    except subprocess.TimeoutExpired:
        stage = running_stage(dvc.pid)
        at = stage_name(stage) if stage else "between stages"
        if sys.platform != "win32" and target == "group":
            os.killpg(dvc.pid, number)
        elif target == "stage" and stage:
            stage.send_signal(number)
        else:
            target = "DVC"
            dvc.send_signal(number)
        try:
            dvc.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:  # DVC ignores SIGINT while a stage runs
            dvc.kill()
            dvc.wait()
        # the rest of the group must end without help; the next run begins meanwhile
        return f"{number.name} to {target}, {at.removeprefix('stages.')}"
    return None


def running_stage(pid: int) -> psutil.Process | None:
    try:
        children = psutil.Process(pid).children(recursive=True)
        return next((child for child in children if stage_name(child)), None)
    except psutil.Error:
        return None


def stage_name(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return next((word for word in words[1:3] if word.startswith("stages.")), "")


def compare(outputs: dict[str, bytes], undisturbed: dict[str, bytes]) -> None:
    """Stop at the first difference."""
    for name in sorted(outputs | undisturbed):
        if outputs.get(name) != undisturbed.get(name):
            sys.exit(f"error: {name}: differs from that of an undisturbed run")


def tabulate(kills: Counter[str]) -> str:
    """Return a Markdown table of the kills by signal, target and stage."""
    lines = ["| killed | kills |", "| --- | ---: |"]
    lines += [f"| {name} | {count} |" for name, count in sorted(kills.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
