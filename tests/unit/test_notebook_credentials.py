"""What a notebook reads of the gateway's credentials: real files, in both layouts."""

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import jhub_gateway.notebook
from jhub_gateway.models import Credential, Issued, Login
from jhub_gateway.notebook import (
    CredentialEnded,
    CredentialError,
    CredentialExpired,
    CredentialsUnreadable,
    NoCredentials,
    NoToken,
    UnknownCredential,
    credential_files,
    credentials,
    read,
    token,
)
from jhub_gateway.notebook.credential_list import read_list
from jhub_gateway.policy.credentials import make_files as render
from tests.unit.credential_files import (
    LAYOUTS,
    LOGIN_URL,
    PlainFiles,
    PodFiles,
    make_ended_files,
    make_entry,
    make_files,
    make_health,
    make_login,
    make_time,
)


@pytest.fixture(params=LAYOUTS)
def files(request, tmp_path, monkeypatch):
    """The credentials' directory of this server, in each layout, with nothing in it yet."""
    made = request.param(tmp_path / "credentials")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    monkeypatch.delenv("JUPYTERHUB_PUBLIC_HUB_URL", raising=False)
    monkeypatch.delenv("JUPYTERHUB_HOST", raising=False)
    return made


@pytest.fixture
def plain(tmp_path, monkeypatch):
    made = PlainFiles(tmp_path / "plain")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    return made


def test_the_credentials_are_listed_by_name(files):
    files.write(make_files(seconds=300))
    found = credentials()
    assert [one.name for one in found] == ["login", "ftp"]
    login, ftp = found
    assert (login.system, login.state, login.sentence) == ("login", "valid", "")
    assert login.expires_at.tzinfo is not None
    assert timedelta(0) < login.expires_at - datetime.now(UTC) <= timedelta(seconds=300)
    assert (ftp.audience, ftp.expires_at) == ("ftp.gateway.org", None)
    assert [path.name for path in ftp.files] == ["ftp.username", "ftp.password"]
    assert ftp.files[0].read_text() == "user of first"


def test_one_is_found_by_its_name_or_its_position(files):
    files.write(make_files())
    found = credentials()
    assert found["ftp"] == found[1] == found[-1]
    assert len(found) == 2
    assert "ftp" in found
    assert found[0] in found
    assert "sftp" not in found
    assert list(found[:1]) == [found[0]]


def test_the_paths_of_files_hold_after_a_renewal(files):
    files.write(make_files("first"))
    path = credentials()["login"].token_file
    files.write(make_files("second"))
    assert path.read_text() == "second"


def test_the_token_is_read_at_each_call(files):
    for text in ("first", "second"):
        files.write(make_files(text))
        assert token() == token("login") == text


def test_a_token_file_may_end_with_a_newline(files):
    files.write({**make_files(), "access_token": "first\n"})
    assert token() == "first"


@pytest.mark.parametrize("text", ["", "two words", "two\nlines", "nul\0", "é"])
def test_what_is_no_token_is_never_put_into_a_header(files, text):
    files.write({**make_files(), "access_token": text})
    with pytest.raises(CredentialsUnreadable, match="does not hold a bearer token") as refusal:
        token()
    assert not text or text not in str(refusal.value)


def test_another_credential_may_have_a_token(files):
    entry = make_entry("wes", token="wes", files=["wes"], expires_at=make_time(60))
    files.write({"wes": "for-WES", "credentials.json": make_health(make_login(), entry)})
    assert token("wes") == "for-WES"


def test_a_late_token_is_given_while_it_holds(files):
    files.write(make_files(state="late", sentence="The login service does not answer."))
    assert token() == "first"
    assert credentials()["login"].state == "late"


def test_an_expired_token_is_never_given(files):
    # 1 s from now is within the margin.
    for seconds in (-3600, -1, 1):
        files.write(make_files(seconds=seconds))
        with pytest.raises(CredentialExpired, match=r"being renewed\. Try again in a moment"):
            token(wait=0)
        assert credentials()["login"].state == "expired"
    files.write(make_files(seconds=10))
    assert token(wait=0) == "first"


