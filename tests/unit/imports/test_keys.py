"""Names of a platform as keys and globs of a policy."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapplan.ids import KEY_NAME
from snapplan.imports.keys import exact_glob, key_for, name_obstacle
from snapplan.planner.resolve import matches


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("gold", "gold"),
        ("System Snapshots", "System-Snapshots"),
        ("  Täglich / Nacht ", "Taglich-Nacht"),
        ("v1.2", "v1-2"),
        ("_hidden_", "hidden"),
        ("日本", "profile"),
        ("x" * 100, "x" * 63),
    ],
)
def test_a_key_keeps_what_it_can_of_a_name(name: str, key: str) -> None:
    assert key_for(name, (), "profile") == key


def test_keys_are_unique() -> None:
    assert key_for("a b", {"a-b"}, "profile") == "a-b-2"
    assert key_for("x" * 80, {"x" * 63}, "profile") == f"{'x' * 61}-2"


@given(st.text(max_size=140), st.sets(st.text("ab-", max_size=4)))
def test_every_name_has_a_key_without_a_dot(name: str, taken: set[str]) -> None:
    key = key_for(name, taken, "profile")
    assert KEY_NAME.match(key)
    assert "." not in key
    assert key not in taken


@given(st.text(min_size=1), st.text())
def test_a_glob_matches_the_name_that_it_was_made_of_and_no_other(name: str, other: str) -> None:
    glob = exact_glob(name)
    assert matches(glob, name)
    assert matches(glob, other) == (other == name)
    assert fnmatch.fnmatchcase(name, glob)


@pytest.mark.parametrize("name", ["web[1]", "a*b", "what?", "[!x]", "[[]", "]", "*"])
def test_characters_of_globs_are_escaped(name: str) -> None:
    assert matches(exact_glob(name), name)
    assert not matches(exact_glob(name), name.replace("*", "x").replace("?", "x").replace("[", "y")) or name == "]"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web-01", ""),
        ("nas/shared", ""),
        ("mail@home", "address"),
        ("/etc", "address"),
        ("a/../b", "address"),
        ("a\x00b", "control character"),
        ("", "no name"),
        ("*" * 400, "too long"),
    ],
)
def test_what_no_selector_can_name_is_said(name: str, said: str) -> None:
    assert said in name_obstacle(name)
    assert bool(said) == bool(name_obstacle(name))
