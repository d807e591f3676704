"""The parts of a sweep: its grid, where its runs are executed, and their comparison."""
