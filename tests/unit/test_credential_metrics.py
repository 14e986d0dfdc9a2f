"""How many of users' credentials are valid, late and ended."""

from prometheus_client import REGISTRY

from jhub_gateway.credential_metrics import CREDENTIAL_STATES, CredentialStates


def make_health(**states: str) -> dict:
    return {
        "credentials": [
            {"name": name, "system": "login" if name == "login" else "ga4gh", "state": state}
            for name, state in states.items()
        ]
    }


def collect(states: CredentialStates) -> dict[tuple[str, ...], float]:
    (family,) = states.collect()
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def test_a_hub_without_users_says_nothing():
    assert collect(CredentialStates()) == {}


def test_each_credential_is_counted_in_all_three_states_over_all_users():
    states = CredentialStates()
    healths = [make_health(login="valid", tes="valid"), make_health(login="late", tes="ended")]
    states.show(lambda: healths)
    assert collect(states) == {
        ("login", "login", "valid"): 1,
        ("login", "login", "late"): 1,
        ("login", "login", "ended"): 0,
        ("tes", "ga4gh", "valid"): 1,
        ("tes", "ga4gh", "late"): 0,
        ("tes", "ga4gh", "ended"): 1,
    }
    healths.clear()
    assert collect(states) == {}


def test_a_scrape_of_the_process_has_them():
    CREDENTIAL_STATES.show(lambda: [make_health(login="valid")])
    try:
        labels = {"credential": "login", "system": "login", "state": "valid"}
        assert REGISTRY.get_sample_value("jhub_gateway_credentials", labels) == 1
    finally:
        CREDENTIAL_STATES.show(tuple)
