"""The one place for the version: packaging reads it here without importing, the program by import."""

__version__ = "0.7.0"
