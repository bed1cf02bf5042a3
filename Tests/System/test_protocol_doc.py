'''
Replays every example of protocol.md, in its order, against one fresh daemon with default settings (and cheap hashing).

An example is a fenced block that is marked `usher`, or `usher admin` for the admin socket. Each block is a connection of its own:

    ```usher
    # A comment.
    > {"op":"LOGIN","email":"ada@example.org","password":"correct horse"}
    < {"ok":true,
    <  "user":{"username":"ada","last_login_at":…,…},
    <  "access_token":"<access_token>","refresh_token":"<refresh_token>",
    <  "token_type":"Bearer","expires_in":900,"refresh_expires_in":…}
    ```

What a line begins with:
- `> `  what is sent. Each line is one request, sent as it stands, so that it may also be no JSON at all.
- `< `  the reply that is expected, as JSON with gaps. A `<` line that begins with further blanks goes on where the one above ended.
- `> ^D` shuts the sending side down; `< ^D` expects that the daemon closes the connection.
- `#`   a comment. Empty lines mean nothing.

Requests that stand together are sent together, without waiting; then the replies below them are awaited in their order.

A reply's gaps:
- `…` as a value stands for any value at all.
- `…` at the end of an object (`{"a":1,…}`, `{…}`) for any further members, at the end of an array (`[1,…]`, `[…]`) for any further
  elements.
- `…` within a string (`"…"`, `"ey…"`) for any text.
- Everything else is to be exactly so; members may come in any order, except that `id` comes first.

Names, for what differs from run to run:
- A string `"<name>"` in an expected reply keeps the string that comes there under that name (letters, digits and `_`).
- `<name>` anywhere in a request is replaced by what was kept last. Names last from block to block.
- `<code of name>` in a request is a code of the TOTP secret that was kept under that name. Each is of a later time step than the one before,
  since a code works once; three in quick succession is as many as there are.
- Some are there from the start, access tokens that the daemon's operator could have made: `<expired_token>`, `<future_token>` (not active
  yet), `<foreign_token>` (for another audience) and `<editor_token>` (role `editor`, permissions `post:*` and `comment:edit`).
'''

import json
import re
import time

import pytest

from . import totp
from .connection import FAILURES, parse_reply, strict_loads
from .daemon import ROOT
from .tokens import access

