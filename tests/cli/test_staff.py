"""`flyusage staff`: grant, revoke, list."""

import json

from cast import Cast


def test_a_role_is_granted_listed_and_taken_back(flyusage, cast: Cast) -> None:
    assert "owner@prism.example is billing now." in flyusage("staff", "grant", "owner@prism.example", "billing").out
    assert "was billing already" in flyusage("staff", "grant", "owner@prism.example", "billing").out
    assert "owner@prism.example" in flyusage("staff", "list").out
    (one,) = json.loads(flyusage("staff", "list", "--json").out)
    assert (one["email"], one["role"], one["granted_by"]) == ("owner@prism.example", "billing", "system:command")
    assert "is no longer billing" in flyusage("staff", "revoke", "owner@prism.example", "billing").out
    assert "Nobody yet." in flyusage("staff", "list").out
    assert [one["action"] for one in json.loads(flyusage("staff", "list", "--log", "--json").out)] == ["staff.revoke", "staff.grant"]
    assert "staff.grant" in flyusage("staff", "list", "--log").out


def test_nobody_of_that_address_is_a_sentence(flyusage, cast: Cast) -> None:
    said = flyusage("staff", "grant", "nobody@nowhere.example", "support")
    assert said.code == 1
    assert "There is no account" in said.err
