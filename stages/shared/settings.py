"""The sections of ``params.yaml``: their keys, types and limits, and how a stage reads one.

A section belongs to the stages that use it, and a stage reads no other section. The file is read
with DVC's own YAML library, so that a stage uses the values that DVC records. The limits of the
hyperparameters are those of the library, in ``network.limits``.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Any, Literal, TypeVar

from stages.shared.datasets import DATASETS
from stages.shared.errors import StageError
from stages.shared.paths import PARAMETERS
from stages.shared.running import use_part

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from network.limits import LIMITS, Keep, OptimizerName, ScheduleName


class Section(BaseModel):
    """The keys of a section, with their types, limits and defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


LIST, NUMBER = "<list>", "<number>"  # which no key is named


def _known(name: str) -> str:
    if name not in DATASETS:
        raise ValueError(f"must be one of {', '.join(DATASETS)}")
    return name


class Download(Section):
    """The data set and where it comes from."""

    dataset: Annotated[
        str, AfterValidator(_known), Field(json_schema_extra={"enum": list(DATASETS)})
    ]
    source: str


class Preprocess(Section):
    """The split into training and validation images."""

    validation_size: int = Field(ge=0)
    seed: int = Field(ge=0)


def limited(name: str, **options: Any) -> Any:
    """Return a field with the limits of a hyperparameter."""
    return Field(**LIMITS[name], **options)


Rate = Annotated[float, limited("dropout")]


def _kind(value: object) -> str:
    return LIST if isinstance(value, list) else NUMBER


class Model(Section):
    """The network."""

    hidden: list[Annotated[int, limited("hidden")]] = Field(max_length=1000)
    dropout: Annotated[
        Annotated[Rate, Tag(NUMBER)] | Annotated[list[Rate], Tag(LIST)], Discriminator(_kind)
    ]

    @field_validator("dropout")
    @classmethod
    def _one_per_layer(
        cls, dropout: float | list[float], others: ValidationInfo
    ) -> float | list[float]:
        hidden = others.data.get("hidden")
        if isinstance(dropout, list) and hidden is not None and len(dropout) != len(hidden):
            raise ValueError(f"needs one rate per hidden layer ({len(hidden)}) or one for all")
        return dropout


class Augment(Section):
    """Limits of the random deformation of training images; without deformation if all are 0."""

    rotation: float = limited("rotation", default=0)
    scale: float = limited("scale", default=0)
    shear: float = limited("shear", default=0)
    shift: float = limited("shift", default=0)
    elastic: float = limited("elastic", default=0)


class Train(Section):
    """The training of the network."""

    optimizer: OptimizerName
    learning_rate: float = limited("learning_rate")
    batch_size: int = limited("batch_size")
    epochs: int = limited("epochs")
    weight_decay: float = limited("weight_decay")
    momentum: float = limited("momentum", default=0.9)
    beta1: float = limited("beta1", default=0.9)
    beta2: float = limited("beta2", default=0.999)
    epsilon: float = limited("epsilon", default=1e-8)
    schedule: ScheduleName = "constant"
    warmup: float = limited("warmup", default=0)
    keep: Keep = "last"
    threads: int = limited("threads", default=1)
    kernels: Literal["portable", "native"] = "portable"
    seed: int = limited("seed")

    @field_validator("warmup")
    @classmethod
    def _fits_the_schedule(cls, warmup: float, others: ValidationInfo) -> float:
        if warmup > others.data.get("epochs", warmup):
            raise ValueError("must be at most epochs")
        if warmup == 0 and others.data.get("schedule") == "one_cycle":
            raise ValueError("must be above 0 for one_cycle, which begins by rising")
        return warmup


class Plot(Section):
    """The grids of images."""

    rows: int = Field(ge=1, le=20)
    columns: int = Field(ge=1, le=20)
    seed: int = Field(ge=0)
    mistakes: Literal["sample", "worst"] = "sample"


class Parameters(Section):
    """All of ``params.yaml``."""

    download: Download
    preprocess: Preprocess
    model: Model
    augment: Augment
    train: Train
    plot: Plot


SectionType = TypeVar("SectionType", bound=Section)

MESSAGES = {  # by pydantic's error type, where its own message is less clear
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
    "invalid_key": "must have names as keys",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be a section of keys",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


def load(model: type[SectionType]) -> SectionType:
    """Read the section that a model describes, and is named by.

    Raises
    ------
    StageError
        with a line for each error: ``params.yaml: section.key: must be …, got …``
    """
    content = _parse(PARAMETERS)
    try:
        section = _validate(model, content)
    except ValidationError as errors:
        described = (_describe(error, model, content) for error in errors.errors())
        raise StageError("\n".join(dict.fromkeys(described))) from None
    use_part(PARAMETERS, section, lambda: _validate(model, _parse(PARAMETERS)))
    return section


def _name(model: type[Section]) -> str:
    return model.__name__.lower()


def _validate(model: type[SectionType], content: dict[Any, Any]) -> SectionType:
    name = _name(model)
    if name not in content:
        raise StageError(f"{PARAMETERS}: {name}: is missing{_suggestion(name, content)}")
    return model.model_validate(content[name])


def _parse(path: Path) -> dict[Any, Any]:
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{path}: not found; run from the project's folder") from None
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: must be UTF-8 text: byte {error.start} is not") from None
    except OSError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = (error.problem or "").partition("\n")[0]
        raise StageError(f"{path}: {where}not valid YAML: {reason}") from None
    except Exception as error:  # a malformed tag or value raises many types
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StageError(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise StageError(f"{path}: must have sections such as 'train:', is {_shown(content)}")
    return content


def _describe(error: ErrorDetails, model: type[Section], content: Mapping[Any, Any]) -> str:
    """Return the line for one of pydantic's errors."""
    name = _name(model)
    # pydantic adds the tag of a union's member, which is not a key
    keys = [part for part in error["loc"] if part not in (LIST, NUMBER)]
    place = name + "".join(f"[{key}]" if isinstance(key, int) else f".{_key(key)}" for key in keys)
    kind = error["type"]
    if kind in ("missing", "extra_forbidden"):
        key = str(keys[0])
        unmatched = set(model.model_fields).symmetric_difference(content[name]) - {key}
        message = MESSAGES[kind] + _suggestion(key, unmatched)
    else:
        template = MESSAGES.get(kind, error["msg"])
        message = f"{template.format(**error.get('ctx', {}))}, got {_shown(error['input'])}"
    return f"{PARAMETERS}: {place}: {message}"


def _suggestion(name: str, candidates: Collection[Any]) -> str:
    names = sorted(candidate for candidate in candidates if isinstance(candidate, str))
    nearest = get_close_matches(name, names, n=1)
    return f", did you mean {_key(nearest[0])}?" if nearest else ""


def _key(key: str) -> str:
    """Return a key as it is, or escaped and shortened if it would break the line."""
    return key if key.isprintable() and len(key) <= 40 else shortened(key)


def _shown(value: object) -> str:
    try:
        return shortened(value)
    except ValueError:  # Python converts at most 4,300 digits
        return "a number of too many digits"
