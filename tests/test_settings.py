"""What is said of a params.yaml that is wrong."""

from pathlib import Path

import pytest

from stages import download, evaluate, plot_predictions, preprocess, train
from stages.running.errors import StageError
from stages.common.parameters import load
from tests.support import ROOT, Clone

SHIPPED = (ROOT / "params.yaml").read_text()


def complaint(folder: Path, model: type, text: str) -> str:
    """Load ``text`` as params.yaml, and return what is said of it."""
    (folder / "params.yaml").write_text(text)
    with pytest.raises(StageError) as error:
        load(model)
    return str(error.value)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("stage", [download, preprocess, train, evaluate, plot_predictions])
def test_shipped_parameters_are_right(folder: Path, stage: object) -> None:
    (folder / "params.yaml").write_text(SHIPPED)
    load(stage.Parameters)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: 16", "batch_size: 0", "train.batch_size: must be at least 1, got 0"),
        ("batch_size: 16", "batch_size: 1.5", "train.batch_size: must be a whole number, got 1.5"),
        ("batch_size: 16", "batch_size: yes", "train.batch_size: must be a whole number, got True"),
        ("batch_size: 16", "batch_size:", "train.batch_size: must be a whole number, got None"),
        ("rate: 0.006", "rate: 0", "train.learning_rate: must be above 0, got 0"),
        ("rate: 0.006", "rate: .nan", "train.learning_rate: must be a finite number, got nan"),
        ("rate: 0.006", "rate: '1'", "train.learning_rate: must be a number, got '1'"),
        ("decay: 0.001", "decay: -1", "train.weight_decay: must be at least 0, got -1"),
        (
            "optimizer: sgd",
            "optimizer: sdg",
            "train.optimizer: must be one of sgd, momentum, nesterov, adam, adamw, got 'sdg'",
        ),
        ("keep: last", "keep: first", "train.keep: must be 'last' or 'best', got 'first'"),
        ("warmup: 0", "warmup: 36", "train.warmup: must be at most epochs, got 36"),
        (
            "schedule: constant",
            "schedule: one_cycle",
            "train.warmup: must be above 0 for one_cycle, which begins by rising, got 0",
        ),
        ("threads: 1", "momentum: 0.9", "train.momentum: is not used by sgd, got 0.9"),
        ("optimizer: sgd", "optimizer: adam\n  beta1: 1", "train.beta1: must be below 1, got 1"),
        (
            "optimizer: sgd",
            "optimizer: adam\n  momentum: 0",
            "train.momentum: is not used by adam, got 0",
        ),
        ("epochs: 35", "", "train.epochs: is missing"),
        ("[0.1, 0.1]", "[0.1, 1]", "model.dropout[1]: must be below 1, got 1"),
        ("[0.1, 0.1]", "0.1", "model.dropout: must be a list, got 0.1"),
        (
            "[0.1, 0.1]",
            "[0.1]",
            "model.dropout: must hold a rate for each of the 2 layers of hidden, got [0.1]",
        ),
        ("[64, 32]", "[64, many]", "model.hidden[1]: must be a whole number, got 'many'"),
        ("model:", "modle:", "model: is missing, did you mean modle?"),
        ("model:", "model: 5\nother:", "model: must be a section of keys, got 5"),
        ("epochs: 35", "epochs: 35\n  1: 2", "train[1]: must have names as keys, got 1"),
        (
            "epochs: 35",
            "epochs: 35\n  momentun: 0.9",
            "train.momentun: is not a known key, did you mean momentum?",
        ),
    ],
)
def test_message(folder: Path, old: str, new: str, message: str) -> None:
    assert old in SHIPPED
    said = complaint(folder, train.Parameters, SHIPPED.replace(old, new))
    assert said == f"params.yaml: {message}"


def test_all_that_is_wrong_is_said_in_one_go(folder: Path) -> None:
    text = SHIPPED.replace("batch_size: 16", "batch_sise: 16").replace("epochs: 35", "epochs: 0")
    assert complaint(folder, train.Parameters, text).splitlines() == [
        "params.yaml: train.batch_size: is missing, did you mean batch_sise?",
        "params.yaml: train.epochs: must be at least 1, got 0",
        "params.yaml: train.batch_sise: is not a known key, did you mean batch_size?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold sections such as 'train:', holds None"),
        ("? ", "model: is missing\nparams.yaml: train: is missing"),
        ("- 1", "must hold sections such as 'train:', holds [1]"),
        ("train: [1,\n", "line 2, column 1: not valid YAML: expected the node content,"),
        ("train: 1\ntrain: !!python/name:os.system", "line 2, column 8: not valid YAML: could not"),
        ("\0", "not valid YAML: unacceptable character"),
        ("train: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
        ("[" * 5000, "not valid YAML: maximum recursion depth exceeded"),
        ("a: 1\n---\nb: 1\n", "line 2, column 1: not valid YAML: but found another document"),
    ],
    ids=["empty", "no key", "list", "open", "object", "NUL", "digits", "depth", "documents"],
)
def test_what_is_no_parameters_file_is_refused(folder: Path, text: str, message: str) -> None:
    said = complaint(folder, train.Parameters, text)
    assert said.startswith(f"params.yaml: {message}")
    assert said.count("\n") == message.count("\n")


@pytest.mark.usefixtures("folder")
def test_absent_file_is_named() -> None:
    with pytest.raises(StageError, match=r"^params\.yaml: not found; run from the project's"):
        load(train.Parameters)


def test_text_must_be_utf8(folder: Path) -> None:
    (folder / "params.yaml").write_bytes(b"train: \xff")
    with pytest.raises(StageError, match="must be UTF-8 text: byte 7 is not"):
        load(train.Parameters)


def test_exponent_needs_no_point_as_in_dvc(folder: Path) -> None:
    (folder / "params.yaml").write_text(SHIPPED.replace("rate: 0.006", "rate: 6e-3"))
    assert load(train.Parameters).train.learning_rate == 0.006


def test_a_value_of_any_size_is_named_briefly(folder: Path) -> None:
    text = SHIPPED.replace("epochs: 35", f"epochs: {list(range(10_000))}")
    assert len(complaint(folder, train.Parameters, text)) < 100


def test_a_stage_complains_only_of_what_it_uses(folder: Path) -> None:
    wrong = SHIPPED.replace("batch_size: 16", "batch_size: 0").replace(
        "dropout: [0.1", "dropout: [2"
    )
    (folder / "params.yaml").write_text(wrong)
    for stage in (download, preprocess, evaluate, plot_predictions):
        load(stage.Parameters)


def test_unknown_dataset_names_the_known(folder: Path) -> None:
    said = complaint(folder, download.Parameters, SHIPPED.replace("mnist ", "mnits "))
    assert said == "params.yaml: download.dataset: must be one of mnist, fashion-mnist, got 'mnits'"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.batch_size", 501, "must be at most 500, the number of training images, got 501"),
        ("preprocess.validation_size", 600, "must be below 600, the number of images to split"),
    ],
)
def test_a_size_beyond_the_data_stops_the_pipeline(
    clone: Clone, key: str, value: int, message: str
) -> None:
    clone.set(**{key: value})
    done = clone.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert f"error: params.yaml: {key}: {message}" in done.stderr
    assert "Traceback" not in done.stderr