def test_a_renewal_that_comes_late_is_waited_for(files):
    files.write(make_files(seconds=-1))
    renewal = threading.Timer(0.6, files.write, [make_files("second")])
    renewal.start()
    begin = time.monotonic()
    assert token() == "second"
    assert 0.5 < time.monotonic() - begin < 5
    renewal.join()


def test_waiting_ends_when_it_was_asked_to(files):
    files.write(make_files(seconds=-1))
    begin = time.monotonic()
    with pytest.raises(CredentialExpired):
        token(wait=0.5)
    assert 0.5 <= time.monotonic() - begin < 3


def test_waiting_ends_at_once_when_the_login_ends(files):
    files.write(make_files(seconds=-1))
    end = threading.Timer(0.3, files.write, [make_ended_files()])
    end.start()
    with pytest.raises(CredentialEnded):
        token(wait=20)
    end.join()


def test_an_ended_login_says_where_to_log_in(files, monkeypatch):
    files.write(make_ended_files())
    with pytest.raises(CredentialEnded, match="Log in again") as refusal:
        token()
    assert refusal.value.login_url == LOGIN_URL
    assert str(refusal.value).endswith(f" starts at {LOGIN_URL} of this site")
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_HUB_URL", "https://gateway.org/hub/")
    with pytest.raises(CredentialEnded) as refusal:
        token()
    assert refusal.value.login_url == f"https://gateway.org{LOGIN_URL}"
    assert str(refusal.value).endswith(f" starts at https://gateway.org{LOGIN_URL}")
    # A notebook shows the caller's line and this one, not the whole way.
    assert len(refusal.traceback) == 2


def test_a_credential_that_ended_alone_says_why_and_sends_nobody_to_log_in(files):
    ended = make_entry("ftp", state="ended", sentence="You are no member of /ftp any more.")
    files.write({"access_token": "first", "credentials.json": make_health(make_login(), ended)})
    assert token() == "first"
    for ask in (token, read):
        with pytest.raises(CredentialEnded, match="no member of /ftp") as refusal:
            ask("ftp")
        assert refusal.value.login_url == ""


def test_an_unknown_name_lists_those_that_there_are(files):
    files.write(make_files())
    for ask in (token, read, lambda name: credentials()[name]):
        with pytest.raises(UnknownCredential, match=r"no credential 'sftp'.*: login, ftp"):
            ask("sftp")


def test_without_a_token_the_files_are_named(files):
    files.write(make_files())
    with pytest.raises(NoToken, match=r"ftp\.username.*ftp\.password.*read\('ftp'\)"):
        token("ftp")


def test_the_texts_of_a_credential_are_of_one_moment(files):
    files.write(make_files("first"))
    ftp = read("ftp")
    assert dict(ftp) == {"username": "user of first", "password": "password of first"}
    files.write(make_files("second"))
    assert ftp["password"] == "password of first"
    assert read("ftp")["password"] == "password of second"
    assert dict(read("login")) == {"access_token": "second"}


def test_a_file_that_is_no_text_is_named_by_its_path(plain):
    plain.write(make_files())
    (plain.directory / "ftp.password").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsUnreadable, match=r"credentials\(\)\['ftp'\]\.files"):
        read("ftp")


@pytest.mark.parametrize("directory", ["", "missing", "file"])
def test_a_server_without_credentials_says_so(tmp_path, monkeypatch, directory):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(tmp_path / directory))
    for ask in (credentials, token):
        with pytest.raises(NoCredentials, match="stop this server and start it again"):
            ask()


def test_a_directory_that_cannot_be_opened_is_told_as_that(tmp_path, monkeypatch):
    (tmp_path / "credentials.json").symlink_to("credentials.json")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(tmp_path))
    for ask in (credentials, token):
        with pytest.raises(CredentialsUnreadable, match="Tell the gateway's support"):
            ask()


def test_without_the_variable_the_directory_is_that_of_pods(monkeypatch):
    monkeypatch.delenv("JHUB_GATEWAY_CREDENTIALS", raising=False)
    with pytest.raises(NoCredentials, match=r"/var/run/secrets/gateway/credentials\.json"):
        credentials()


