"""Reading a section of ``params.yaml`` into the model that a stage declares.

A section belongs to the stages that use it, and a stage reads no other section. The file is read
with DVC's own YAML library, so that a stage uses the values that DVC records.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar

from stages.files.paths import PARAMETERS
from stages.running.errors import StageError
from stages.running.inputs import use_part

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError


class Section(BaseModel):
    """The keys of a section, with their types, limits and defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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

SectionType = TypeVar("SectionType", bound=Section)


def load(name: str, model: type[SectionType]) -> SectionType:
    """Read the section with that name.

    Raises
    ------
    StageError
        with a line for each error: ``params.yaml: section.key: must be …, got …``
    """
    content = _parse(PARAMETERS)
    try:
        section = _validate(name, model, content)
    except ValidationError as errors:
        described = (_describe(error, name, model, content) for error in errors.errors())
        raise StageError("\n".join(dict.fromkeys(described))) from None
    use_part(PARAMETERS, section, lambda: _validate(name, model, _parse(PARAMETERS)))
    return section


def _validate(name: str, model: type[SectionType], content: dict[Any, Any]) -> SectionType:
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
    except Exception as error:  # of many types, for a malformed tag or value
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StageError(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise StageError(f"{path}: must hold sections such as 'train:', holds {_shown(content)}")
    return content


def _describe(
    error: ErrorDetails, name: str, model: type[Section], content: Mapping[Any, Any]
) -> str:
    """Return the line for one of pydantic's errors."""
    # pydantic adds the tag of a union's member, which is not a key
    keys = [part for part in error["loc"] if part not in ("number", "list")]
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
