import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.quantities import format_memory, parse_memory, parse_quantity


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4G", 4 * 1024**3),
        ("4Gi", 4 * 1024**3),
        ("4GiB", 4 * 1024**3),
        ("1.5G", 3 * 512 * 1024**2),
        ("512M", 512 * 1024**2),
        ("1T", 1024**4),
        (" 2 G ", 2 * 1024**3),
        (1048576, 1048576),
        ("1048576", 1048576),
    ],
)
def test_reads_amounts_as_jupyterhub_and_kubernetes_write_them(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    "text", ["", "G", "4X", "-4G", "4G;", "0", "0.1", "1e9", "٤G", None, True, []]
)
def test_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match="memory"):
        parse_memory(text)


def test_formats_for_people():
    assert format_memory(4 * 1024**3) == "4 GB"
    assert format_memory(1536 * 1024**2) == "1.5 GB"
    assert format_memory(512 * 1024**2) == "512 MB"
    assert format_memory(12) == "12 B"


@given(st.integers(1, 1023), st.sampled_from("KMGT"))
def test_what_is_formatted_reads_back(number, unit):
    size = parse_memory(f"{number}{unit}")
    assert parse_memory(format_memory(size)) == size


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("15988360Ki", 15988360 * 1024), ("1G", 10**9), ("3920m", 3.92), ("129e6", 129e6)],
)
def test_what_the_api_tells_is_read_as_kubernetes_means_it(text, amount):
    assert float(parse_quantity(text)) == amount


@pytest.mark.parametrize("text", ["", "4GB", "much", "-1"])
def test_other_texts_are_no_quantity(text):
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)
