"""Reading ``params.yaml`` into the typed models that the stages declare.

A stage's model has a field for each section that it uses, and the stage hears only of those.
A ``Section`` belongs to one stage, which refuses unknown keys in it; a stage that needs some
keys of another's section declares them in a ``SectionPart``.
"""

import re
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar, cast

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function

from stages.common.errors import StageError
from stages.common.inputs import use_part
from stages.common.paths import PARAMETERS


class SectionPart(BaseModel):
    """Some keys of a section."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class Section(SectionPart):
    """All keys of a section."""

    model_config = ConfigDict(extra="forbid")


MESSAGES = {  # of pydantic's kinds of errors, where its own words would say less
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

Model = TypeVar("Model", bound=BaseModel)


class OneOf:
    """What a text may be: one of these names."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": [*self._names]}

    def _check(self, name: str) -> str:
        if name not in self._names:
            raise ValueError(f"must be one of {', '.join(self._names)}")
        return name


def load(model: type[Model]) -> Model:
    """Read the sections of ``params.yaml`` that ``model`` names.

    Raises
    ------
    StageError
        with a line for each thing that is wrong: ``params.yaml: section.key: what, and what not``
    """
    content = _parse(PARAMETERS)
    try:
        parameters = model.model_validate(content)
    except ValidationError as errors:
        raise StageError(
            "\n".join(_describe(error, content, model) for error in errors.errors())
        ) from None
    use_part(PARAMETERS, parameters, lambda: model.model_validate(_parse(PARAMETERS)))
    return parameters


class _Loader(yaml.SafeLoader):
    """YAML as DVC reads it: 1e-3 is a number, which PyYAML's own rules take for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9.]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise StageError(f"{path}: not found; run from the project's folder") from None
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: must be UTF-8 text: byte {error.start} is not") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise StageError(f"{path}: {where}not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StageError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise StageError(f"{path}: must hold sections such as 'train:', holds {shortened(content)}")
    return content


def _describe(error: ErrorDetails, content: dict[str, Any], model: type[BaseModel]) -> str:
    *parents, key = error["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    kind = error["type"]
    if kind in ("missing", "extra_forbidden"):
        here, known = content, set(model.model_fields)
        for section in map(str, parents):
            here = here[section]
            known = set(cast(type[BaseModel], model.model_fields[section].annotation).model_fields)
        message = MESSAGES[kind] + _suggestion(str(key), known.symmetric_difference(here) - {key})
    else:
        context = error.get("ctx", {})
        template = MESSAGES.get(kind, error["msg"])
        message = f"{template.format(**context)}, got {shortened(error['input'])}"
    return f"{PARAMETERS}: {place.removeprefix('.')}: {message}"


def _suggestion(name: str, candidates: set[Any]) -> str:
    names = [candidate for candidate in candidates if isinstance(candidate, str)]
    nearest = get_close_matches(name, sorted(names), n=1)
    return f", did you mean {nearest[0]}?" if nearest else ""
