"""Note every file that this Python runs; each Python imports this module as it starts."""

import os
import sys

_LOG = os.environ.get("DVC_IMPORTS_LOG", os.devnull)
_HERE = os.path.dirname(os.path.abspath(__file__))


def _note(event, arguments):  # type: ignore[no-untyped-def]
    if event != "exec":
        return
    name = getattr(arguments[0], "co_filename", "<")
    if name.startswith("<"):
        return
    # one short line at a time, so that processes do not mix theirs
    with open(_LOG, "ab", buffering=0) as log:
        log.write(os.fsencode(os.path.abspath(name)) + b"\n")


with open(_LOG, "ab", buffering=0) as _log:
    _log.write(b"\n")  # a Python has started
sys.addaudithook(_note)

# let the module run that this one hides
sys.path[:] = [each for each in sys.path if os.path.abspath(each) != _HERE]
del sys.modules[__name__]
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
except ImportError:
    sys.modules[__name__] = None  # type: ignore[assignment]
