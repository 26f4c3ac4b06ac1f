"""Where the broker is, for every part that talks to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are there."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls_ca: str | None = None
    """PEM file of the authority that signed the broker's certificate; None = the system's."""
    tls: bool = False
