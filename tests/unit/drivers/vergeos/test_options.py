"""The keys of a backend, the driver as the registry knows it, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from snapplan.drivers import registry
from snapplan.drivers.base import Settings
from snapplan.drivers.vergeos import CAPABILITIES, DRIVER
from snapplan.drivers.vergeos.options import VergeosOptions
from snapplan.errors import BackendError
from snapplan.models.target import Scope

TOKEN = {"host": "dc1.example.com", "token": "${env:DC1_TOKEN}"}
USER = {"host": "dc1.example.com:8443", "username": "me", "password": "${file:/run/secret}"}


class TestOptions:
    def test_a_host_and_a_token_are_enough(self) -> None:
        options = VergeosOptions.model_validate(TOKEN)
        assert (options.timeout, options.requests_per_hour, options.insecure) == (timedelta(seconds=30), 900, False)

    def test_a_user_and_a_password_do_as_well(self) -> None:
        assert VergeosOptions.model_validate(USER).username == "me"

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ({"host": "a"}, "give a token, or a username and a password"),
            ({**TOKEN, "username": "me"}, "give a token, or a username and a password"),
            ({"host": "a", "username": "me"}, "a username needs a password"),
            ({"host": "a", "password": "${env:A}"}, "a username needs a password"),
            ({**TOKEN, "insecure": True, "ca_file": "a.pem"}, "contradict"),
            ({**TOKEN, "host": "https://dc1.example.com"}, "host"),
            ({**TOKEN, "host": "dc1/api"}, "host"),
            ({**TOKEN, "host": "me:secret@dc1"}, "host"),
            ({**TOKEN, "host": ""}, "host"),
            ({**TOKEN, "token": "in clear text"}, "token"),
            ({**TOKEN, "insecure": "yes"}, "insecure"),
            ({**TOKEN, "timeout": 30}, "timeout"),
            ({**TOKEN, "requests_per_hour": 10}, "requests_per_hour"),
            ({**TOKEN, "verify_ssl": False}, "verify_ssl"),
        ],
    )
    def test_what_is_wrong_is_said(self, written: dict[str, Any], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            VergeosOptions.model_validate(written)


class TestDriver:
    def test_the_registry_has_it(self) -> None:
        assert registry.find("vergeos") is DRIVER

    def test_it_is_listed_without_importing_what_it_needs(self) -> None:
        heavy = "[name for name in ('pyvergeos', 'stamina', 'requests') if name in sys.modules]"
        script = f"import sys; from snapplan.drivers import registry; registry.installed(); print({heavy})"
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert ran.stdout == "[]\n"

    @pytest.mark.parametrize("missing", ["pyvergeos", "stamina"])
    @pytest.mark.parametrize("what", ["open", "check"])
    def test_a_missing_package_is_said_with_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, missing: str, what: str
    ) -> None:
        monkeypatch.setitem(sys.modules, missing, None)
        settings = Settings("dc1", "p", VergeosOptions.model_validate(TOKEN), Path("/"))
        with pytest.raises(BackendError, match=f"driver vergeos needs {missing}, not installed") as caught:
            getattr(DRIVER, what)(settings)
        assert caught.value.hint == "pip install 'snapplan[vergeos]'"

    def test_opening_asks_nothing(self) -> None:
        DRIVER.open(Settings("dc1", "p", VergeosOptions.model_validate(TOKEN), Path("/"))).close()

    def test_what_it_can_do(self) -> None:
        assert CAPABILITIES.scopes == set(Scope)
        assert CAPABILITIES.native_schedule == {Scope.CLOUD, Scope.VM, Scope.VOLUME}
        assert CAPABILITIES.expires_itself
        assert CAPABILITIES.own_clock
        assert CAPABILITIES.honours("immutable", Scope.CLOUD)
        assert not CAPABILITIES.honours("immutable", Scope.VM, native=True)
