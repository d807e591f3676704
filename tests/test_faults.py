"""A full disk, files that vanish or rot: said in a line, and nothing is lost."""

from pathlib import Path

import pytest

from tests.support import Clone


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
