"""A client as the contract has it, which looks at every reply with the greatest suspicion."""

import json
import socket
import threading

# Each code, its HTTP status, and the member that it carries besides.
FAILURES = {
    "invalid_credentials": (401, None),
    "otp_required": (401, ("challenge", str)),
    "token_required": (401, None),
    "token_invalid": (401, None),
    "token_expired": (401, ("expired_at", int)),
    "token_not_active": (401, ("active_at", int)),
    "token_revoked": (401, None),
    "refresh_token_reused": (401, None),
    "insufficient_role": (403, ("roles", list)),
    "insufficient_permission": (403, ("permissions", list)),
    "account_disabled": (403, None),
    "email_unconfirmed": (403, None),
    "account_exists": (409, ("field", str)),
    "weak_password": (422, ("reason", str)),
    "rate_limited": (429, ("retry_after", int)),
    "busy": (503, ("retry_after_ms", int)),
    "store_unavailable": (503, None),
    "shutting_down": (503, None),
    "bad_request": (400, None),
    "unknown_op": (400, None),
    "missing_field": (400, ("field", str)),
    "invalid_field": (422, ("field", str)),
    "line_too_long": (413, None),
    "forbidden_op": (403, None),
    "internal": (500, ("reference", str)),
}


# What every reply to a LOGIN that was counted has besides.
ALLOWANCE = {"limit", "remaining", "reset"}


def strict_loads(text):
    """JSON without duplicate names."""

    def pairs(members):
        names = [name for name, _ in members]
        assert len(names) == len(set(names)), f"a member twice in {text!r}"
        return dict(members)

    return json.loads(text, object_pairs_hook=pairs)


def parse_reply(line):
    """A reply line as a dict, when it is one that the contract allows at all."""
    assert not any(byte < 0x20 for byte in line), f"a control character in {line!r}"
    reply = strict_loads(line.decode("utf-8"))
    names = list(reply)
    if "id" in reply:
        assert names[:2] == ["id", "ok"], line
        assert line.startswith(b'{"id":'), line
    else:
        assert line.startswith(b'{"ok":'), line
    if ALLOWANCE & set(names):
        assert all(type(reply[name]) is int and reply[name] >= 0 for name in ALLOWANCE), line
    if reply["ok"] is True:
        assert not {"error", "message", "status"} & set(names), line
        return reply
    assert reply["ok"] is False, line
    code = reply["error"]
    assert code in FAILURES, line
    status, extra = FAILURES[code]
    assert reply["status"] == status, line
    assert isinstance(reply["message"], str) and reply["message"], line
    allowed = {"id", "ok", "error", "message", "status"} | ALLOWANCE
    if extra:
        name, kind = extra
        assert type(reply[name]) is kind, line
        allowed.add(name)
    if code in ("missing_field", "invalid_field", "account_exists") and type(reply.get("line")) is int:
        # Of an IMPORT.
        allowed.add("line")
    if code == "bad_request":
        allowed.add("offset")
    if code == "token_revoked" and "reason" in reply:
        assert reply["reason"] == "stale", line
        allowed.add("reason")
    if code == "otp_required":
        assert type(reply["expires_in"]) is int, line
        allowed.add("expires_in")
    assert set(names) <= allowed, line
    return reply


def encode(request):
    """A request as a line without its LF. Text and bytes are taken as they are."""
    if isinstance(request, bytes):
        return request
    if isinstance(request, str):
        return request.encode()
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


class Connection:
    def __init__(self, path, timeout=60.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except BaseException:
            self.socket.close()
            raise
        self._buffer = bytearray()
        self._searched = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Out

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, *requests):
        self.send_raw(b"".join(encode(request) + b"\n" for request in requests))

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    # In

    def read_line(self):
        """The next line without its LF; None at the end."""
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                return line
            self._searched = len(self._buffer)
            more = self.socket.recv(262_144)
            if not more:
                assert not self._buffer, f"a line cut short: {bytes(self._buffer)!r}"
                return None
            self._buffer += more

    def read_reply(self):
        line = self.read_line()
        assert line is not None, "the connection was closed"
        return parse_reply(line)

    def read_replies(self, count):
        return [self.read_reply() for _ in range(count)]

    def read_to_end(self):
        """Every reply until the connection is closed."""
        replies = []
        while (line := self.read_line()) is not None:
            replies.append(parse_reply(line))
        return replies

    # Both

    def ask(self, request):
        self.send(request)
        return self.read_reply()

    def call(self, op, **members):
        return self.ask({"op": op, **members})

    def pipeline(self, requests):
        """Sends all without waiting, reads meanwhile, and returns the replies as they came."""
        data = b"".join(encode(request) + b"\n" for request in requests)
        sender = threading.Thread(target=self.send_raw, args=(data,), daemon=True)
        sender.start()
        replies = self.read_replies(len(requests))
        sender.join()
        return replies


def assert_ok(reply, *members):
    """That it is a success with exactly these members besides `ok` (and `id`, and what a LOGIN tells of attempts); none named: any."""
    assert reply["ok"] is True, reply
    if members:
        assert set(reply) - {"id"} - ALLOWANCE == {"ok", *members}, reply
    return reply


def assert_failure(reply, code, **members):
    assert reply["ok"] is False, reply
    assert reply["error"] == code, reply
    for name, value in members.items():
        assert reply.get(name) == value, reply
    return reply
