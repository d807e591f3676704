"""The peers: one script each, which runs a whole job."""