LOGIN = make_login()
HOSTILE = [
    "",
    "no JSON",
    "\0",
    "[]",
    "{}",
    "[" * 100_000,
    make_health(LOGIN, version="1"),
    make_health(LOGIN, version=True),
    make_health(LOGIN, state="fine"),
    make_health(LOGIN, state=None),
    make_health(LOGIN, sentence=1),
    make_health(LOGIN, credentials="login"),
    make_health("login"),
    make_health(None),
    *(make_health({**LOGIN, "expires_at": time}) for time in ("soon", 5, "2026-11-21T20:00:00")),
    make_health({**LOGIN, "expires_at": "9999-12-31T23:59:59-23:59"}),
    *(make_health({**LOGIN, "token": name}) for name in ("../access_token", "/etc/passwd", "", 1)),
    *(make_health({**LOGIN, "files": names}) for names in ("access_token", [1], ["..data"], None)),
    *(make_health({**LOGIN, "state": state}) for state in ("expired", "", [])),
    *(
        make_health(LOGIN, login_url=url)
        for url in (
            "javascript:alert(1)",
            "//else.org",
            "/\\else.org",
            "https://else.org",
            "/\n",
            1,
        )
    ),
    json.dumps({"version": 1}),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_list_that_no_gateway_wrote_is_one_clear_error(plain, text):
    plain.write({"access_token": "first", "credentials.json": text})
    for ask in (credentials, token):
        with pytest.raises(CredentialsUnreadable, match=r"\.json cannot be read: ") as error:
            ask()
        assert "Tell the gateway's support." in str(error.value)
        assert len(str(error.value)) < 300


def test_a_list_of_a_newer_gateway_says_so(plain):
    plain.write({"access_token": "first", "credentials.json": make_health(LOGIN, version=2)})
    with pytest.raises(CredentialsUnreadable, match="newer gateway"):
        token()


def test_what_a_newer_gateway_adds_is_left_alone(plain):
    entry = make_login(color="blue")
    plain.write({"access_token": "first", "credentials.json": make_health(entry, more=[1])})
    assert token() == "first"


def test_a_token_whose_file_comes_and_goes_is_waited_for(plain):
    plain.write(make_files())
    (plain.directory / "access_token").unlink()
    with pytest.raises(CredentialExpired, match="changing just now"):
        token(wait=0)
    comes = threading.Timer(0.3, plain.write, [make_files("second")])
    comes.start()
    assert token() == "second"
    comes.join()


def test_a_list_that_goes_while_it_is_read_is_no_list(plain):
    # A hub on one machine removes the directory's files when the last server has stopped.
    plain.write(make_files())
    with pytest.raises(FileNotFoundError):
        read_list(plain.directory / "gone", plain.directory)
    plain.write({})
    with pytest.raises(NoCredentials):
        token()


def test_what_the_hub_renders_is_what_a_notebook_reads(files):
    login = Login(
        username="ada",
        issuer="https://login.example.org",
        subject="1001",
        groups=frozenset(),
        access_token="first",
        expires_at=time.time() + 300,
    )
    contents = {"ftp.username": b"ada", "ftp.password": b"secret"}
    others = [
        Credential("wes", "plain", "wes.gateway.org", issued=Issued(token="access_token")),
        Credential("ftp", "static", issued=Issued(contents)),
        Credential("old", "static", state="ended", sentence="You are in none of its groups."),
    ]

    def write(state: str, sentence: str) -> None:
        made = render(login, state, sentence, others, LOGIN_URL, with_id_token=False)
        files.write({name: content.decode() for name, content in made.items()})

    write("valid", "")
    assert [one.state for one in credentials()] == ["valid", "valid", "valid", "ended"]
    assert token() == token("wes") == "first"
    assert credentials()["wes"].expires_at == credentials()["login"].expires_at
    assert dict(read("ftp")) == {"username": "ada", "password": "secret"}
    with pytest.raises(CredentialEnded, match="none of its groups"):
        token("old")
    write("ended", "Log in again.")
    assert [one.state for one in credentials()] == ["ended", "ended", "valid", "ended"]
    for name in ("login", "wes"):
        with pytest.raises(CredentialEnded, match=r"Log in again\. The login starts at"):
            token(name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_readers_never_meet_a_half_of_a_renewal(layout, tmp_path, monkeypatch):
    """Some readers ask without a pause while everything is swapped under them."""
    files = layout(tmp_path / "hammered")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(files.directory))
    files.write(make_files("0"))
    stopped, wrong, counts = threading.Event(), [], [0, 0, 0]

    def ask(reader: int) -> None:
        last = -1
        while not stopped.is_set():
            try:
                now = int(token())
                if now < last:
                    wrong.append(f"{now} came after {last}")
                last = now
                seen = read("ftp")
                if layout is PodFiles and len({text.split()[-1] for text in seen.values()}) != 1:
                    wrong.append(dict(seen))
                counts[reader] += 1
            except Exception as error:
                wrong.append(error)

    readers = [threading.Thread(target=ask, args=[reader]) for reader in range(3)]
    for reader in readers:
        reader.start()
    swaps = 0
    end = time.monotonic() + 60
    while (swaps < 100 or min(counts) < 20) and not wrong and time.monotonic() < end:
        swaps += 1
        files.write(make_files(str(swaps)))
        time.sleep(0.001)
    stopped.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert swaps >= 100
    assert min(counts) >= 20


def test_token_and_end_are_of_one_generation(tmp_path, monkeypatch):
    """Every other generation has expired: its token must never be given out with another's end."""
    files = PodFiles(tmp_path / "alternating")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(files.directory))
    files.write(make_files("good"))
    stopped = threading.Event()

    def swap() -> None:
        while not stopped.is_set():
            files.write(make_files("bad", seconds=-60))
            files.write(make_files("good"))

    swapper = threading.Thread(target=swap)
    swapper.start()
    given, count, refused = set(), 0, 0
    end = time.monotonic() + 60
    while (refused < 300 or count < 300) and time.monotonic() < end:
        try:
            given.add(token(wait=0))
            count += 1
        except CredentialExpired:
            refused += 1
    stopped.set()
    swapper.join()
    assert given == {"good"}
    assert min(count, refused) >= 300


