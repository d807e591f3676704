"""The peers: a script each, from the start of its process to the weights in a file."""
