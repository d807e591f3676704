"""Writing files so that none ever stands half-written under its final name."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside ``path`` that takes its name when the block has ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write that failed does not say where
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any] | list[str]) -> None:
    """Write ``content`` as indented JSON."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Round to six decimals, which is more than a loss or an accuracy can mean."""
    return {name: round(figure, 6) for name, figure in figures.items()}
