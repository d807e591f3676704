"""Commands that are run beside the pipeline."""
