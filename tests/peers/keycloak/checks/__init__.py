"""Everything that is checked; the order is the order of beginning, so those that wait come first."""

from checks import endings, claims, issuer, login, profile, clients, gateways, directory, operating  # noqa: F401
