"""The error of a stage."""


class StageError(Exception):
    """Expected failure of a stage; each line of the message names the file or package at fault."""
