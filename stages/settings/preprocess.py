"""Section ``preprocess``."""

from pydantic import Field

from stages.settings.section import Section


class Preprocess(Section):
    """The split into training and validation images."""

    validation_size: int = Field(ge=0)
    seed: int = Field(ge=0)
