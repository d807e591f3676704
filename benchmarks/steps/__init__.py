"""Steps alone: each peer's process is warm, and trains a round when it is told to."""
