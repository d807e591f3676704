"""The settings in ``params.yaml``: a module for each section, read by the stage that uses it."""
