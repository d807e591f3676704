"""Modules that stages share."""