def test_a_swap_between_the_link_and_the_file_is_no_absence(files, monkeypatch):
    files.write(make_files("s3cr3t"))
    find, gone = credential_files._find_generation, iter(["..gone"])
    monkeypatch.setattr(
        credential_files,
        "_find_generation",
        lambda directory: directory / next(gone, find(directory)),
    )
    assert credential_files.find_directory() == files.directory


def test_no_text_form_holds_a_secret(files):
    secret = "s3cr3t-token"
    files.write(make_files(secret))
    shown = [credentials(), credentials()["login"], read("ftp"), read("login")]
    text = "".join(f"{one!r}{one!s}" for one in shown) + credentials()._repr_html_()
    assert secret not in text
    assert "username" in repr(read("ftp"))
    files.write({**make_files(secret), "access_token": f"{secret} {secret}"})
    with pytest.raises(CredentialError) as refusal:
        token()
    assert secret not in str(refusal.value)


def make_list(directory: Path, now: datetime, *entries, **changes):
    directory.mkdir(exist_ok=True)
    (directory / "credentials.json").write_text(make_health(*entries, **changes))
    return read_list(directory, directory, now)


@pytest.fixture
def in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


NOW = datetime(2026, 11, 21, 14, 28, tzinfo=UTC)


def test_the_text_is_a_table(tmp_path, in_utc):
    entries = (
        make_login(expires_at="2026-11-21T14:32:00Z"),
        make_entry("ftp", audience="ftp.gateway.org"),
        make_entry("wes", state="late", sentence="WES is away.", expires_at="2026-11-23T01:00:00Z"),
        make_entry("old", expires_at="2026-11-21T14:00:00Z"),
    )
    assert repr(make_list(tmp_path, NOW, *entries)).splitlines() == [
        "NAME   FOR              STATE                   VALID UNTIL",
        "login                   valid                   14:32 UTC (in 4 min)",
        "ftp    ftp.gateway.org  valid",
        "wes                     renewal is late         23 Nov 2026 01:00 UTC (in 34 h)",
        "old                     expired, being renewed  14:00 UTC (28 min ago)",
        "wes: WES is away.",
    ]


