"""Who has just logged out at the hub itself."""

from jhub_gateway.login.own_logouts import SECONDS, OwnLogouts


def test_a_logout_counts_once():
    logouts = OwnLogouts()
    logouts.add("ada")
    assert not logouts.take("grace")
    assert logouts.take("ada")
    assert not logouts.take("ada")


def test_a_logout_is_forgotten_in_time():
    now = 1000.0
    logouts = OwnLogouts(lambda: now)
    logouts.add("ada")
    now += SECONDS - 1
    logouts.add("grace")
    now += 1
    assert not logouts.take("ada")
    assert logouts.take("grace")
