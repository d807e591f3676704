"""The error of a stage."""


class StageError(Exception):
    """Expected failure of a stage; each line names the file, source or package at fault."""
