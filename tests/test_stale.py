"""Edits that could lead to a stale result, at any moment of a run: each is detected.

``edit_at`` edits a module of the stage ``plot_weights`` at a chosen moment of its run under DVC.
"""

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Clone, stages_run

MODULE, OLD, NEW = "stages/plot_weights.py", '"RdBu_r"', '"PuOr"'
CHANGED = f"error: {MODULE}: changed while the pipeline ran; run it again\n"

# imported by every Python that starts with its folder on PYTHONPATH
CUSTOMIZATION = f"""
import os
import sys
from pathlib import Path

def edit_once(event, arguments):
    path = Path("{MODULE}")
    if event in ("import", "open") and str(arguments[0]) == os.environ["EDIT_AT"]:
        if '{OLD}' in path.read_text():
            path.write_text(path.read_text().replace('{OLD}', '{NEW}'))

if os.environ.get("DVC_STAGE") in ("code", "plot_weights"):
    sys.addaudithook(edit_once)
"""

RUN = ("repro", "--single-item", "--force", "plot_weights")

# a `python` that edits when the stage has ended
SHIM = f"""#!/bin/sh
"{sys.executable}" "$@"
code=$?
if [ "$DVC_STAGE" = plot_weights ]; then sed --in-place 's/{OLD}/{NEW}/' {MODULE}; fi
exit $code
"""


@pytest.fixture
def edit_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Edit as the stage begins to import a module or opens a file."""

    def prepare(moment: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(CUSTOMIZATION)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("EDIT_AT", moment)

    return prepare


def assert_next_run_is_of_the_code(clone: Clone, finished: Clone) -> None:
    """Run the pipeline, and compare with a forced run of the present code."""
    assert NEW in (clone.root / MODULE).read_text()
    assert clone.repro() == ["code", "plot_weights"]
    picture = clone.outputs()["plots/weights.png"]
    assert picture != finished.outputs()["plots/weights.png"]
    clone.dvc(*RUN)
    assert clone.outputs()["plots/weights.png"] == picture
    assert clone.repro() == []


# before the stage's own modules, during their import, and when only the picture is not yet written
@pytest.mark.parametrize("moment", ["matplotlib", "network.model", "PIL.PngImagePlugin"])
def test_an_edit_between_the_imports_and_the_end_of_a_stage_is_detected(
    clone: Clone, finished: Clone, edit_at: Callable[[str], None], moment: str
) -> None:
    edit_at(moment)
    failed = clone.try_dvc(*RUN)
    assert failed.returncode != 0
    assert CHANGED in failed.stderr
    assert "Traceback" not in failed.stderr
    assert_next_run_is_of_the_code(clone, finished)


def test_an_edit_while_the_code_is_recorded_is_detected(
    clone: Clone, finished: Clone, edit_at: Callable[[str], None]
) -> None:
    edit_at(str(clone.root / "data/code/plot_weights.json.partial"))
    failed = clone.try_dvc("repro", "--single-item", "--force", "code")
    assert failed.returncode != 0
    assert f"error: {MODULE}: changed while it was recorded; run it again\n" in failed.stderr
    assert_next_run_is_of_the_code(clone, finished)


def test_an_edit_between_the_end_of_a_stage_and_its_hashing_takes_effect_in_the_next_run(
    clone: Clone, finished: Clone, tmp_path: Path
) -> None:
    shim = tmp_path / "bin/python"
    shim.parent.mkdir()
    shim.write_text(SHIM)
    shim.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
        clone.dvc(*RUN)
    assert_next_run_is_of_the_code(clone, finished)


def test_an_environment_beside_the_project_with_a_similar_name_hides_no_edit(
    finished: Clone,
    tmp_path: Path,
    edit_at: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone = finished.copy(tmp_path / "proj")
    environment = tmp_path / "pr"
    clone.run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / "lib" / version / "site-packages"
    (packages / "all.pth").write_text(sysconfig.get_path("purelib"))
    monkeypatch.setenv("PATH", str(environment / "bin"), prepend=os.pathsep)
    edit_at("PIL.PngImagePlugin")
    assert CHANGED in clone.try_dvc(*RUN).stderr


def test_a_lock_that_is_edited_and_not_installed_is_refused(clone: Clone, finished: Clone) -> None:
    lock = clone.root / "requirements/compute.txt"
    text = lock.read_text()
    lock.write_text(text.replace("numpy==", "numpy==9."))
    failed = clone.try_dvc("repro")
    assert failed.returncode != 0
    assert "error: requirements/compute.txt: names numpy 9." in failed.stderr
    assert " is installed; install the lock first\n" in failed.stderr
    assert "Traceback" not in failed.stderr
    lock.write_text(text)
    assert clone.repro() in (["code"], [])
    assert clone.outputs() == finished.outputs()


def test_a_module_that_is_added_and_imported_reruns_its_stage(clone: Clone) -> None:
    (clone.root / "network/colors.py").write_text('COLORS = "PuOr"\n')
    clone.edit(MODULE, OLD, "COLORS")
    clone.edit(MODULE, "import math\n", "import math\nfrom network.colors import COLORS\n")
    assert clone.repro() == ["code", "plot_weights"]
    clone.append("network/colors.py", 'COLORS = "BrBG"\n')
    assert clone.repro() == ["code", "plot_weights"]


def test_a_module_that_no_statement_imports_is_refused(clone: Clone) -> None:
    clone.edit(MODULE, "import math\n", "import math, importlib\n")
    clone.edit(MODULE, "def main() -> None:\n", DYNAMIC)
    failed = clone.try_dvc("repro")
    assert failed.returncode != 0
    assert stages_run(failed.stdout) == ["code"]
    assert f"{MODULE}: line 21: imports a name that is computed" in failed.stderr
    assert "data/code/plot_weights.json" in failed.stderr
    assert "Traceback" not in failed.stderr


DYNAMIC = 'def main() -> None:\n    importlib.import_module("network." + "schedule")\n'
