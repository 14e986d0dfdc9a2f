"""Taking secrets out of what is shown or logged.

Rather too much is taken out than too little. Each expression looks at a place a bounded number of
times, so that hostile text takes no longer than any other.
"""

import re

HIDDEN = "***"

# What a secret looks like, wherever it stands.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_KNOWN_TOKEN = re.compile(
    r"(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk-|hf_|pypi-|AKIA|ASIA|AIza)[\w-]{16,}"
)
# JupyterHub's own tokens: 32 hexadecimal digits. Digests and container ids are longer.
_HUB_TOKEN = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{32}(?![0-9a-zA-Z])")
_LONG_WORD = re.compile(r"[\w.~+/=-]{20,}")
# A JSON Web Token begins with "{" and a quotation mark in base64.
_ENCODED_BRACE = "eyJ"

# Where a secret stands.
_HEADER = re.compile(
    r"((?:authorization|cookie|x-api-key|x-auth-token)[\"'\\]{0,4}\s{0,3}[:=])[^\n]*", re.IGNORECASE
)
_BEARER = re.compile(r"(bearer[ \t]{1,5})[\w.~+/=-]{6,}", re.IGNORECASE)
_ANSWER = re.compile(r"([?&](?:code|state)=)\S+", re.IGNORECASE)
_SETTING = re.compile(
    # The last part of a path is no setting: "https://login.example/token: 401 Unauthorized".
    r"((?<!/)(?:token|secret|passw(?:or)?d|passphrase|passcode|credential|api[_-]?key|"
    r"access[_-]?key|private[_-]?key|crypt[_-]?key|signature)"
    r"[\w.-]{0,40}+"
    # The environment of a container in a manifest: {"name": "API_TOKEN", "value": "..."}.
    r"(?:[\"'\\]{0,4},?\s{1,40}[\"'\\]{0,4}value)?"
    r"[\"'\\]{0,4}[ \t]{0,3}[=:][ \t]{0,3})"
    r"(?:(\\{0,4}\")[^\"\n]*(\"?)|(\\{0,4}')[^'\n]*('?)|"
    # "token: Bearer abc", "secret: password: abc"
    r"(?:(?:bearer|basic|token|\S{0,80}[=:])[ \t]{1,3}){0,2}\S+)",
    re.IGNORECASE,
)
# How the API server's program writes the manifest that it refuses.
_MANIFEST = re.compile(r"(\bcore\.\w{1,100}\{)[^\n]*")
_URL_USER = re.compile(r"://[^/\s@]{1,300}@")

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-_])"
)
_CONTROLS = re.compile(
    r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_LONGEST_LOG = 65536
_LONGEST_LINE = 300


def redact(text: str) -> str:
    """Return the text with ``***`` in the place of what may be a secret.

    These are: JSON Web Tokens, JupyterHub's and some providers' tokens, private keys, headers that
    log in, bearer tokens, and what is given to a name like ``password`` or ``API_TOKEN``, in an
    address, in JSON or in an environment.
    """
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _KNOWN_TOKEN.sub(HIDDEN, text)
    text = _LONG_WORD.sub(lambda word: _hide_web_token(word[0]), text)
    text = _HUB_TOKEN.sub(HIDDEN, text)
    text = _MANIFEST.sub(rf"\1{HIDDEN}", text)
    text = _HEADER.sub(rf"\1 {HIDDEN}", text)
    text = _SETTING.sub(_hide_setting, text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _ANSWER.sub(rf"\1{HIDDEN}", text)
    return _URL_USER.sub(f"://{HIDDEN}@", text)


def cut_log(text: str, lines: int = 20) -> str:
    """Return the last ``lines`` lines that say something, without secrets and colours.

    A line is cut at 300 characters.
    """
    tail = _ESCAPES.sub("", _take_tail(text).replace("\r\n", "\n"))
    # A progress bar draws itself anew over what it drew before.
    drawn = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in tail.split("\n"))
    said = [line.rstrip() for line in redact(_CONTROLS.sub(" ", drawn)).split("\n")]
    last = [line for line in said if line.strip()][-lines:] if lines > 0 else []
    return "\n".join(_cut_line(line) for line in last)


def _take_tail(text: str) -> str:
    """Return the last whole lines, more than will be shown: what is secret may have many lines."""
    if len(text) <= _LONGEST_LOG:
        return text
    # Half a line may be half a secret, without the name that tells.
    return text[-_LONGEST_LOG:].partition("\n")[2]


def _hide_web_token(word: str) -> str:
    before, found, _ = word.partition(_ENCODED_BRACE)
    return before + HIDDEN if found else word


def _hide_setting(setting: re.Match[str]) -> str:
    name, double, double_end, single, single_end = setting.groups()
    return f"{name}{double or single or ''}{HIDDEN}{double_end or single_end or ''}"


def _cut_line(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
