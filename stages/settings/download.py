"""Section ``download``."""

from typing import Annotated

from stages.settings.section import Section
from stages.shared.datasets import DATASETS

from pydantic import AfterValidator, Field


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
