"""Who has just logged out at the hub itself."""

from jhub_gateway.login.own_logouts import OWN_LOGOUT_SECONDS, OwnLogouts


def test_a_logout_is_the_users_own_until_they_are_here_again():
    logouts = OwnLogouts()
    logouts.add("ada")
    assert not logouts.has("grace")
    assert logouts.has("ada")
    assert logouts.has("ada")
    logouts.forget("ada")
    assert not logouts.has("ada")
    logouts.forget("ada")


def test_a_logout_is_forgotten_in_time():
    now = 1000.0
    logouts = OwnLogouts(lambda: now)
    logouts.add("ada")
    now += OWN_LOGOUT_SECONDS - 1
    logouts.add("grace")
    now += 1
    assert not logouts.has("ada")
    assert logouts.has("grace")
