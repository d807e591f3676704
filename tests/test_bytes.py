"""The same bytes whatever the processor, the thread count and the user's environment."""

import platform
import sys
from pathlib import Path

import pytest

from tests.support import Clone

ENVIRONMENT = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    "OPENBLAS_NUM_THREADS": "2",
    "OMP_NUM_THREADS": "3",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "7",
    "MPLBACKEND": "svg",
}


def test_every_file_is_the_same_in_another_environment(
    tmp_path: Path, fresh: Clone, finished: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clone = fresh.copy(tmp_path / "clone")
    (clone.root / "matplotlibrc").write_text("font.size: 30\n")
    clone.run(sys.executable, "-m", "dvc", "repro")
    assert clone.outputs() == finished.outputs()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 kernels")
def test_the_kernels_can_be_chosen_and_matter(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clone.outputs()["data/weights.npz"]
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    clone.run("python", "-m", "stages.train")
    assert clone.outputs()["data/weights.npz"] != before


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 kernels")
@pytest.mark.parametrize("kernels", ["portable", "native"])
def test_training_uses_the_kernels_of_the_setting(
    clone: Clone, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE")  # which this process has set
    monkeypatch.setenv("OPENBLAS_VERBOSE", "2")  # names the kernels
    fastest = clone.run("python", "-c", "import numpy").stderr
    clone.set(**{"train.kernels": kernels})
    trained = clone.run("python", "-m", "stages.train")
    assert trained.stderr == (fastest if kernels == "native" else "Core: Haswell\n")


def test_a_wrong_name_of_kernels_is_an_error_in_one_line(clone: Clone) -> None:
    clone.set(**{"train.kernels": "fastest"})
    trained = clone.run("python", "-m", "stages.train", check=False)
    message = "train.kernels: must be 'portable' or 'native', got 'fastest'"
    assert (trained.returncode, trained.stderr) == (1, f"error: params.yaml: {message}\n")
