"""The error of a stage, and expected errors as one line each."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StageError(Exception):
    """Expected failure of a stage; each line names the file or setting at fault."""


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """End the process with a line, and no traceback, for each expected error of the block.

    Characters that the encoding of the output lacks, as on Windows, are printed as ``?``.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
    except StageError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'files'}: {error.strerror or error}")
    except MemoryError as error:
        sys.exit(f"error: not enough memory: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
