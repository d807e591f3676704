"""Section ``model``."""

from typing import Annotated, Any

from stages.settings.section import Section

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

Rate = Annotated[float, Field(ge=0, lt=1)]


def _tag(value: Any) -> str:
    return "list" if isinstance(value, list) else "number"


class Model(Section):
    """The network."""

    hidden: list[Annotated[int, Field(ge=1, le=1_000_000)]] = Field(max_length=1000)
    dropout: Annotated[
        Annotated[Rate, Tag("number")] | Annotated[list[Rate], Tag("list")], Discriminator(_tag)
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