PROTOCOL = ROOT / "protocol.md"
ADMIN_OPS = {"IMPORT", "EXPORT", "BACKUP", "STATUS", "CLIENTS", "METRICS", "MONITOR", "USER_ADD", "USER_SHOW", "USER_LIST", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT", "ROLE_LIST", "ROLE_SHOW", "ROLE_GRANT", "ROLE_REVOKE", "ROLE_DELETE", "AUDIT"}
OPS = {"REGISTER", "LOGIN", "VERIFY", "AUTHORIZE", "REFRESH", "REVOKE", "PASSWORD", "RECOVER", "RESET", "CONFIRM", "PROFILE", "SESSIONS", "DELETE", "TOTP", "PING", "HELP"} | ADMIN_OPS
NAME = re.compile(r"<([a-z][a-z0-9_]*)>")
CODE = re.compile(r"<code of ([a-z][a-z0-9_]*)>")
GAP = "…"


# Blocks


class Step:
    """Requests that are sent together, and the replies to them."""

    def __init__(self):
        self.requests, self.replies = [], []


def blocks(text, mark="usher( admin)?"):
    """The marked blocks of a document: the number of their first line, and their lines."""
    found, block = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if block is None and re.fullmatch(rf"```\s*{mark}\s*", line.strip()):
            block = (number + 1, [])
        elif block is not None and line.strip() == "```":
            found.append(block)
            block = None
        elif block is not None:
            block[1].append(line)
    assert block is None, f"the block of line {block[0] - 1} is not closed"
    return found


def steps(first, lines):
    """What a block says is to be sent and expected, with the numbers of the lines."""
    steps = [Step()]
    for number, line in enumerate(lines, first):
        if not line.strip() or line.startswith("#"):
            continue
        mark, rest = line[:2].rstrip(), line[2:]
        if mark == ">":
            if steps[-1].replies:
                steps.append(Step())
            steps[-1].requests.append((number, rest))
        elif mark == "<" and rest.startswith(" "):
            assert steps[-1].replies, f"line {number} goes on from nothing"
            start, text = steps[-1].replies[-1]
            steps[-1].replies[-1] = start, f"{text}\n{rest}"
        elif mark == "<":
            steps[-1].replies.append((number, rest))
        else:
            raise AssertionError(f"line {number} begins with neither '> ' nor '< ' nor '#': {line!r}")
    return steps


# Gaps

ANY = {"gap": "any value"}
MORE = {"gap": "any more"}


def parse_expected(text):
    """JSON with gaps, as lists, dicts and the two marks ANY and MORE."""
    value, end = _value(text, _blank(text, 0))
    assert _blank(text, end) == len(text), f"more than one value: {text!r}"
    return value


def _blank(text, at):
    return re.compile(r"\s*").match(text, at).end()


def _value(text, at):
    if text[at : at + 1] == GAP:
        return ANY, at + 1
    if text[at : at + 1] == "{":
        return _members(text, at + 1)
    if text[at : at + 1] == "[":
        return _elements(text, at + 1)
    return json.JSONDecoder().raw_decode(text, at)


def _items(text, at, closing, item):
    """What stands between commas up to `closing`; a gap right before it means more of the same."""
    at = _blank(text, at)
    if text[at] == closing:
        return at + 1
    while True:
        after_gap = _blank(text, at + 1)
        if text[at] == GAP and text[after_gap] == closing:
            item(MORE, None)
            return after_gap + 1
        at = _blank(text, item(None, at))
        assert text[at] in (",", closing), f"expected ',' or '{closing}' at {text[at:at + 20]!r}"
        if text[at] == closing:
            return at + 1
        at = _blank(text, at + 1)


def _members(text, at):
    members = {}

    def member(more, at):
        if more:
            members[GAP] = MORE
            return None
        name, at = json.JSONDecoder().raw_decode(text, at)
        assert isinstance(name, str) and name not in members
        at = _blank(text, at)
        assert text[at] == ":"
        members[name], at = _value(text, _blank(text, at + 1))
        return at

    return members, _items(text, at, "}", member)


def _elements(text, at):
    elements = []

    def element(more, at):
        if more:
            elements.append(MORE)
            return None
        value, at = _value(text, at)
        elements.append(value)
        return at

    return elements, _items(text, at, "]", element)


def compare(expected, actual, kept, place="the reply"):
    """That `actual` is what is expected; keeps the strings that are named."""
    if expected is ANY:
        return
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"{place} is {actual!r}, not an object"
        names = [name for name, value in expected.items() if value is not MORE]
        for name in names:
            assert name in actual, f"{place} has no {name!r}: {actual!r}"
            compare(expected[name], actual[name], kept, f"{place}, {name!r}")
        if GAP not in expected:
            assert set(actual) == set(names), f"{place} has also {sorted(set(actual) - set(names))}"
    elif isinstance(expected, list):
        assert isinstance(actual, list), f"{place} is {actual!r}, not an array"
        exact = [element for element in expected if element is not MORE]
        assert len(actual) >= len(exact) if MORE in expected else len(actual) == len(exact), f"{place} is {actual!r}"
        for number, element in enumerate(exact):
            compare(element, actual[number], kept, f"{place}, element {number}")
    elif isinstance(expected, str):
        assert isinstance(actual, str), f"{place} is {actual!r}, not a string"
        if name := NAME.fullmatch(expected):
            kept[name[1]] = actual
        else:
            pattern = ".*".join(re.escape(part) for part in expected.split(GAP))
            assert re.fullmatch(pattern, actual, re.DOTALL), f"{place} is {actual!r}, not {expected!r}"
    else:
        assert type(actual) is type(expected) and actual == expected, f"{place} is {actual!r}, not {expected!r}"


def filled(text, kept):
    def value(name):
        assert name[1] in kept, f"nothing has been kept as <{name[1]}>"
        return kept[name[1]]

    def code(name):
        used = f"step of {name[1]}"
        kept[used] = max(totp.step() - 1, kept.get(used, 0) + 1)
        return totp.code(kept[name[1]], kept[used])

    return NAME.sub(value, CODE.sub(code, text))


def replay(connection, first, lines, kept):
    for step in steps(first, lines):
        sent = 0
        for _, request in step.requests:
            if request == "^D":
                connection.half_close()
            else:
                connection.send(filled(request, kept))
                sent += 1
        for number, reply in step.replies:
            line = connection.read_line()
            if reply == "^D":
                assert line is None, f"line {number}: the daemon did not close, but said {line!r}"
                continue
            assert line is not None, f"line {number}: the daemon closed the connection"
            try:
                said = strict_loads(line.decode()) if line.startswith(b'{"event":') else parse_reply(line)
                compare(parse_expected(reply), said, kept)
            except AssertionError as difference:
                raise AssertionError(f"line {number}: {difference}") from None
        assert not sent or step.replies, f"line {step.requests[0][0]}: a request without a reply"


# The document


@pytest.fixture(scope="module")
def document():
    if not PROTOCOL.exists():
        pytest.skip("there is no protocol.md yet")
    return PROTOCOL.read_text()


def test_every_example(document, make):
    now = int(time.time())
    kept = {
        "expired_token": access(exp=now - 3_600, role="user", permissions=[]),
        "future_token": access(nbf=now + 3_600, exp=now + 7_200, role="user", permissions=[]),
        "foreign_token": access(aud="elsewhere", role="user", permissions=[]),
        "editor_token": access(role="editor", permissions=["post:*", "comment:edit"]),
    }
    found = blocks(document)
    assert found, "protocol.md has no examples"
    daemon = make(admin=True).start()
    administrators = {first for first, _ in blocks(document, "usher admin")}
    faults = []
    for first, lines in found:
        with daemon.connect(timeout=20, admin=first in administrators) as connection:
            try:
                replay(connection, first, lines, kept)
            except (AssertionError, OSError, ValueError) as fault:
                faults.append(f"block of line {first}: {fault}")
    assert not faults, "\n".join(faults)


def test_every_operation_has_an_example(document):
    sent = " ".join(line for _, lines in blocks(document) for line in lines if line.startswith(">"))
    shown = {op.upper() for op in re.findall(r'"op"\s*:\s*"([A-Za-z_]+)"', sent)} | {word for word in OPS if re.search(rf"> {word}\b", sent)}
    assert OPS <= shown


def test_every_error_is_described(document):
    for code, (status, extra) in FAILURES.items():
        assert f"`{code}`" in document, code
        assert str(status) in document
        if extra:
            assert extra[0] in document, extra[0]


# The notation itself


def test_the_notation():
    kept = {}

    def fits(expected, actual):
        try:
            compare(parse_expected(expected), actual, kept)
        except AssertionError:
            return False
        return True

    assert fits('{"a":1,"b":"x"}', {"b": "x", "a": 1})
    assert not fits('{"a":1}', {"a": 1, "b": 2}) and not fits('{"a":1,"b":2}', {"a": 1})
    assert fits('{"a":1,…}', {"a": 1, "b": 2}) and fits('{"a":1, … }', {"a": 1}) and not fits('{"a":1,…}', {"b": 2})
    assert fits("{…}", {}) and fits("{…}", {"a": 1}) and not fits("{…}", []) and fits("{}", {}) and not fits("{}", {"a": 1})
    assert fits('{"a":…}', {"a": None}) and fits('{"a": … ,"b":1}', {"a": [1], "b": 1}) and not fits('{"a":…}', {})
    assert fits('{"a":…,…}', {"a": 1, "b": 2})
    assert fits("[1,2]", [1, 2]) and not fits("[1,2]", [2, 1]) and not fits("[1]", [1, 2]) and fits("[…]", [1, 2]) and fits("[…]", [])
    assert fits("[1,…]", [1, 2, 3]) and not fits("[1,…]", []) and fits("[…,2]", [1, 2]) and not fits("[…,2]", [1, 3]) and fits("[]", [])
    assert fits('"a…"', "abc") and not fits('"a…"', "b") and fits('"…"', "") and not fits('"…"', 5) and fits('"…b…"', "a\nb") and not fits('"a.c"', "abc")
    assert fits("true", True) and not fits("1", True) and not fits("true", 1) and not fits("1", 1.0) and fits("null", None) and not fits("null", False)
    assert fits('{"t":"<token>"}', {"t": "abc"}) and kept == {"token": "abc"} and not fits('"<token>"', 5)
    assert filled('{"t":"Bearer <token>","x":"<b","y":"<B>"}', kept) == '{"t":"Bearer abc","x":"<b","y":"<B>"}'
    with pytest.raises(AssertionError):
        filled("<tokem>", kept)
    for wrong in ("{}{}", '{"a":1 "b":2}', '{"a" 1}'):
        with pytest.raises((AssertionError, ValueError, IndexError)):
            parse_expected(wrong)


def test_the_notation_of_blocks():
    text = "text\n```usher\n# one\n> a\n> b\n< 1\n< {\n<   \"x\":1}\n\n> c\n< ^D\n```\n```json\n> no\n```\n"
    ((first, lines),) = blocks(text)
    assert first == 3
    one, two = steps(first, lines)
    assert one.requests == [(4, "a"), (5, "b")] and [number for number, _ in one.replies] == [6, 7]
    assert parse_expected(one.replies[1][1]) == {"x": 1}
    assert two.requests == [(10, "c")] and two.replies == [(11, "^D")]
    for wrong in (["a"], ["<  1"], ["? a"]):
        with pytest.raises(AssertionError):
            steps(1, wrong)


EXAMPLES = """
```usher
> PING
< {"ok":true,"server":"…","version":"…","protocol":1}
```

```usher
# The first user.
> {"op":"REGISTER","id":"r1","username":"ada","email":"ada@example.org","password":"correct horse"}
< {"id":"r1","ok":true,
<  "user":{"id":"…-7…","username":"ada","email":"ada@example.org","role":"user","permissions":[],"claims":{},
<          "email_verified":false,"created_at":…,"last_login_at":null},
<  "access_token":"<access_token>","refresh_token":"<refresh_token>","token_type":"Bearer","expires_in":900,"refresh_expires_in":…}

> {"op":"VERIFY","authorization":"Bearer <access_token>"}
> {"op":"VERIFY","token":"<expired_token>"}
> {"op":"VERIFY","token":"<future_token>","optional":true}
> {"op":"VERIFY","token":"<foreign_token>"}
> {"op":"AUTHORIZE","token":"<editor_token>","permissions":["post:edit","user:edit"]}
> {"op":"PING",}
< {"ok":true,"claims":{"iss":"usher","aud":"usher","username":"ada",…}}
< {"ok":false,"error":"token_expired","message":"…","status":401,"expired_at":…}
< {"ok":true,"claims":null,"reason":"token_not_active"}
< {"ok":false,"error":"token_invalid",…}
< {"ok":false,"error":"insufficient_permission","message":"…","status":403,"permissions":["user:edit"]}
< {"ok":false,"error":"bad_request","message":"…","status":400,"offset":13}
```

```usher
> {"op":"REFRESH","refresh_token":"<refresh_token>"}
< {"ok":true,"refresh_token":"<refresh_token>",…}
> {"op":"REVOKE","token":"<refresh_token>"}
< {"ok":true,"revoked":true}
> {"op":"VERIFY","token":"<access_token>"}
> ^D
< {"ok":false,"error":"token_revoked","message":"…","status":401}
< ^D
```
"""


def test_a_document_in_small(make):
    daemon = make().start()
    now = int(time.time())
    kept = {
        "expired_token": access(exp=now - 3_600), "future_token": access(nbf=now + 3_600, exp=now + 7_200), "foreign_token": access(aud="elsewhere"),
        "editor_token": access(role="editor", permissions=["post:*"]),
    }
    for first, lines in blocks(EXAMPLES):
        with daemon.connect() as connection:
            replay(connection, first, lines, kept)
    assert {"access_token", "refresh_token"} <= set(kept)
    # And an example that is not so is found out.
    with daemon.connect() as connection, pytest.raises(AssertionError, match="line 2"):
        replay(connection, 1, ["> PING", '< {"ok":true,"server":"…","version":"…","protocol":2}'], kept)
