"""Exit with a hint when a stage is run by its path, instead of with ``python -m``.

Python then searches the stage's own folder, so that ``import stages`` finds this module in place of
the package.
"""

import sys
from pathlib import Path

sys.exit(f"error: {sys.argv[0]}: run it as python -m stages.{Path(sys.argv[0]).stem}")
