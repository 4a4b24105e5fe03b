"""The version of the library, at the bottom, where everything can have it."""

__version__ = "0.3.0"
