"""Addresses that the server may fetch: the public internet over https, and nothing else."""

import pytest

from caiso.connect.source import address
from caiso.connect.source.address import UnableToReach, check_repository, is_public


@pytest.mark.parametrize(
    "private",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "2002:0a00:0001::1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "not an address"),
    ],
)
def test_private_addresses_are_recognised_in_every_form(private: str) -> None:
    assert not is_public(private)


@pytest.mark.parametrize("public", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_public_addresses_are_let_through(public: str) -> None:
    assert is_public(public)


def test_the_checked_address_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(2, 1, 6, "", ("93.184.216.34", 8443)), (10, 1, 6, "", ("2606:2800::1", 8443, 0, 0))]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *_, **__: answers)
    checked = check_repository("https://git.example.org:8443/a/b.git")
    assert checked.pin == "git.example.org:8443:[2606:2800::1],93.184.216.34"


def test_one_private_answer_among_many_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(UnableToReach, match="private network"):
        check_repository("https://rebind.example.org/a")
    assert check_repository("https://rebind.example.org/a", allow_private=True).pin == ""
