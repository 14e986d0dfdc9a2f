import subprocess
import sys

import pytest

import jhub_gateway


def test_importing_the_package_is_cheap():
    heavy = ["jupyterhub", "kubespawner", "kubernetes_asyncio", "oauthenticator", "traitlets"]
    code = f"import sys, jhub_gateway; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", jhub_gateway.__all__)
def test_each_public_name_is_there(name):
    assert getattr(jhub_gateway, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="GatewaySpwner"):
        jhub_gateway.GatewaySpwner  # noqa: B018
