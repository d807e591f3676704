"""Reading params.yaml, and the messages about its errors."""

from contextlib import suppress
from pathlib import Path
from typing import Any

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
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT, Clone

SHIPPED = (ROOT / "params.yaml").read_text("utf-8")


def failure(section: type[Section], text: str) -> str:
    """Load a section of ``text`` as params.yaml, and return the error message."""
    Path("params.yaml").write_text(text, "utf-8")
    with pytest.raises(StageError) as error:
        load(section)
    return str(error.value)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_shipped_settings_are_valid() -> None:
    Path("params.yaml").write_text(SHIPPED, "utf-8")
    for section in (Download, Preprocess, Model, Augment, Train, Plot):
        load(section)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: 16", "batch_size: 0", "train.batch_size: must be at least 1, got 0"),
        ("batch_size: 16", "batch_size: 1.5", "train.batch_size: must be a whole number, got 1.5"),
        (
            "batch_size: 16",
            "batch_size: true",
            "train.batch_size: must be a whole number, got True",
        ),
        ("batch_size: 16", "batch_size:", "train.batch_size: must be a whole number, got None"),
        ("rate: 0.006", "rate: 0", "train.learning_rate: must be above 0, got 0"),
        ("rate: 0.006", "rate: .nan", "train.learning_rate: must be a finite number, got nan"),
        ("rate: 0.006", "rate: '1'", "train.learning_rate: must be a number, got '1'"),
        ("decay: 0.001", "decay: -1", "train.weight_decay: must be at least 0, got -1"),
        (
            "optimizer: sgd",
            "optimizer: sdg",
            "train.optimizer: must be 'sgd', 'momentum', 'nesterov', 'adam' or 'adamw', got 'sdg'",
        ),
        ("keep: last", "keep: first", "train.keep: must be 'last' or 'best', got 'first'"),
        ("warmup: 0", "warmup: 36", "train.warmup: must be at most epochs, got 36"),
        (
            "schedule: constant",
            "schedule: one_cycle",
            "train.warmup: must be above 0 for one_cycle, which begins by rising, got 0",
        ),
        ("beta1: 0.9", "beta1: 1", "train.beta1: must be below 1, got 1"),
        ("epochs: 35", "", "train.epochs: is missing"),
        ("[0.1, 0.1]", "[0.1, 1]", "model.dropout[1]: must be below 1, got 1"),
        ("[0.1, 0.1]", "1", "model.dropout: must be below 1, got 1"),
        (
            "[0.1, 0.1]",
            "[0.1]",
            "model.dropout: needs one rate per hidden layer (2) or one for all, got [0.1]",
        ),
        ("[64, 32]", "[64, many]", "model.hidden[1]: must be a whole number, got 'many'"),
        ("epochs: 35", "epochs: 35\n  number: 2", "train.number: is not a known key"),
        ("hidden:", "list: 1\n  hidden:", "model.list: is not a known key"),
        ("model:", "modle:", "model: is missing, did you mean modle?"),
        ("model:", "model: 5\nother:", "model: must be a section of keys, got 5"),
        ("epochs: 35", "epochs: 35\n  1: 2", "train[1]: must have names as keys, got 1"),
        (
            "momentum: 0.9",
            "momentun: 0.9",
            "train.momentun: is not a known key, did you mean momentum?",
        ),
    ],
)
def test_message(old: str, new: str, message: str) -> None:
    assert old in SHIPPED
    section = Model if message.startswith("model") else Train
    assert failure(section, SHIPPED.replace(old, new, 1)) == f"params.yaml: {message}"


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
        ("? ", "train: is missing"),
        ("- 1", "must have sections such as 'train:', is [1]"),
        ("train: [1,\n", "line 2, column 1: not valid YAML: "),
        ("train: 1\ntrain: 2", "line 2, column 1: not valid YAML: found duplicate key"),
        ("train: !!python/name:os.system", "line 1, column 8: not valid YAML: could not"),
        ("\0", "not valid YAML: "),
        ("train: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
        ("[" * 1000, "not valid YAML: maximum recursion depth exceeded"),
        ("a: 1\n---\nb: 1\n", "line 2, column 1: not valid YAML: but found another document"),
        ("train: !!bool x", "not valid YAML: "),
        ("train: !!timestamp x", "line 1, column 8: not valid YAML: "),
        ("train: !!int ''", "not valid YAML: "),
        ("train: !!float ''", "not valid YAML: "),
    ],
    ids=lambda text: text[:20],
)
def test_a_malformed_file_is_refused(text: str, message: str) -> None:
    reported = failure(Train, text)
    assert reported.startswith(f"params.yaml: {message}")
    assert "\n" not in reported


