"""Time every peer on every workload, in turn, and write the results, a table and a chart.

All peers of a workload are started and warmed up first; then each trains a round after the other,
so that what disturbs the machine disturbs them all. One thread means one processor, too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.worker import PROCESSED
from benchmarks.workloads import WORKLOADS, Workload

FOLDER = Path(__file__).parent
RESULTS, TABLE, CHART = FOLDER / "results.json", FOLDER / "results.md", FOLDER / "results.png"
PACKAGES = ("numpy", "torch", "jax", "scikit-learn")
THREADS = (1, 2)


class Peer(NamedTuple):
    """A module of ``benchmarks.peers``, and what it finds in its environment."""

    title: str
    module: str
    environment: dict[str, str]


class Timing(NamedTuple):
    """Seconds a step, round by round, and the share of validation images that came out right."""

    seconds: list[float]
    accuracy: float


def main() -> None:
    arguments = parse_arguments()
    chosen = {"ours", *arguments.peer}  # which all others are compared with
    peers = {name: peer for name, peer in known_peers().items() if name in chosen}
    results: dict[str, Any] = {"machine": describe_machine(), "rounds": arguments.rounds}
    total = len(arguments.workload) * len(THREADS) * len(peers) * arguments.rounds
    with TemporaryDirectory() as name, tqdm(total=total, unit="round", disable=None) as progress:
        folder = Path(name)
        for workload_name in arguments.workload:
            workload = WORKLOADS[workload_name]
            if workload.copies > 1:
                repeat_images(folder, workload.copies)
            for threads in THREADS:
                progress.set_description(f"{workload.title}, {threads} threads")
                command = [workload_name, str(threads), str(folder)]
                timings = time_peers(peers, command, threads, arguments.rounds, progress)
                results.setdefault(workload_name, {})[threads] = {
                    peer: timing._asdict() for peer, timing in timings.items()
                }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    TABLE.write_text(tabulate(results))
    draw(results)
    print(TABLE.read_text())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = list(known_peers())
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peer", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


def known_peers() -> dict[str, Peer]:
    """Name the peers; those on OpenBLAS have the kernels that it chooses for this processor."""
    native = {"OPENBLAS_CORETYPE": native_kernels()}
    return {
        "ours": Peer("this project", "ours", {"OPENBLAS_CORETYPE": "Haswell"}),
        "ours-native": Peer("this project, native kernels", "ours", native),
        "jax": Peer("JAX, jitted scan", "jax", {}),
        "plain": Peer("plain NumPy script", "plain", native),
        "sklearn": Peer("scikit-learn, no dropout", "sklearn", native),
        "torch": Peer("PyTorch", "pytorch", {}),
        "torch-compiled": Peer("PyTorch, compiled", "pytorch", {"COMPILE": "1"}),
        "floor": Peer("bare matrix products", "floor", {"OPENBLAS_CORETYPE": "Haswell"}),
        "floor-native": Peer("bare matrix products, native kernels", "floor", native),
    }


def native_kernels() -> str:
    """Ask OpenBLAS for the kernels that it takes by itself."""
    code = "import numpy, threadpoolctl as t; print(t.threadpool_info()[0]['architecture'])"
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, env=environment, text=True).strip()


def describe_machine() -> dict[str, Any]:
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in processors if line.startswith("model name")), platform.machine())
    return {
        "processor": model.partition(":")[2].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "kernels": native_kernels(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }


def repeat_images(folder: Path, copies: int) -> None:
    """Write the training set over and over into one file."""
    images = np.load(PROCESSED / "train_images.npy", mmap_mode="r")
    labels = np.load(PROCESSED / "train_labels.npy")
    repeated = np.lib.format.open_memmap(
        folder / "train_images.npy", "w+", images.dtype, (copies * len(images), images.shape[1])
    )
    for copy in range(copies):
        repeated[copy * len(images) : (copy + 1) * len(images)] = images
    repeated.flush()
    np.save(folder / "train_labels.npy", np.tile(labels, copies))


def time_peers(
    peers: dict[str, Peer], command: list[str], threads: int, rounds: int, progress: "tqdm[Any]"
) -> dict[str, Timing]:
    """Let the peers train round after round, in turn."""
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(start(peer, command, threads)) for name, peer in peers.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in peers}
        for _ in range(rounds):
            for name, worker in workers.items():
                seconds[name].append(float(worker("train")))
                progress.update()
        return {
            name: Timing(seconds[name], float(worker("accuracy")))
            for name, worker in workers.items()
        }


@contextmanager
def start(peer: Peer, command: list[str], threads: int) -> Iterator[Callable[[str], str]]:
    """Start a peer's process, wait until it is warm, and give what tells it a word."""
    processors = sorted(os.sched_getaffinity(0))[-threads:]
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{peer.module}", *command],
        env={**os.environ, **limits, **peer.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),  # noqa: PLW1509
    ) as process:
        asked, answers = process.stdin, process.stdout
        if asked is None or answers is None or answers.readline() != "ready\n":
            raise SystemExit(f"error: {peer.title}: did not start")

        def tell(word: str, asked: IO[str] = asked, answers: IO[str] = answers) -> str:
            print(word, file=asked, flush=True)
            return answers.readline()

        yield tell


def tabulate(results: dict[str, Any]) -> str:
    """Write a Markdown table for each workload and number of threads."""
    peers = known_peers()
    lines = []
    for workload, by_threads in workloads_of(results):
        for threads, timings in by_threads.items():
            lines += [
                f"**{workload.title}**, {threads} thread{'s' if int(threads) > 1 else ''}:",
                "",
                "| | µs a step, median | least to most | times ours | validation accuracy |",
                "| --- | ---: | ---: | ---: | ---: |",
            ]
            ours = median(timings["ours"])
            for name, timing in sorted(timings.items(), key=lambda item: median(item[1])):
                micros = [1e6 * seconds for seconds in timing["seconds"]]
                learns = not name.startswith("floor")
                lines.append(
                    f"| {peers[name].title} | {1e6 * median(timing):,.1f}"
                    f" | {min(micros):,.1f} to {max(micros):,.1f}"
                    f" | {median(timing) / ours:.2f}"
                    f" | {format(timing['accuracy'], '.2%') if learns else '–'} |"
                )
            lines.append("")
    return "\n".join(lines)


def draw(results: dict[str, Any]) -> None:
    """Draw the medians on one thread, as multiples of ours."""
    peers = known_peers()
    chosen = workloads_of(results)
    figure = Figure(figsize=(9, 0.6 + 2.2 * len(chosen)), dpi=120, layout="constrained")
    panels = figure.subplots(len(chosen), 1, squeeze=False).ravel()
    for axes, (workload, by_threads) in zip(panels, chosen, strict=True):
        timings = sorted(by_threads[1].items(), key=lambda item: -median(item[1]))
        values = [1e6 * median(timing) for _, timing in timings]
        colors = [
            "#0072b2" if name.startswith("ours") else "0.85" if name.startswith("floor") else "0.6"
            for name, _ in timings
        ]
        bars = axes.barh([peers[name].title for name, _ in timings], values, color=colors)
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=8)
        axes.set_title(f"{workload.title}: microseconds a step, one thread", fontsize=10)
        axes.tick_params(labelsize=8)
        axes.margins(x=0.1)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(CHART)


def workloads_of(results: dict[str, Any]) -> list[tuple[Workload, dict[Any, Any]]]:
    return [(WORKLOADS[name], results[name]) for name in WORKLOADS if name in results]


def median(timing: dict[str, Any]) -> float:
    return float(np.median(timing["seconds"]))


if __name__ == "__main__":
    main()
