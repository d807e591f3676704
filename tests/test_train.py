"""The stage ``train``: from settings to weights, history and metrics."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from stages import train
from stages.shared.errors import StageError
from stages.shared.files import load_history, load_network, load_split
from stages.shared.paths import HISTORY, TRAIN_METRICS, WEIGHTS, labels_path

import numpy as np
import pytest
import yaml

from network.metrics import score as score_of
from tests.support import ROOT, WINDOWS, Clone

if not WINDOWS:
    import pty
    import termios


def set_training(**settings: Any) -> None:
    """Set keys of the section ``train``."""
    content = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    content["train"] |= settings
    Path("params.yaml").write_text(yaml.safe_dump(content), "utf-8")


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"learning_rate": 1e30},
            ": epoch 1: the loss is nan, lower learning_rate (1e+30) or weight_decay (0.001)",
        ),
        (
            {"batch_size": 501},
            ".batch_size: must be at most the number of training images (500), got 501",
        ),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, Any], message: str) -> None:
    before = HISTORY.read_bytes(), WEIGHTS.read_bytes(), TRAIN_METRICS.read_bytes()
    set_training(**settings)
    with pytest.raises(StageError) as error:
        train.main()
    assert str(error.value) == f"params.yaml: train{message}"
    assert (HISTORY.read_bytes(), WEIGHTS.read_bytes(), TRAIN_METRICS.read_bytes()) == before
    assert not list(Path().rglob("*.partial"))


@pytest.mark.usefixtures("workspace")
def test_the_best_epoch_is_kept_and_named() -> None:
    set_training(keep="best", learning_rate=0.1, epochs=20)
    train.main()
    losses = [epoch["validation_loss"] for epoch in load_history()]
    kept = json.loads(TRAIN_METRICS.read_bytes())
    assert losses[-1] != min(losses)
    assert kept["epoch"] == 1 + losses.index(min(losses))
    assert kept["validation"]["loss"] == min(losses)
    score = score_of(load_network(), *load_split("validation"))
    assert score.loss == pytest.approx(min(losses), abs=1e-6)


@pytest.mark.usefixtures("workspace")
def test_data_that_cannot_be_used_is_named() -> None:
    np.save(labels_path("train"), np.load(labels_path("train"))[1:])
    message = "data/processed: train: labels: must be 500, as there are images, are 499"
    with pytest.raises(StageError) as error:
        train.main()
    assert str(error.value).replace("\\", "/") == message


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adamw", "learning_rate": 0.002, "schedule": "one_cycle", "warmup": 1},
        {"optimizer": "momentum", "momentum": 0.8, "threads": 2},
    ],
    ids=str,
)
def test_training_learns_and_is_reproducible(settings: dict[str, Any]) -> None:
    set_training(**settings, epochs=5)
    train.main()
    first = WEIGHTS.read_bytes()
    assert load_history()[-1]["train_loss"] < 0.9 * load_history()[0]["train_loss"]
    train.main()
    assert WEIGHTS.read_bytes() == first


@pytest.mark.usefixtures("workspace")
def test_a_line_is_printed_per_epoch_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    last = json.loads(TRAIN_METRICS.read_bytes())
    splits = (
        f"{split} loss {last[split]['loss']:.4f} {last[split]['accuracy']:.2%}" for split in last
    )
    assert lines[-1] == f"epoch 3/3: {', '.join(splits)}"


def test_a_bar_is_shown_in_a_terminal(workspace: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such terminals")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    done = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        cwd=workspace,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    assert done.stdout == b""
    shown = os.read(ours, 100_000).decode()
    scores = r"loss \d\.\d{4} \d\d\.\d\d%"
    assert re.search(rf"epoch 3/3 \|█+\| \d\d:\d\d, train {scores}, validation {scores}\r\n", shown)
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 kernels")
def test_the_setting_and_the_environment_choose_the_kernels(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(kernels: str) -> tuple[str, bytes]:
        """Train, and return its words on the kernels, and the weights."""
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
