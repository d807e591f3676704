"""What a sweep stands on: its runs, where they run, and how they are compared."""
