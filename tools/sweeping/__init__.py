"""The parts of a sweep: its runs, the queues that execute them, and their comparison."""
