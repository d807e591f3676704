"""Record the code of every stage: modules and packages → a file for each stage in data/code.

Every other stage depends on its file, and so is rerun when its code has changed.
"""

from pathlib import Path

from stages.files.paths import CODE
from stages.files.writing import write_json
from stages.running.code_key import CodeError, Project, check_lock
from stages.running.errors import StageError
from stages.running.runner import run

# for an imported package, the distributions that can change the bytes of the stage
PACKAGES = {
    "numpy": ["numpy"],
    "matplotlib": ["kiwisolver", "matplotlib", "numpy", "pillow"],
}
LOCKS = [Path("requirements/run.txt")]
NO_STAGES = {"__init__", "code", "stages"}


def main() -> None:
    project = Project(Path.cwd(), PACKAGES)
    names = sorted({path.stem for path in Path("stages").glob("*.py")} - NO_STAGES)
    for name in names:
        try:
            record = project.record(f"stages.{name}")
            for lock in LOCKS:
                check_lock(record, lock)
        except CodeError as error:
            raise StageError(str(error)) from None
        write_json(CODE / f"{name}.json", record)
    print(f"{CODE}: the code of {len(names)} stages")


if __name__ == "__main__":
    run(main)
