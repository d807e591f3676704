"""The sections of ``params.yaml``: their keys, types and limits, and how a stage reads one.

A section belongs to the stages that use it, and a stage reads no other section. The file is read
with DVC's own YAML library, so that a stage uses the values that DVC records. The limits of the
hyperparameters are those of the library, in ``network.limits``.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import repr as shortened
from typing import Annotated, Any, Literal, TypeVar

from stages.shared.datasets import DATASETS
from stages.shared.errors import StageError
from stages.shared.inputs import watch
from stages.shared.paths import PARAMETERS

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


class Model(Section):
    """The network."""

    hidden: list[Annotated[int, limited("hidden")]] = Field(max_length=1000)
    dropout: Annotated[
        Annotated[Rate, Tag(NUMBER)] | Annotated[list[Rate], Tag(LIST)],
        Discriminator(lambda value: LIST if isinstance(value, list) else NUMBER),
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
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "model_type": "must be a section of keys",
    "value_error": "{error}",
}


def load(model: type[SectionType]) -> SectionType:
    """Read the section that a model describes, and is named by.

    Raises
    ------
    StageError
        with a line for each error: ``params.yaml: section.key: must be …, got …``
    """
    return watch(PARAMETERS, lambda: _read(model))


def _read(model: type[SectionType]) -> SectionType:
    name = model.__name__.lower()
    content = _parse()
    if name not in content:
        raise StageError(f"{PARAMETERS}: {name}: is missing{_suggestion(name, content)}")
    try:
        return model.model_validate(content[name])
    except ValidationError as errors:
        lines = (_describe(error, model, content[name]) for error in errors.errors())
        raise StageError("\n".join(f"{PARAMETERS}: {name}{line}" for line in lines)) from None


def _parse() -> dict[Any, Any]:
    encoded = PARAMETERS.read_bytes()
    try:
        content = YAML(typ="safe").load(encoded.decode())
    except Exception as error:  # a malformed tag or value raises many types
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or str(error) or type(error).__name__
        reason = reason.partition("\n")[0]
        raise StageError(f"{PARAMETERS}: {where}not valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise StageError(
            f"{PARAMETERS}: must have sections such as 'train:', is {shortened(content)}"
        )
    return content


def _describe(error: ErrorDetails, model: type[Section], content: Any) -> str:
    """Return the place in the section, and the message, for one of pydantic's errors."""
    # pydantic adds the tag of a union's member, which is not a key
    keys = [part for part in error["loc"] if part not in (LIST, NUMBER)]
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    message = MESSAGES.get(error["type"], error["msg"].replace("Input should be", "must be"))
    if error["type"] in ("missing", "extra_forbidden"):
        key = str(keys[0])
        unmatched = set(model.model_fields).symmetric_difference(content) - {key}
        return f"{place}: {message}{_suggestion(key, unmatched)}"
    got = shortened(error["input"])
    return f"{place}: {message.format(**error.get('ctx', {}))}, got {got}"


def _suggestion(name: str, candidates: Iterable[Any]) -> str:
    nearest = get_close_matches(name, sorted(map(str, candidates)), n=1)
    return f", did you mean {nearest[0]}?" if nearest else ""
