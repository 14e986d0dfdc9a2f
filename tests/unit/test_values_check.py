"""`jhub-gateway check -f`: each fault of a values file is found in its line, and nothing else."""

import json
from pathlib import Path

import pytest

from jhub_gateway.checks.output import format_json, format_text
from jhub_gateway.checks.report import Report
from jhub_gateway.checks.values_check import Question, check_values
from jhub_gateway.cli import main
from jhub_gateway.policy.setting_paths import format_path

GOOD_FILE = Path(__file__).parent / "good_values.yaml"
GOOD = GOOD_FILE.read_text()
SPAWNER, LOGIN = "hub.config.GatewaySpawner", "hub.config.KeycloakGatewayAuthenticator"


@pytest.fixture
def check(tmp_path):
    """Return a function that checks values, later ones over earlier ones."""

    def check(*texts: str, **options) -> Report:
        files = [tmp_path / f"{place}.yaml" for place in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return check_values(Question(files=tuple(files), is_offline=True, **options))

    return check


def change(old: str, new: str) -> tuple[str, int]:
    """Return the good values with a change, and the line of it."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new), GOOD[: GOOD.index(old)].count("\n") + 1


def test_nothing_is_wrong_with_good_values(check):
    assert list(check(GOOD)) == []


@pytest.mark.parametrize(
    ("text", "path", "wanted"),
    [
        ("hub: 1", "hub", "a mapping"),
        ("hub: {config: [a]}", "hub.config", "a mapping"),
        ("hub: {config: {GatewaySpawner: small}}", SPAWNER, "a mapping"),
        ("hub: {config: {GatewaySpawner: 7}}", SPAWNER, "a mapping"),
        ("hub: {db: {type: [mysql]}}", "hub.db.type", "a text"),
        ("hub: {services: 7}", "hub.services", "a mapping"),
        ("hub: {services: {gateway-culler: [a]}}", "hub.services.gateway-culler", "a mapping"),
        ("hub: {extraConfig: c.X.y = 1}", "hub.extraConfig", "a mapping"),
        ("hub: {extraConfig: {10-hours: 7}}", "hub.extraConfig.10-hours", "a text"),
        ("prePuller: {extraImages: [a]}", "prePuller.extraImages", "a mapping"),
        (
            "singleuser: {storage: {extraVolumes: a}}",
            "singleuser.storage.extraVolumes",
            "a mapping or a list",
        ),
        (
            "singleuser: {storage: {extraVolumeMounts: {a: b}}}",
            "singleuser.storage.extraVolumeMounts.a",
            "a mapping",
        ),
        ("imagePullSecrets: registry", "imagePullSecrets", "a list"),
    ],
)
def test_a_value_of_another_form_is_told_with_its_place(check, text, path, wanted):
    problem = next(one for one in check(GOOD, text) if format_path(one.path) == path)
    assert problem.sentence.startswith(f"it must be {wanted}")
    assert problem.place.file.name == "1.yaml"


def test_where_users_pods_run_is_told_with_its_place(check):
    (problem,) = check(GOOD, "scheduling: {userPods: {nodeAffinity: {matchNodePurpose: never}}}")
    assert (problem.place.file.name, problem.place.line) == ("1.yaml", 1)
    assert problem.sentence == "it is 'never': it must be prefer, require or ignore"


# What is changed into what, where it is told, what is said, and how many lines further down.
FAULTS = [
    # What names there are.
    ("home_init_image:", "home_init_imgae:", f"{SPAWNER}.home_init_imgae", "did you mean"),
    ("    GatewaySpawner:", "    GatewaySpwaner:", "hub.config.GatewaySpwaner", "'GatewaySpawner'"),
    (
        "    JupyterHub:",
        "    jupyterHub: {}\n    JupyterHub:",
        "hub.config.jupyterHub",
        "a capital",
    ),
    (
        "    KubeSpawner:",
        "    GitHubGatewayAuthenticator: {}\n    KubeSpawner:",
        "hub.config.GitHubGatewayAuthenticator",
        "it has no effect: this hub's authenticator is Keycloak",
    ),
    (
        "spawner_class: gateway",
        "spawner_class: kubespawner.KubeSpawner",
        "hub.config.JupyterHub.spawner_class",
        "set it to gateway",
    ),
    # Values that the classes refuse.
    ("http_timeout: 60", "http_timeout: 1 min", "hub.config.KubeSpawner.http_timeout", "an int"),
    ("    limit: 1G", "    limit: 1 Gb", "singleuser.memory.limit", "not a valid memory"),
    ("slug: small", "slug: Small!", f"{SPAWNER}.memory_profiles[0].slug", "is no slug"),
    (
        "memory_guarantee: 8G",
        "memory_guarantee: 32G",
        f"{SPAWNER}.memory_profiles[1].memory_guarantee",
        "is over the limit memory",
    ),
    ("slug: large", "slug: small", f"{SPAWNER}.memory_profiles[1].slug", "has it already"),
    ("idle_after: 10800", "idle_aftr: 10800", f"{SPAWNER}.cull.idle_aftr", "'idle_after'?"),
    ("idle_after: 10800", "idle_after: 60", f"{SPAWNER}.cull.idle_after", "is not less than"),
    # Links.
    (
        "      cull:\n",
        "      unsigned_links: [{notebook: a.ipynb}]\n      cull:\n",
        f"{SPAWNER}.unsigned_links",
        "hub.allowNamedServers",
    ),
    (
        "      cull:\n",
        "      unsigned_links: [{notebook: ../a.ipynb}]\n      cull:\n",
        f"{SPAWNER}.unsigned_links[0].notebook",
        "begins with a dot",
    ),
    # Fairness.
    (
        "      cull:\n",
        "      max_memory_per_user: 1M\n      cull:\n",
        f"{SPAWNER}.max_memory_per_user",
        "nobody could start",
    ),
    (
        "      cull:\n",
        "      group_memory_hours: [{hours: 5, grup: a}]\n      cull:\n",
        f"{SPAWNER}.group_memory_hours[0].grup",
        "'group'?",
    ),
    (
        "      cull:\n",
        "      wait_in_line: -1\n      cull:\n",
        f"{SPAWNER}.wait_in_line",
        "-1",
    ),
    # The login.
    ("client_secret: 5eUq2mVYk0d8", "client_secret: secret", f"{LOGIN}.client_secret", "example"),
    ("client_secret: 5eUq2mVYk0d8", "client_secret: 47110815", f"{LOGIN}.client_secret", "type"),
    ("realms/gateway\n", "realms/gateway?a=b\n", f"{LOGIN}.issuer", "an issuer has no"),
    (
        "oauth_callback_url: https",
        "oauth_callback_url: http",
        f"{LOGIN}.oauth_callback_url",
        "http",
    ),
    ("admin_users: [ada]", "admin_users: [ada, admin]", f"{LOGIN}.admin_users[1]", "everywhere"),
    (
        "https://login.gateway.org",
        "https://login.example.org",
        f"{LOGIN}.issuer",
        "an example's host",
    ),
    # Secrets.
    ("7d1f6c0a94b25e38d1f6c0a94b25e38a", "7d1f6c0a94b25e", "hub.cookieSecret", "has 14 characters"),
    (
        "[jhub-gateway, cull]\n",
        "[jhub-gateway, cull]\n      apiToken: changemechangeme\n",
        "hub.services.gateway-culler.apiToken",
        "an example",
        1,
    ),
    # Values of the chart that a gateway needs.
    ("    type: none", "    type: dynamic", "singleuser.storage.type", "set it to none"),
    ("fsGid: 1000", "fsGid: 100", "singleuser.fsGid", "the chart's default"),
    (
        "blockWithIptables: false",
        "blockWithIptables: true",
        "singleuser.cloudMetadata.blockWithIptables",
        "a privileged container",
    ),
    ("  enabled: false", "  enabled: true", "cull.enabled", "the chart's own culler"),
    ("uid: 1000", "uid: 0", "singleuser.uid", "it is 0: user pods never run as root"),
    (
        "storageClassName: block",
        "storageClassName: nfs-client",
        "hub.db.pvc.storageClassName",
        "SQLite on 'nfs-client'",
    ),
    ("  db:", "  replicas: 2\n  db:", "hub.replicas", "SQLite is for one"),
    # Images.
    ('    tag: "1"', "    tag: latest", "singleuser.image.tag", "has the tag 'latest'"),
    ("jhub-gateway-hub:0.1.0", "jhub-gateway-hub", f"{SPAWNER}.home_init_image", "has no tag"),
    ("jhub-gateway-hub:0.1.0", "jhub-gateway-hub:0.0.9", f"{SPAWNER}.home_init_image", "hub.image"),
    # The text itself, and programs in it.
    ("  uid: 1000", "  uid: 1000\n  uid: 1001", "singleuser.uid", "already", 1),
    ("hours = 12", "hours = b", "hub.extraConfig.10-hours", "NameError in its line 1", -1),
    ("http_timeout: 60", "http_timeout: CHANGE-ME", "hub.config.KubeSpawner.http_timeout", "int"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[2]}: {fault[3]}")
def test_a_fault_is_found_in_its_line_and_nothing_else(check, fault):
    old, new, path, said, *further = fault
    text, line = change(old, new)
    (problem,) = check(text)
    assert format_path(problem.path) == path
    assert problem.place.line == line + sum(further)
    assert said in problem.sentence


def test_several_faults_are_told_together_errors_first(check):
    text, _ = change("slug: small", "slug: Small!")
    text = text.replace("memory: 16G", "memory: much").replace("hub:0.1.0", "hub:0.0.9")
    told = [(problem.place.line, format_path(problem.path)) for problem in check(text)]
    assert told == [
        (28, f"{SPAWNER}.memory_profiles[0].slug"),
        (33, f"{SPAWNER}.memory_profiles[1].memory"),
        (24, f"{SPAWNER}.home_init_image"),  # a warning
    ]


def test_a_warning_hides_no_error_of_the_same_value(check):
    text, _ = change("registry.gateway.org/jhub-gateway-hub:0.1.0", "registry.example.org/hub:2")
    assert [problem.is_warning for problem in check(text)] == [False, True]
    # JupyterHub's own settings may be those of a newer one.
    text, _ = change("spawner_class: gateway", "spawner_clas: gateway")
    assert [problem.is_warning for problem in check(text)] == [False, True]


def test_a_value_is_named_in_the_file_that_has_it_last(check):
    later = "singleuser:\n  cloudMetadata: {blockWithIptables: true}\n  storage: null\n"
    first, second = check(GOOD, later)
    assert (first.place.file.name, first.place.line) == ("1.yaml", 2)
    assert (second.place.file.name, second.place.line) == ("1.yaml", 3)


def test_what_is_missing_is_named_at_its_parent(check):
    text, line = change("      shared_claim_name: gateway-homes\n", "")
    (problem,) = check(text)
    assert format_path(problem.path) == f"{SPAWNER}.shared_claim_name"
    assert problem.place.line == line - 1


def test_a_password_is_never_told(check):
    secret = "kQ7!x"
    text, _ = change("cookieSecret: 7d1f6c0a94b25e38d1f6c0a94b25e38a", f"cookieSecret: {secret}")
    text = text.replace("client_secret: 5eUq2mVYk0d8", f"client_secret: [{secret}]")
    text = text.replace("type: sqlite-pvc", f"password: CHANGE-ME-{secret}")
    text = text.replace("hours = 12", f"raise ValueError('{secret}')")
    report = check(text)
    assert len(list(report)) == 4
    assert secret not in format_text(report) + format_json(report)


def test_a_program_that_needs_the_hubs_image_is_not_checked(check):
    text, _ = change("hours = 12", "import z2jh_of_the_image")
    report = check(text)
    assert list(report) == []
    assert "hub.extraConfig.10-hours, and what it would set: ModuleNotFoundError" in (
        report.not_checked
    )


@pytest.mark.parametrize("version", ["4.4.0", "v4.9.1", "4.4.1-0.dev.git.7100.hab12cd"])
def test_a_chart_that_was_tried(check, version):
    assert list(check(GOOD, chart_version=version)) == []


@pytest.mark.parametrize("version", ["4.3.9", "3.3.8", "5.0.0", "newest"])
def test_a_chart_that_was_not_tried(check, version):
    (problem,) = check(GOOD, chart_version=version)
    assert version in problem.sentence


def test_unreadable_text_ends_the_check(check):
    report = check("hub:\n\tconfig: {}\n", GOOD)
    assert [problem.place.line for problem in report] == [2]
    assert report.not_checked == ["what the values say, until all files can be read"]


# The command


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command on a values file; return its status and what it printed."""

    def run(text: str, *options: str) -> tuple[int, str]:
        file = tmp_path / "site.yaml"
        file.write_text(text)
        status = main(["check", "-f", str(file), "--offline", *options])
        return status, capsys.readouterr().out

    return run


def test_the_status_is_1_for_errors_and_0_for_warnings(run):
    status, text = run(GOOD)
    assert (status, text.splitlines()[-1]) == (0, "nothing is wrong with these values")
    status, text = run(change("uid: 1000", "uid: 0")[0])
    assert (status, text.splitlines()[-1]) == (1, "problems: 1, warnings: 0")
    status, text = run(change("hub:0.1.0", "hub:0.0.9")[0])
    assert (status, text.splitlines()[-1]) == (0, "problems: 0, warnings: 1")


def test_only_the_report_is_printed(tmp_path, capfd):
    file = tmp_path / "site.yaml"
    text, _ = change("spawner_class:", "base_ulr: /\n      spawner_class:")
    file.write_text(text)
    assert main(["check", "-f", str(file), "--offline"]) == 0
    printed = capfd.readouterr()
    assert "did you mean 'base_url'?" in printed.out
    assert printed.err == ""


def test_programs_read_json(run):
    status, text = run(change("uid: 1000", "uid: 0")[0], "--format=json")
    document = json.loads(text)
    (problem,) = document["problems"]
    assert status == 1
    assert problem["file"].endswith("/site.yaml")
    assert (problem["severity"], problem["line"], problem["path"]) == (
        "error",
        53,
        "singleuser.uid",
    )
    assert document["not_checked"][0].startswith("the cluster: claims, nodes")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "a.py", "-f", "b.yaml"],
        ["check", "-f", "/nothing.yaml"],
        ["check", "-f", str(GOOD_FILE), "--kubeconfig", "/nothing"],
    ],
)
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "jhub-gateway check: error: " in capsys.readouterr().err
