"""Everything that is checked."""

from checks import (  # noqa: F401
    hearing, endings, returning, permissions, disguises, strangers, absences, rooms, whispers, crowds, idling)
