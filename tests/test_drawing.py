"""Pictures depend on nothing outside of the project and its packages."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from stages.shared.drawing import literal, new_figure

import matplotlib
import pytest
from matplotlib.font_manager import FontManager, json_dump

from tests.support import ROOT

DRAW = """
from pathlib import Path
from stages.shared.drawing import literal, new_figure, save

figure = new_figure(2, 1)
figure.suptitle(literal("$a_1$ ✓ T-shirt, 100 $"))
save(figure, Path("picture.png"))
"""


def script(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "draw.py"
    path.write_text(DRAW, encoding="utf-8")
    return path


def draw(folder: Path, **environment: str) -> bytes:
    subprocess.run(
        [sys.executable, script(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
    )
    return (folder / "picture.png").read_bytes()


@pytest.fixture(scope="module")
def fonts_of_another_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder with a matplotlibrc and a list of fonts, all of them monospaced."""
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "matplotlibrc").write_text("font.size: 30\nfigure.facecolor: red\n")
    manager = FontManager()
    mono = str(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf"))
    manager.ttflist = [replace(entry, fname=mono) for entry in manager.ttflist]
    json_dump(manager, str(folder / f"fontlist-v{FontManager.__version__}.json"))
    return folder


def test_a_picture_is_the_same_in_every_environment(
    tmp_path: Path, fonts_of_another_machine: Path
) -> None:
    folder = str(fonts_of_another_machine)
    assert draw(tmp_path / "here") == draw(
        tmp_path / "there",
        MPLBACKEND="nonsense",
        MPLCONFIGDIR=folder,
        MATPLOTLIBRC=folder,
        LC_ALL="C",
        PYTHONUTF8="0",
    )


def test_a_malformed_matplotlibrc_in_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    done = subprocess.run(
        [sys.executable, script(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "\nerror: matplotlibrc: " in f"\n{done.stderr}"
    assert done.stderr.endswith("pictures do not use it, remove it\n")


def test_dollar_signs_are_shown_as_they_are() -> None:
    text = new_figure(1, 1).suptitle(literal("$x$"))
    assert text._preprocess_math(text.get_text()) == ("$x$", False)  # type: ignore[attr-defined]
