"""Section ``augment``."""

from stages.settings.section import Section

from pydantic import Field


class Augment(Section):
    """Limits of the random deformation of training images; without deformation if all are 0."""

    rotation: float = Field(default=0, ge=0, le=180)
    scale: float = Field(default=0, ge=0, le=2)
    shear: float = Field(default=0, ge=0, le=2)
    shift: float = Field(default=0, ge=0, le=28)
    elastic: float = Field(default=0, ge=0, le=28)
