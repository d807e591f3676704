"""Record the code of every stage: modules and packages → a file for each stage in data/code.

Every other stage depends on its file, and so is rerun when its code has changed.
"""

from pathlib import Path

from stages.running.code_key import CodeError, Project, check_lock
from stages.shared.errors import StageError
from stages.shared.files import write_json
from stages.shared.paths import CODE
from stages.shared.running import run

# for an imported package, the distributions that can change the bytes of the stage
PACKAGES = {
    "numpy": ["numpy"],
    "matplotlib": ["kiwisolver", "matplotlib", "numpy", "pillow"],
    "zlib_ng": ["zlib-ng"],
}
LOCK = Path("requirements/run.txt")
NO_STAGES = {"__init__", "code"}


def main() -> None:
    project = Project(Path.cwd(), PACKAGES)
    names = sorted({path.stem for path in Path("stages").glob("*.py")} - NO_STAGES)
    for name in names:
        try:
            record = project.record(f"stages.{name}")
            check_lock(record, LOCK)
        except CodeError as error:
            raise StageError(str(error)) from None
        write_json(CODE / f"{name}.json", record)
    print(f"{CODE}: the code of {len(names)} stages")


if __name__ == "__main__":
    run(main)
