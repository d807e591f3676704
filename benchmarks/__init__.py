"""How fast the engine trains, beside the frameworks: ``python -m benchmarks``."""
