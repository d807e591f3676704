"""How a stage fails: one clear line, and an exit code that is not zero."""

import os
import sys
from collections.abc import Callable

from stages.common.guard import stop_without_dvc
from stages.common.inputs import Inputs


class StageError(Exception):
    """What is wrong, in words for the person who runs the stage; begins with a file's name."""


def run(main: Callable[[], None]) -> None:
    """Run a stage, and turn what can be expected to go wrong into its message."""
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
    """Run a stage whose results DVC will take for those of the files as they are then."""
    stop_without_dvc()
    inputs = Inputs()
    main()
    if changed := inputs.changed():
        raise StageError(
            "\n".join(f"{path}: changed while the stage ran; run it again" for path in changed)
        )
