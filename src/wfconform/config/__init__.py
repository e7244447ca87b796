"""Target file, WFCONFORM_* environment and flags, checked and merged into one frozen `Target`."""

from wfconform.config.document import Document, parse_document, read_document
from wfconform.config.environment import Environment, read_environment
from wfconform.config.resolve import Configured, Overrides, configure, resolve
from wfconform.config.toml import dumps

__all__ = [
    "Configured",
    "Document",
    "Environment",
    "Overrides",
    "configure",
    "dumps",
    "parse_document",
    "read_document",
    "read_environment",
    "resolve",
]
