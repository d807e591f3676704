"""The error of a stage."""


class StageError(Exception):
    """Expected failure of a stage: a line that begins with the name of a file."""
