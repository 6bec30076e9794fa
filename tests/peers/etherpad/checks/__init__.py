"""All checks, each file about one thing."""

from . import access, documents, endings, links  # noqa: F401 (they register themselves)
