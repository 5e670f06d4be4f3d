"""The keys that a backend of driver ``vergeos`` has in ``snapplan.yaml``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from snapplan.models.policy import Model
from snapplan.models.values import Duration, SecretReference

Host = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^/\s@]+$")]


class VergeosOptions(Model):
    """A VergeOS system, or a tenant's own environment, by its API."""

    host: Host = Field(description="Name or address of the system, with `:PORT` where it is not 443.")
    token: SecretReference | None = Field(None, description="An API key (platform 26.0 and newer); by reference.")
    username: str | None = Field(None, min_length=1, description="Of a user, where there is no `token`.")
    password: SecretReference | None = Field(None, description="Of `username`; by reference.")
    ca_file: str | None = Field(
        None,
        min_length=1,
        description="The certificates that the system's is checked with (PEM; default: the usual ones).",
    )
    insecure: bool = Field(
        False,
        strict=True,
        description="Do not check the system's certificate: whoever is in between can do everything.",
    )
    timeout: Duration = Field(timedelta(seconds=30), description="How long one request may take.")
    building_timeout: Duration = Field(
        timedelta(minutes=10), description="How long a system snapshot may take until it is complete."
    )
    requests_per_hour: int = Field(
        900, strict=True, ge=50, le=1_000_000, description="So many requests are made in an hour, by all runs together."
    )

    @model_validator(mode="after")
    def _credentials(self) -> VergeosOptions:
        if (self.token is None) == (self.username is None and self.password is None):
            raise ValueError("give a token, or a username and a password")
        if self.token is None and (self.username is None or self.password is None):
            raise ValueError("a username needs a password, and a password a username")
        if self.insecure and self.ca_file is not None:
            raise ValueError("insecure: true and a ca_file contradict each other")
        return self
