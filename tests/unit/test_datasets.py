"""What users read: where it is, and who may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import Dataset
from jhub_gateway.policy.datasets import choose_datasets, parse_datasets
from jhub_gateway.policy.share_volumes import make_mounts

paths = st.text("ab.-/ ", max_size=10) | st.text(max_size=15)
entries = st.fixed_dictionaries(
    {"name": paths}, optional={"sub_path": paths, "claim": st.sampled_from(["sky", "../sky"])}
)


@given(st.lists(entries, max_size=3))
def test_no_entry_mounts_anything_but_what_is_below(entries):
    try:
        datasets = parse_datasets(entries)
    except ConfigurationError:
        return
    mounts = make_mounts("ada", "/home/ada", [], datasets)[-len(datasets) :] if datasets else []
    for mount in mounts:
        sub_path = mount.get("subPath", "a")
        assert not {"", ".", ".."} & set(sub_path.split("/"))
        assert mount["readOnly"] is True
        assert mount["mountPath"].rpartition("/")[0] == "/gateway/datasets"
    assert len({mount["mountPath"] for mount in mounts}) == len(mounts)


def test_without_a_claim_the_data_are_in_a_directory_of_that_name():
    assert parse_datasets([{"name": "sky"}]) == (Dataset("sky", "sky"),)
    assert parse_datasets([{"name": "sky", "sub_path": "2024/sky"}])[0].sub_path == "2024/sky"


def test_with_a_claim_they_are_at_its_root():
    assert parse_datasets([{"name": "sky", "claim": "sky-data"}])[0].sub_path == ""


def test_all_that_an_entry_says_is_kept():
    entry = {"name": "sky", "description": "All sky", "size": "1.5T", "allowed_groups": ["/x"]}
    (sky,) = parse_datasets([entry])
    assert (sky.description, sky.size) == ("All sky", 3 * 2**39)
    assert sky.allowed_groups == {"/x"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "the sky"}, "datasets: dataset 'the sky': name"),
        ({"sub_path": "../homes"}, "dataset 'sky': sub_path: '..'"),
        ({"sub_path": ""}, "dataset 'sky': sub_path"),
        ({"claim": ""}, "dataset 'sky': claim"),
        ({"size": "big"}, "dataset 'sky': size"),
        ({"size": -1}, "dataset 'sky': size"),
        ({"allowed_groups": "x"}, "dataset 'sky': allowed_groups"),
        ({"allowed_groups": []}, "dataset 'sky': allowed_groups"),
        ({"read_only": False}, "dataset 'sky' has the unknown key 'read_only'"),
    ],
)
def test_a_wrong_entry_is_named(change, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_datasets([{"name": "sky", **change}])
    assert said in str(raised.value)


def test_two_datasets_never_have_one_place():
    with pytest.raises(ConfigurationError, match="dataset 'sky': name: another dataset"):
        parse_datasets([{"name": "sky"}, {"name": "sky", "claim": "other"}])


@pytest.mark.parametrize("mine", ["x", "/x/", "/X", "/x/admin"])
def test_groups_are_compared_exactly(mine):
    closed, open_ = Dataset("closed", "closed", allowed_groups=frozenset({"/x"})), Dataset("open")
    assert choose_datasets((closed, open_), [mine]) == (open_,)
    assert choose_datasets((closed, open_), ["/y", "/x"]) == (closed, open_)
    assert choose_datasets((closed, open_), []) == (open_,)


CLOSED = {"allowed_groups": ["g"]}


@pytest.mark.parametrize(
    ("inner", "outer", "refused"),
    [
        ({"sub_path": "c/p", **CLOSED}, {"sub_path": "c"}, True),
        ({"sub_path": "c", **CLOSED}, {"sub_path": "c"}, True),
        ({"claim": "x", "sub_path": "c", **CLOSED}, {"claim": "x"}, True),
        ({"sub_path": "c/p", **CLOSED}, {"sub_path": "c", "allowed_groups": ["h"]}, True),
        ({"sub_path": "c/p", **CLOSED}, {"sub_path": "c", **CLOSED}, False),
        ({"sub_path": "c/p"}, {"sub_path": "c"}, False),
        ({"sub_path": "cp", **CLOSED}, {"sub_path": "c"}, False),
        ({"sub_path": "c", **CLOSED}, {"claim": "x"}, False),
    ],
)
def test_no_closed_dataset_lies_inside_one_that_others_may_read(inner, outer, refused):
    entries = [{"name": "inner", **inner}, {"name": "outer", **outer}]
    if refused:
        with pytest.raises(ConfigurationError, match="inside dataset 'outer'"):
            parse_datasets(entries)
    else:
        assert len(parse_datasets(entries)) == 2
