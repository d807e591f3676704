"""Imported in place of the package ``stages`` when a stage is run by its path, to say how to.

Python then searches the stage's own folder, so that ``import stages`` finds this module.
"""

import sys
from pathlib import Path

sys.exit(f"error: {sys.argv[0]}: run it as python -m stages.{Path(sys.argv[0]).stem}")
