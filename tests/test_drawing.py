"""Pictures depend on nothing outside of the project and its packages."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from stages.shared.drawing import literal, new_figure

import matplotlib
from matplotlib.font_manager import FontManager, json_dump

from tests.support import ROOT

DRAW = """
from pathlib import Path
from stages.shared.drawing import literal, new_figure, save

figure = new_figure(2, 1)
figure.suptitle(literal("$a_1$ \\u2713 T-shirt, 100 $"))
save(figure, Path("picture.png"))
"""


def draw(folder: Path, **environment: str) -> bytes:
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
    )
    return (folder / "picture.png").read_bytes()


def test_a_picture_is_the_same_in_every_environment(tmp_path: Path) -> None:
    """Compare with a machine that has a matplotlibrc, and a list of fonts, all monospaced."""
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nfigure.facecolor: red\n", "utf-8")
    manager = FontManager()
    mono = str(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf"))
    manager.ttflist = [replace(entry, fname=mono) for entry in manager.ttflist]
    json_dump(manager, str(tmp_path / f"fontlist-v{FontManager.__version__}.json"))
    assert draw(tmp_path / "here") == draw(
        tmp_path / "there",
        MPLBACKEND="nonsense",
        MPLCONFIGDIR=str(tmp_path),
        MATPLOTLIBRC=str(tmp_path),
        LC_ALL="C",
    )


def test_dollar_signs_are_shown_as_they_are() -> None:
    text = new_figure(1, 1).suptitle(literal("$x$"))
    assert text._preprocess_math(text.get_text()) == ("$x$", False)  # type: ignore[attr-defined]
