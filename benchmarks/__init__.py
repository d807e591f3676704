"""Whole jobs of this project and of others, measured: ``make bench``."""
