"""The same bytes whatever the processor, the thread count and the user's environment."""

import platform
import re
from pathlib import Path

import pytest

from tests.support import ROOT, Clone

ENVIRONMENT = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    "OPENBLAS_NUM_THREADS": "2",
    "OMP_NUM_THREADS": "3",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "7",
    "MPLBACKEND": "svg",
    "PYTEST_ADDOPTS": "tests/test_split.py -Wdefault",  # NumPy warns of a feature that is missing
    "UV_SYSTEM_CERTS": "1",
}


def test_the_commands_of_the_readme_give_the_same_bytes_in_another_environment(
    tmp_path: Path, fresh: Clone, finished: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    [commands] = re.findall(r"^```sh\n(uv venv\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clone = fresh.copy(tmp_path / "clone")
    (clone.root / "matplotlibrc").write_text("font.size: 30\n")
    for command in commands.splitlines():
        clone.run(*command.partition("#")[0].split())
    assert clone.outputs() == finished.outputs()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 kernels")
def test_the_setting_and_the_environment_choose_the_kernels(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(kernels: str) -> tuple[str, bytes]:
        """Train, and return what it says of the kernels, and the weights."""
        clone.set(**{"train.kernels": kernels})
        said = clone.run("python", "-m", "stages.train", check=False).stderr
        return said, clone.outputs()["data/weights.npz"]

    before = clone.outputs()["data/weights.npz"]
    monkeypatch.delenv("OPENBLAS_CORETYPE")  # which this process has set
    monkeypatch.setenv("OPENBLAS_VERBOSE", "2")  # names the kernels
    assert train("portable") == ("Core: Haswell\n", before)
    assert train("native")[0] == clone.run("python", "-c", "import numpy").stderr
    assert train("fastest")[0] == (
        "error: params.yaml: train.kernels: must be 'portable' or 'native', got 'fastest'\n"
    )
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    said, weights = train("portable")
    assert said == "Core: Nehalem\n"
    assert weights != before
