"""Run a stage's main function, by hand or under DVC."""

import os
import sys
from collections.abc import Callable

from stages.running.errors import StageError
from stages.running.inputs import Inputs
from stages.running.parent import exit_with_dvc

from dvc_imports import CodeError, verify


def run(main: Callable[[], None]) -> None:
    """Run a stage; for an expected failure, print its message and exit with a code other than 0."""
    try:
        if "DVC_STAGE" in os.environ:
            run_under_dvc(main)
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


def run_under_dvc(main: Callable[[], None]) -> None:
    """Run a stage whose results DVC will record together with its code and its inputs.

    Raises
    ------
    StageError
        if the code or an input is not the one that DVC will record
    """
    exit_with_dvc()
    inputs = Inputs(ignored=(".py", ".pyc"))
    main()
    if changed := inputs.changed():
        raise StageError(
            "\n".join(f"{path}: changed while the stage ran; run it again" for path in changed)
        )
    try:
        verify()
    except CodeError as error:
        raise StageError(str(error)) from None
