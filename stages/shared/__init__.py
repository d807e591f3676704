"""Modules that the stages share."""
