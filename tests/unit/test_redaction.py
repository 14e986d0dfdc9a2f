"""What may be shown of a log, and of what Kubernetes says."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jhub_gateway.policy.redaction import HIDDEN, cut_log, redact

HEX = "0123456789abcdef" * 2
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nqwertz\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"JUPYTERHUB_API_TOKEN={HEX}", "JUPYTERHUB_API_TOKEN=***"),
        (f"the token was {HEX}.", "the token was ***."),
        ("export AWS_SECRET_ACCESS_KEY='a b' && run", "export AWS_SECRET_ACCESS_KEY='***' && run"),
        ("PASSWORD=a&b;c,d go on", "PASSWORD=*** go on"),
        ('{"password": "hunter2", "user": "ada"}', '{"password": "***", "user": "ada"}'),
        (r'"{\"client_secret\": \"hunter2\"}"', r'"{\"client_secret\": \"***"}"'),
        ("{'token': 'hunter2', 'user': 'ada'}", "{'token': '***', 'user': 'ada'}"),
        ("passphrase: hunter2\nnext", "passphrase: ***\nnext"),
        ('{"name": "API_TOKEN", "value": "hunter2"}', '{"name": "API_TOKEN", "value": "***"}'),
        ("- name: DB_PASSWORD\n  value: hunter2", "- name: DB_PASSWORD\n  value: ***"),
        ("GET /oauth_callback?code=hunter2&state=x HTTP", "GET /oauth_callback?code=*** HTTP"),
        ("GET /lab?token=hunter2 HTTP/1.1", "GET /lab?token=*** HTTP/1.1"),
        ("Authorization: token hunter2\nHost: hub", "Authorization: ***\nHost: hub"),
        ("{'Authorization': 'Basic aHVudGVyMg=='}", "{'Authorization': ***"),
        ("Set-Cookie: jupyterhub-session-id=hunter2; Path=/", "Set-Cookie: ***"),
        ("secret: password: hunter2", "secret: ***"),
        ("Bearer password: hunter2", "Bearer ***: ***"),
        ("token:\npassword: hunter2", "token:\npassword: ***"),
        ("sent Bearer hunter2hunter2, got 401", "sent Bearer ***, got 401"),
        ("token=Bearer hunter2hunter2", "token=***"),
        (f"login failed for {TOKEN}, try again", "login failed for ***, try again"),
        (f"url?x={TOKEN}&y=1", "url?x=***&y=1"),
        ("clone https://ada:hunter2@git.example/x", "clone https://***@git.example/x"),
        ("clone https://hunter2@git.example/x", "clone https://***@git.example/x"),
        ("key ghp_abcdefghijklmnopqrst1234 found", "key *** found"),
        ("AKIAIOSFODNN7EXAMPLE77", "***"),
        (f"before\n{KEY}\nafter", "before\n***\nafter"),
        (f"before\n{KEY[:50]}", "before\n***"),
        ('Invalid value: core.PodSpec{Value:"hunter2"}', "Invalid value: core.PodSpec{***"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_and_the_rest_stays(text, clean):
    assert redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {a: b}.",
        'secret "jupyter-ada" not found',
        "couldn't find key ca.crt in Secret users/ada",
        f"image@sha256:{HEX}{HEX}",
        f"containerd://{HEX}{HEX}",
        "pod 11111111-2222-3333-4444-555555555555",
        "from https://ghcr.io/token?scope=repository%3Aada&service=ghcr.io: 403 Forbidden",
        "https://login.example/oauth/token: 401 Unauthorized",
        '  File "/opt/conda/lib/python3.13/site-packages/jupyterhub/singleuser/app.py", line 105',
        "ModuleNotFoundError: No module named 'jupyterhub'",
        "tokenizer loaded, 3 tokens",
    ],
)
def test_what_operators_need_stays(text):
    assert redact(text) == text


# Pieces of which a hostile or an unlucky text is made.
pieces = st.lists(
    st.sampled_from(
        (
            *("token", "secret", "PASSWORD", "Bearer ", "value", "cookie", "code=", "?state="),
            *(
                "eyJ",
                "ghp_",
                HEX,
                "a" * 20,
                TOKEN,
                KEY[:30],
                "-----END PRIVATE KEY-----",
                "core.A{",
            ),
            *(
                "=",
                ":",
                '"',
                "'",
                "\\",
                " ",
                "\n",
                "/",
                "://",
                "@",
                ".",
                ",",
                "-",
                "&",
                "x",
                HIDDEN,
            ),
        )
    )
    | st.text(max_size=4),
    max_size=14,
).map("".join)


@given(pieces)
@example('token="a"b')
@example(f"://{'a' * 400}ghp_{'b' * 20}@")
def test_redacting_twice_is_redacting_once(text):
    once = redact(text)
    assert redact(once) == once


@given(
    st.sampled_from(
        (
            *(
                "token={}",
                'password: "{}"',
                "{{'api_key': '{}'}}",
                "Bearer {}",
                "?access_token={}&x=1",
            ),
            *("Authorization: {}", "https://ada:{}@host/", '{{"name": "X_SECRET", "value": "{}"}}'),
        )
    ),
    st.text("abcXYZ0189-_.~", min_size=8, max_size=40),
    pieces.filter(lambda text: "/" not in text),
)
def test_no_secret_comes_through_whatever_is_around_it(form, secret, around):
    secret = f"s3cr3t{secret}"
    assert secret not in redact(f"{around}\n{form.format(secret)}\n{around}")


HOSTILE = [
    *("a", "token", "secret_value", "eyJ", "eyJ.", 'token="', 'token=\\"', "://", "://a", "token "),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "\x1b[", "\x1b]", " ", "\n", "\r", "cookie:"),
    *("ghp_", HEX, "bearer ", "?code=", 'token", "value', "core.a{", "authorization\\\\", "'\""),
]


# An expression that looks at a place again and again would take hours.
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_a_bounded_time(piece):
    text = piece * (200_000 // len(piece))
    begun = time.process_time()
    redact(text)
    cut_log(text)
    assert time.process_time() - begun < 10


def test_a_megabyte_takes_a_bounded_time():
    text = "".join(piece * (1_000_000 // len(HOSTILE) // len(piece)) for piece in HOSTILE)
    begun = time.process_time()
    redact(text)
    cut_log(text)
    assert time.process_time() - begun < 10


def test_a_log_is_its_last_lines_that_say_something():
    text = "\n\n".join(f"line {number}" for number in range(30)) + "\n\n \n"
    assert cut_log(text).split("\n") == [f"line {number}" for number in range(10, 30)]
    assert cut_log(text, lines=1) == "line 29"
    assert cut_log(text, lines=0) == ""
    assert cut_log("") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]8;;https://x\x07link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone"),
        ("a\tb\x00c\x9b", "a b c"),
        ("\u202egpj.exe", " gpj.exe"),
        ("tok\x1b[0men=hunter2", "token=***"),
    ],
)
def test_a_log_has_no_colours_and_draws_nothing_over(text, shown):
    assert cut_log(text) == shown


def test_a_key_that_begins_before_the_last_lines_is_hidden():
    key = "-----BEGIN PRIVATE KEY-----\n" + "c2VjcmV0\n" * 50 + "-----END PRIVATE KEY-----"
    assert cut_log(f"start\n{key}\nend") == "start\n***\nend"


def test_long_lines_are_cut():
    assert cut_log("x " * 500) == ("x " * 150)[:299] + "…"


def test_half_a_line_is_not_shown_as_it_may_be_half_a_secret():
    assert cut_log("PASSWORD=" + "hunter2" * 20000 + "\nend") == "end"


@given(pieces, st.integers(-1, 30))
def test_a_log_is_bounded_and_clean(text, lines):
    shown = cut_log(text, lines)
    assert len(shown.split("\n")) <= max(lines, 1)
    assert all(len(line) <= 300 for line in shown.split("\n"))
    assert all(letter.isprintable() or letter == "\n" for letter in shown if letter.isascii())
