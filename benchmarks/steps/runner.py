"""Time the steps of every peer on every workload, in turn.

All peers of a workload are started and warmed up first. Then they train in turn, a round each, so
that a disturbance of the machine affects them all. One thread means one processor, too.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from benchmarks.arrays import PROCESSED, write_copies
from benchmarks.steps.workloads import WORKLOADS

THREADS = (1, 2)


class Peer(NamedTuple):
    """A module of this package, and its environment variables.

    Native kernels are those that OpenBLAS chooses for the processor.
    """

    title: str
    module: str
    environment: dict[str, str]


@cache
def native_kernels() -> str:
    """Return the name of the kernels that OpenBLAS chooses by default."""
    code = "import numpy, threadpoolctl as t; print(t.threadpool_info()[0]['architecture'])"
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, env=environment, text=True).strip()


NATIVE = {"OPENBLAS_CORETYPE": "native"}
PEERS = {
    "ours": Peer("this project", "ours", {"OPENBLAS_CORETYPE": "Haswell"}),
    "ours-native": Peer("this project, native kernels", "ours", NATIVE),
    "jax": Peer("JAX, jitted scan", "jax", {}),
    "plain": Peer("plain NumPy script", "plain", NATIVE),
    "sklearn": Peer("scikit-learn, no dropout", "sklearn", NATIVE),
    "torch": Peer("PyTorch", "pytorch", {}),
    "torch-compiled": Peer("PyTorch, compiled", "pytorch", {"COMPILE": "1"}),
    "floor": Peer("bare matrix products", "floor", {"OPENBLAS_CORETYPE": "Haswell"}),
    "floor-native": Peer("bare matrix products, native kernels", "floor", NATIVE),
}


def run_in_turn(
    peers: list[str], rounds: int, rows: int | None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield workload, number of threads, and the timings of each peer.

    ``rows`` shortens each split and the rounds, for a trial.
    """
    chosen = {name: peer for name, peer in PEERS.items() if peer.module in (*peers, "floor")}
    with TemporaryDirectory() as folder:
        for workload_name, workload in WORKLOADS.items():
            data = PROCESSED
            if workload.copies > 1 or rows:
                data = Path(folder)
                write_copies(data, workload.copies, rows)
            steps = 5 if rows else workload.steps
            for threads in THREADS:
                command = [workload_name, str(threads), str(data), str(steps)]
                yield workload_name, str(threads), time_peers(chosen, command, threads, rounds)


def time_peers(
    peers: dict[str, Peer], command: list[str], threads: int, rounds: int
) -> dict[str, Any]:
    """Let the peers train in turn; return seconds per step and validation accuracy of each."""
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(start(peer, command, threads)) for name, peer in peers.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in peers}
        for _ in range(rounds):
            for name, worker in workers.items():
                seconds[name].append(float(worker("train")))
        return {
            name: {"seconds": seconds[name], "accuracy": float(worker("accuracy"))}
            for name, worker in workers.items()
        }


@contextmanager
def start(peer: Peer, command: list[str], threads: int) -> Iterator[Callable[[str], str]]:
    """Start a peer's process, and wait until it is warm; yield a function that sends a request."""
    processors = sorted(os.sched_getaffinity(0))[-threads:]
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {k: native_kernels() if v == "native" else v for k, v in peer.environment.items()}
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.steps.{peer.module}", *command],
        env={**os.environ, **limits, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),  # noqa: PLW1509
    ) as process:
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None or answers.readline() != "ready\n":
            raise SystemExit(f"error: {peer.title}: did not start")

        def send(word: str, requests: IO[str] = requests, answers: IO[str] = answers) -> str:
            print(word, file=requests, flush=True)
            return answers.readline()

        yield send
