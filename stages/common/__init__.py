"""What several stages share, a module each."""
