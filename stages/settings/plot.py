"""Section ``plot``."""

from typing import Literal

from stages.settings.section import Section

from pydantic import Field


class Plot(Section):
    """The grids of images."""

    rows: int = Field(ge=1, le=20)
    columns: int = Field(ge=1, le=20)
    seed: int = Field(ge=0)
    mistakes: Literal["sample", "worst"] = "sample"
