"""The data set: the known ones, where their files come from, their format and their split."""
