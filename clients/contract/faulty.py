"""A daemon that plays tricks: each connection it takes follows the next script of a list, and when the list or a script is over, it answers well."""

import json
import re
import socket
import threading
import time


def good_reply(request):
    """What a daemon that believes everybody would say: the token is whose it is."""
    reply = {"id": request.get("id"), "ok": True}
    match request["op"]:
        case "PING":
            return reply | {"server": "faulty", "version": "0", "protocol": 1}
        case "VERIFY" | "AUTHORIZE":
            return reply | {"claims": {"sub": request["token"]}}
        case "REVOKE":
            return reply | {"revoked": True}
        case _:
            return reply | {"user": {"username": "ada"}, "access_token": "a", "refresh_token": "r", "expires_in": 900, "refresh_expires_in": 604800}


class _Closed(Exception):
    pass


class _Connection:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.lines = connection.makefile("rb")
        self.request, self.ids = None, set()

    def play(self, script):
        with self.connection, self.lines:
            try:
                for action in script:
                    self.act(action)
                while True:
                    self.act("read")
                    self.act("answer")
            except (_Closed, OSError, ValueError):
                self.connection.close()

    def read(self):
        line = self.lines.readline()
        if not line.endswith(b"\n"):
            raise _Closed
        self.request = json.loads(line)
        fresh = self.request["id"] not in self.ids
        self.ids.add(self.request["id"])
        self.server.note(self.request["op"], fresh)

    def act(self, action):
        match action:
            case "read":
                self.read()
            case "answer":
                if self.request is None:
                    self.read()
                self.connection.sendall(self.good_line())
                self.asked, self.request = self.request, None
            case "close":
                raise _Closed
            case {"wait": seconds}:
                time.sleep(seconds)
            case {"send": text}:
                self.connection.sendall(self.filled(text).encode())
            case {"pieces": count}:
                line = self.good_line()
                size = len(line) // count + 1
                for start in range(0, len(line), size):
                    self.connection.sendall(line[start : start + size])
                    time.sleep(0.05)
            case {"drip": seconds, "bytes": count}:
                line = self.good_line()
                for byte in line[:count]:
                    time.sleep(seconds)
                    self.connection.sendall(bytes([byte]))
            case _:
                raise AssertionError(f"no such action: {action}")

    def good_line(self):
        return json.dumps(good_reply(self.request)).encode() + b"\n"

    def filled(self, text):
        if self.request is not None:
            text = text.replace("<id>", json.dumps(self.request["id"]))
        elif "<next id>" in text:
            last = self.asked["id"]
            text = text.replace("<next id>", json.dumps(last + 1 if isinstance(last, int) else last))
        return re.sub("<([0-9]+) bytes>", lambda match: "x" * int(match[1]), text)


class Faulty:
    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.lock = threading.Lock()
        self.play([])
        threading.Thread(target=self._accept, daemon=True).start()

    def play(self, scripts):
        """Ends all connections, forgets what it has seen, and plays these scripts from the next connection on."""
        with self.lock:
            for connection in getattr(self, "open", []):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.scripts, self.open, self.ops, self.fresh, self.connections = list(scripts), [], [], True, 0

    def seen(self):
        with self.lock:
            return {"connections": self.connections, "ops": list(self.ops), "fresh_ids": self.fresh}

    def note(self, op, fresh):
        with self.lock:
            self.ops.append(op)
            self.fresh = self.fresh and fresh

    def close(self):
        self.play([])
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.append(connection)
                script = self.scripts.pop(0) if self.scripts else []
            threading.Thread(target=_Connection(self, connection).play, args=(script,), daemon=True).start()
