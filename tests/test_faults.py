"""A full disk, files that vanish or rot: said in a line, and nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Clone, wait_until


def run_with_little_room(clone: Clone, command: str) -> str:
    """Run a command that can write no file beyond 512 KiB, and return what it says as it fails."""
    done = clone.run("sh", "-c", f"ulimit -f 1024; exec {command}", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list(clone.root.rglob("*.partial"))
    return done.stderr


def test_a_full_disk_is_named_and_costs_nothing(clone: Clone) -> None:
    before = clone.outputs()
    clone.set(**{"preprocess.seed": 1})
    said = run_with_little_room(clone, "python -m dvc repro")
    assert "error: data/processed/train_images.npy: File too large\n" in said
    assert not (clone.root / "data/processed/train_images.npy").exists()

    clone.dvc("checkout")
    after = clone.outputs()
    assert {name: after[name] for name in before if name != "dvc.lock"} == {
        name: content for name, content in before.items() if name != "dvc.lock"
    }


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("preprocess", "data/raw/t10k-labels-idx1-ubyte"),
        ("train", "data/processed/validation_labels.npy"),
        ("evaluate", "data/weights.npz"),
        ("evaluate", "data/processed/classes.json"),
        ("plot_loss", "plots/history.csv"),
        ("plot_predictions", "data/predictions.npz"),
    ],
)
def test_a_file_that_is_gone_is_named(clone: Clone, stage: str, path: str) -> None:
    (clone.root / path).unlink()
    done = clone.run("python", "-m", f"stages.{stage}", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {path}: No such file or directory"


def test_a_file_in_the_place_of_a_folder_is_named(clone: Clone) -> None:
    (clone.root / "metrics/test.json").unlink()
    (clone.root / "metrics/train.json").unlink()
    (clone.root / "metrics").rmdir()
    (clone.root / "metrics").touch()
    done = clone.run("python", "-m", "stages.evaluate", check=False)
    assert done.returncode == 1
    assert done.stderr == "error: metrics: File exists\n"


def test_a_folder_that_may_not_be_written_is_named(clone: Clone) -> None:
    before = clone.outputs()
    (clone.root / "plots").chmod(0o555)
    as_anyone = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    done = clone.run(*as_anyone, sys.executable, "-m", "stages.plot_loss", check=False)
    (clone.root / "plots").chmod(0o755)
    assert done.returncode == 1
    assert done.stderr == "error: plots/loss.png.partial: Permission denied\n"
    assert clone.outputs() == before


def edit_code(root: Path) -> None:
    with (root / "network/layers.py").open("a") as file:
        file.write("\n# edited\n")


def edit_setting(root: Path) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("weight_decay: 0.001", "weight_decay: 0.002"))


def break_settings(root: Path) -> None:
    (root / "params.yaml").write_text("[")


def edit_setting_of_another_stage(root: Path) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("rows: 3", "rows: 2"))


def replace_data(root: Path) -> None:
    path = root / "data/processed/train_images.npy"
    shutil.copy(path, root / "copy")
    (root / "copy").replace(path)


def remove_data(root: Path) -> None:
    (root / "data/processed/train_labels.npy").unlink()


def disturb_training(clone: Clone, edit: Callable[[Path], None]) -> tuple[int, str]:
    """Let DVC train, edit something in the midst, and return how it ends and what it says."""
    clone.set(**{"train.epochs": 300})
    training = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "train"],
        cwd=clone.root,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = clone.root / "plots/history.csv"
    wait_until(lambda: history.exists() and len(history.read_text().splitlines()) > 5)
    edit(clone.root)
    _, said = training.communicate()
    return training.returncode, said


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (edit_code, "network/layers.py"),
        (edit_setting, "params.yaml"),
        (break_settings, "params.yaml"),
        (replace_data, "data/processed/train_images.npy"),
        (remove_data, "data/processed/train_labels.npy"),
    ],
)
def test_what_changes_while_a_stage_runs_is_not_taken_for_what_it_ran_on(
    clone: Clone, edit: Callable[[Path], None], changed: str
) -> None:
    code, said = disturb_training(clone, edit)
    assert code != 0
    assert f"error: {changed}: changed while the stage ran; run it again\n" in said


def test_a_setting_of_another_stage_may_change_while_one_runs(clone: Clone) -> None:
    code, _ = disturb_training(clone, edit_setting_of_another_stage)
    assert code == 0
    assert clone.run(sys.executable, "-m", "dvc", "status", "train").stdout.startswith("Data")


def test_data_cut_short_while_it_is_read_is_restored(clone: Clone, finished: Clone) -> None:
    images = "data/processed/train_images.npy"
    code, said = disturb_training(clone, lambda root: os.truncate(root / images, 4096))
    assert code != 0
    # of the stage itself, or of a shell that stays its parent
    assert said.strip().endswith(
        (f"exited with -{signal.SIGBUS}", f"exited with {128 + signal.SIGBUS}")
    )
    clone.dvc("repro")
    assert (clone.root / images).read_bytes() == (finished.root / images).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "data/raw/train-images-idx3-ubyte",
        "data/processed/test_images.npy",
        "data/weights.npz",
        "metrics/test.json",
    ],
)
def test_a_flipped_bit_is_found_and_undone(clone: Clone, finished: Clone, path: str) -> None:
    rotten = clone.root / path
    content = bytearray(rotten.read_bytes())
    content[len(content) // 2] ^= 1
    rotten.write_bytes(content)
    assert f"modified:           {path}" in clone.dvc("status")
    clone.dvc("repro")
    assert Path(rotten).read_bytes() == (finished.root / path).read_bytes()
    assert clone.outputs() == finished.outputs()
