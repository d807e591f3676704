"""Section ``preprocess``."""

from stages.settings.section import Section

from pydantic import Field


class Preprocess(Section):
    """The split into training and validation images."""

    validation_size: int = Field(ge=0)
    seed: int = Field(ge=0)
