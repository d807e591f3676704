"""Training steps alone, in processes that are warmed up first."""
