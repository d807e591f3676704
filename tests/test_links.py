"""Outputs that are links into DVC's cache: no stage writes through them."""

import hashlib
import importlib
from pathlib import Path

from stages.shared.datasets import DATASETS

import pytest

from tests.support import PIPELINE, Clone, small_dataset


def damaged(cache: Path) -> list[Path]:
    """Return the objects whose content does not have the hash in their name."""
    objects = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".dir"]
    assert len(objects) > 10
    return [
        path
        for path in objects
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        != path.parent.name + path.name
    ]


def test_a_stage_run_by_hand_does_not_change_the_cache(
    clone: Clone, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, outputs in (("hardlink", []), ("symlink", ["data/weights.npz", "data/processed"])):
        clone.dvc("config", "cache.type", kind)
        clone.dvc("checkout", "--relink", *outputs)
    assert (clone.root / "data/predictions.npz").stat().st_nlink == 2
    assert (clone.root / "data/weights.npz").is_symlink()
    assert (clone.root / "data/processed/test_images.npy").is_symlink()
    # so that each stage writes other bytes than are there
    clone.set(**{"train.learning_rate": 0.03, "preprocess.seed": 1, "plot.seed": 1})
    monkeypatch.chdir(clone.root)
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))
    monkeypatch.setattr("sys.argv", ["stage"])
    before = clone.outputs()
    for stage in [name for name in PIPELINE if name != "code"]:
        importlib.import_module(f"stages.{stage}").main()
    changed = {name for name, content in clone.outputs().items() if content != before[name]}
    assert {"data/weights.npz", "plots/history.csv", "plots/loss.png"} <= changed
    assert damaged(clone.root / ".dvc/cache/files") == []
