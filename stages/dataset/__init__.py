"""The data sets: a table of them, their sources, their file format and their split."""
