"""Stages that follow their imports, in any DVC project.

``dvc-imports check`` names the modules that a stage imports and no dependency covers;
``dvc-imports fix`` adds them to dvc.yaml; ``dvc-imports record`` writes a file for each stage that
changes only with the stage's code; ``verify`` proves at a stage's end that this code has run.
"""

from dvc_imports.config import CodeError
from dvc_imports.verify import verify

__all__ = ["CodeError", "verify"]
