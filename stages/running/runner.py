"""Run a stage's main function, by hand or under DVC."""

import os
import sys
from collections.abc import Callable

from stages.files.paths import CODE
from stages.running.code_key import CodeError, verify
from stages.running.errors import StageError
from stages.running.inputs import Inputs
from stages.running.parent import exit_with_dvc


def run(main: Callable[[], None]) -> None:
    """Run a stage; for an expected failure, print its message and exit with a code other than 0."""
    try:
        if "DVC_STAGE" in os.environ:
            run_under_dvc(main, os.environ["DVC_STAGE"])
        else:
            main()
    except StageError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'files'}: {error.strerror or error}")
    except MemoryError as error:
        sys.exit(f"error: not enough memory: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def run_under_dvc(main: Callable[[], None], stage: str) -> None:
    """Run a stage whose results DVC will record together with its code and its inputs.

    Raises
    ------
    StageError
        if the code or an input is not the one that DVC will record
    """
    exit_with_dvc()
    inputs = Inputs(ignored=(".pyc",) if stage == "code" else (".py", ".pyc"))
    main()
    if changed := inputs.changed():
        raise StageError(
            "\n".join(f"{path}: changed while the stage ran; run it again" for path in changed)
        )
    if stage != "code":
        prove_code(stage)


def prove_code(stage: str) -> None:
    """Check that this process has imported the code that is recorded for the stage.

    Raises
    ------
    StageError
        if it has not; the record is then removed, so that DVC reruns the stage ``code``
    """
    record = CODE / f"{stage}.json"
    try:
        verify(record)
    except CodeError as error:
        record.unlink(missing_ok=True)
        raise StageError(str(error)) from None