def test_absent_file_is_named() -> None:
    with pytest.raises(StageError, match=r"^params\.yaml: not found; run from the project's"):
        load(Train)


def test_text_must_be_utf8() -> None:
    Path("params.yaml").write_bytes(b"train: \xff")
    with pytest.raises(StageError, match="must be UTF-8 text: byte 7 is not"):
        load(Train)


def loaded(text: str) -> dict[str, Any] | None:
    """Load a text for ``train.seed``; None if it is refused."""
    Path("params.yaml").write_text(SHIPPED.replace("  seed: 0  ", f"  seed: {text}  "), "utf-8")
    with suppress(StageError):
        return load(Train).model_dump()
    return None


def as_dvc_reads_it() -> Any:
    return parse_yaml(Path("params.yaml").read_text("utf-8"), "params.yaml")["train"]


@pytest.mark.parametrize(
    ("text", "seed"),
    [("010", 10), ("0o10", 8), ("0x10", 16), ("1_0", 10), ("1:30", None), ("0:0.5", None)],
)
def test_a_number_is_read_as_dvc_reads_it(text: str, seed: int | None) -> None:
    section = loaded(text)
    assert (section and section["seed"]) == seed
    if seed is not None:
        assert (
            parse_yaml(Path("params.yaml").read_text("utf-8"), "params.yaml")["train"]["seed"]
            == seed
        )


@given(text=st.text("0123456789_:.+-eExobXOBinfaNyrsTutlF~", min_size=1))
def test_any_word_is_read_as_dvc_reads_it(text: str) -> None:
    section = loaded(text)
    if section:
        assert as_dvc_reads_it() == section


def test_an_exponent_needs_no_decimal_point_as_in_dvc() -> None:
    Path("params.yaml").write_text(SHIPPED.replace("rate: 0.006", "rate: 6e-3"), "utf-8")
    assert load(Train).learning_rate == 0.006


def test_a_value_of_any_size_is_named_briefly() -> None:
    text = SHIPPED.replace("epochs: 35", f"epochs: {list(range(10_000))}")
    assert len(failure(Train, text)) < 100


def test_a_stage_checks_only_its_own_section() -> None:
    wrong = SHIPPED.replace("batch_size: 16", "batch_size: 0").replace("[0.1, 0.1]", "[2]")
    Path("params.yaml").write_text(wrong, "utf-8")
    for section in (Download, Preprocess, Plot):
        load(section)


def test_unknown_dataset_names_the_known() -> None:
    reason = failure(Download, SHIPPED.replace("mnist ", "mnits "))
    assert (
        reason == "params.yaml: download.dataset: must be one of mnist, fashion-mnist, got 'mnits'"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.batch_size", 501, "must be at most the number of training images (500), got 501"),
        ("preprocess.validation_size", 600, "must be below 600, the number of images to split"),
    ],
)
def test_a_size_beyond_the_data_stops_the_pipeline(
    clone: Clone, key: str, value: int, message: str
) -> None:
    clone.set(**{key: value})
    done = clone.try_dvc("repro")
    assert done.returncode != 0
    assert f"error: params.yaml: {key}: {message}" in done.stderr
    assert "Traceback" not in done.stderr
