"""Tests. ``stages`` is imported first, because it pins NumPy's kernels as the stages do."""

import stages as stages
