"""The error of a stage."""


class StageError(Exception):
    """Expected failure of a stage; each line of the message begins with the name of a file."""