def test_the_times_are_those_of_the_servers_own_clock(tmp_path, monkeypatch, in_utc):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    shown = make_list(tmp_path, NOW, make_login(expires_at="2026-11-21T14:32:00Z"))
    assert "15:32 CET (in 4 min)" in repr(shown)
    assert "at 15:28:00 CET" in shown._repr_html_()
    assert shown[0].expires_at == datetime(2026, 11, 21, 14, 32, tzinfo=UTC)


def test_what_never_ends_is_shown_in_any_time_zone(tmp_path, monkeypatch, in_utc):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    shown = make_list(tmp_path, NOW, make_login(expires_at="9999-12-31T23:59:59Z"))
    assert repr(shown).endswith("valid  no end")
    assert "no end" in shown._repr_html_()


def test_an_ended_login_is_shown_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_PUBLIC_HUB_URL", raising=False)
    monkeypatch.delenv("JUPYTERHUB_HOST", raising=False)
    text = "The login has ended."
    ended = {"state": "ended", "sentence": text, "expires_at": None, "token": None, "files": []}
    entries = [make_login(**ended), make_entry("wes", **ended)]
    shown = make_list(tmp_path, NOW, *entries, state="ended", sentence=text)
    assert repr(shown).splitlines()[-2:] == [f"login, wes: {text}", f"Log in again: {LOGIN_URL}"]
    html = shown._repr_html_()
    assert f'<a href="{LOGIN_URL}" target="_blank" rel="noopener">Log in again</a>' in html
    assert html.count(text) == 1


def test_what_the_hub_wrote_is_escaped(tmp_path):
    bad = "<img src=x onerror=alert(1)>&\"'\x1b[31m\nLOGIN"
    entry = make_entry(bad, audience=bad, sentence=bad, state="late")
    shown = make_list(tmp_path, NOW, entry, state="ended", login_url="/hub/<b>\"'&x")
    html = shown._repr_html_()
    assert "<img" not in html
    assert '<b>"' not in html
    assert 'href="/hub/&lt;b&gt;&quot;&#x27;&amp;x"' in html
    assert "\x1b" not in repr(shown)
    assert len(repr(shown).splitlines()) == 4


# What a kernel in a plain image lacks.
BLOCKED = ["jupyterhub", "kubernetes_asyncio", "kubespawner", "tornado", "jupyter_server"]
BLOCKED += ["httpx", "requests", "anyio", "traitlets", "oauthenticator"]

ALONE = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
sys.meta_path.insert(0, Block())
import jhub_gateway.notebook
before = set(sys.modules)
assert not [name for name in before if name.startswith("jhub_gateway.notebook.")], before
from jhub_gateway.notebook import auth, credentials, read, token
assert token() == "first" and credentials()._repr_html_() and read("ftp") and repr(credentials())
class Request:
    headers = {{}}
    def register_hook(self, event, hook): pass
assert auth()(Request()).headers == {{"Authorization": "Bearer first"}}
print("alone")
"""


def test_a_kernel_needs_the_standard_library_alone(files):
    files.write(make_files())
    command = [sys.executable, "-c", ALONE]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.stdout.strip() == "alone", answer.stderr


@pytest.mark.parametrize("name", jhub_gateway.notebook.__all__)
def test_each_public_name_is_no_module(name):
    found = getattr(jhub_gateway.notebook, name)
    assert callable(found)
    assert found.__doc__
    assert name in dir(jhub_gateway.notebook)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tokens"):
        jhub_gateway.notebook.tokens  # noqa: B018


def test_one_that_could_never_be_had_is_told_by_its_sentence(files):
    entry = make_entry("tes", state="late", sentence="Its system does not answer.")
    files.write({**make_files(), "credentials.json": make_health(make_login(), entry)})
    for take in (read, lambda name: token(name, wait=0)):
        with pytest.raises(
            CredentialExpired, match=r"could not get the credential 'tes' yet\. Its"
        ):
            take("tes")
