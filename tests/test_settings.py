"""Reading params.yaml, and the messages about its errors."""

import re
from pathlib import Path

from stages.shared.errors import StageError
from stages.shared.settings import (
    Augment,
    Download,
    Model,
    Plot,
    Preprocess,
    Section,
    Train,
    load,
)

import pytest
from dvc.utils.serialize import parse_yaml

from tests.support import ROOT

SHIPPED = (ROOT / "params.yaml").read_text("utf-8")


def failure(section: type[Section], text: str, encoding: str = "utf-8") -> str:
    """Load a section of ``text`` as params.yaml, and return the error message."""
    Path("params.yaml").write_text(text, encoding)
    with pytest.raises(StageError) as error:
        load(section)
    return str(error.value)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size: 16", "size: 0", "train.batch_size: must be at least 1, got 0"),
        ("size: 16", "size: true", "train.batch_size: must be a whole number, got True"),
        ("size: 16", f"size: {[1] * 99}", "train.batch_size: must be a whole number, got [1, 1, "),
        ("rate: 0.006", "rate: 0", "train.learning_rate: must be above 0, got 0"),
        ("rate: 0.006", "rate: .nan", "train.learning_rate: must be a finite number, got nan"),
        ("rate: 0.006", "rate: '1'", "train.learning_rate: must be a number, got '1'"),
        ("shift: 0", "shift: 29", "augment.shift: must be at most 28, got 29"),
        ("keep: last", "keep: first", "train.keep: must be 'last' or 'best', got 'first'"),
        ("warmup: 0", "warmup: 36", "train.warmup: must be at most epochs, got 36"),
        ("constant", "one_cycle", "train.warmup: must be above 0 for one_cycle, which begins by "),
        ("epochs: 35", "", "train.epochs: is missing"),
        ("[0.1, 0.1]", "[0.1, 1]", "model.dropout[1]: must be below 1, got 1"),
        ("[0.1, 0.1]", "1", "model.dropout: must be below 1, got 1"),
        ("[0.1, 0.1]", "[0.1]", "model.dropout: needs one rate per hidden layer (2) or one for "),
        ("[64, 32]", "[64, many]", "model.hidden[1]: must be a whole number, got 'many'"),
        ("hidden:", "list: 1\n  hidden:", "model.list: is not a known key"),
        ("model:", "modle:", "model: is missing, did you mean modle?"),
        ("model:", "model: 5\nother:", "model: must be a section of keys, got 5"),
        ("epochs:", "1: 2\n  epochs:", "train[1]: must have names as keys, got 1"),
        ("mnist ", "mnits ", "download.dataset: must be one of mnist, fashion-mnist, got 'mnits'"),
    ],
)
def test_message(old: str, new: str, message: str) -> None:
    assert old in SHIPPED
    sections: dict[str, type[Section]] = {
        "train": Train,
        "model": Model,
        "augment": Augment,
        "download": Download,
    }
    reported = failure(sections[re.split(r"\W", message)[0]], SHIPPED.replace(old, new, 1))
    assert reported.startswith(f"params.yaml: {message}")
    assert len(reported) < 120


def test_all_errors_are_reported_at_once() -> None:
    text = SHIPPED.replace("batch_size: 16", "batch_sise: 16").replace("epochs: 35", "epochs: 0")
    assert failure(Train, text).splitlines() == [
        "params.yaml: train.batch_size: is missing, did you mean batch_sise?",
        "params.yaml: train.epochs: must be at least 1, got 0",
        "params.yaml: train.batch_sise: is not a known key, did you mean batch_size?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have sections such as 'train:', is None"),
        ("train: [1,\n", "line 2, column 1: not valid YAML: "),
        ("train: 1\ntrain: 2", "line 2, column 1: not valid YAML: found duplicate key"),
        ("train: !!python/name:os.system", "line 1, column 8: not valid YAML: could not"),
        ("\xff", "not valid YAML: 'utf-8' codec can't decode byte 0xff in position 0"),
        ("\0", "not valid YAML: "),
        ("[" * 1000, "not valid YAML: maximum recursion depth exceeded"),
        ("train: !!bool x", "not valid YAML: "),
    ],
    ids=lambda text: text[:20],
)
def test_a_malformed_file_is_refused(text: str, message: str) -> None:
    reported = failure(Train, text, encoding="latin-1")
    assert reported.startswith(f"params.yaml: {message}")
    assert "\n" not in reported


@pytest.mark.parametrize(
    ("text", "rate"), [("010", 10), ("0o10", 8), ("0x10", 16), ("1_0", 10), ("6e-3", 0.006)]
)
def test_a_number_is_read_as_dvc_reads_it(text: str, rate: float) -> None:
    shipped = SHIPPED.replace("rate: 0.006", f"rate: {text}")
    Path("params.yaml").write_text(shipped, "utf-8")
    assert load(Train).learning_rate == rate
    assert parse_yaml(shipped, "params.yaml")["train"]["learning_rate"] == rate


def test_a_stage_checks_only_its_own_section() -> None:
    wrong = SHIPPED.replace("batch_size: 16", "batch_size: 0").replace("[0.1, 0.1]", "[2]")
    Path("params.yaml").write_text(wrong, "utf-8")
    for section in (Download, Preprocess, Plot):
        load(section)
