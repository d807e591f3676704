"""The settings in ``params.yaml``: one module per section, read by the stages that use it."""
