"""The pipeline's files: their paths, how they are written, and how they are read."""
