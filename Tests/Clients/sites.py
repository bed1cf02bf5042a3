"""Web apps of several kinds behind one face, and a browser that visits them."""

import asyncio
import http.client
import io
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from http.cookies import SimpleCookie
from pathlib import Path


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = [(name.lower(), value) for name, value in headers]
        self.json = json.loads(body) if body else None
        # With their attributes.
        self.set_cookies = SimpleCookie()
        for name, value in self.headers:
            if name == "set-cookie":
                self.set_cookies.load(value)

    @property
    def cookies(self):
        return {name: morsel.value for name, morsel in self.set_cookies.items()}

    def __getitem__(self, name):
        return dict(self.headers).get(name)


class WSGI:
    def __init__(self, app):
        self.app = app

    def ask(self, method, path, headers, body):
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "", "SERVER_NAME": "app.test", "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "192.0.2.44", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
        }
        started = []
        chunks = self.app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
        body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        (status, headers), = started
        return Answer(int(status.split()[0]), headers, body)


class ASGI:
    def __init__(self, app):
        self.app = app
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def ask(self, method, path, headers, body):
        return asyncio.run_coroutine_threadsafe(self._ask(method, path, headers, body), self.loop).result(60)

    async def _ask(self, method, path, headers, body):
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "", "client": ("192.0.2.44", 1), "server": ("app.test", 443),
            "headers": [(name.lower().encode(), value.encode()) for name, value in {"content-type": "application/json", **headers}.items()],
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


class Lines:
    """An app in processes, each of which reads a request a line, and writes an answer a line."""

    def __init__(self, command, environment, processes=4):
        self.idle = queue.Queue()
        for _ in range(processes):
            self.idle.put(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment))

    def ask(self, method, path, headers, body):
        process = self.idle.get()
        line = json.dumps({"method": method, "path": path, "headers": headers, "body": body.decode()})
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        self.idle.put(process)
        return Answer(answer["status"], [tuple(header) for header in answer["headers"]], answer["body"])

    def close(self):
        while not self.idle.empty():
            self.idle.get().communicate()


class Server:
    """An app behind a Unix socket, whose path `command` takes, and a proxy."""

    def __init__(self, command, daemon_socket):
        self.folder = Path(tempfile.mkdtemp(prefix="ush", dir="/tmp"))
        self.socket, self.output = self.folder / "s", self.folder / "output"
        environment = {**os.environ, "USHER_SOCKET": str(daemon_socket), "NODE_PATH": "/usr/share/nodejs"}
        with self.output.open("w") as output:
            # A session of its own, all of which can be ended.
            self.process = subprocess.Popen(
                list(map(str, command(self.socket))), env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True)

    def ready(self):
        """Waits until it answers."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.ask("GET", "/hello", {}, b"") and self
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, self.output.read_text()
                time.sleep(0.05)

    def ask(self, method, path, headers, body, patience=60):
        connection = http.client.HTTPConnection("app.test")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(patience)
        try:
            connection.sock.connect(str(self.socket))
            connection.request(method, path, body, {"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.44", **headers})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder)


class CGI:
    """A script that is run anew for each request."""

    def __init__(self, command, script, environment):
        self.command, self.script, self.environment = command, script, environment

    def ask(self, method, path, headers, body):
        environment = {
            **self.environment, "GATEWAY_INTERFACE": "CGI/1.1", "REDIRECT_STATUS": "200", "SCRIPT_FILENAME": self.script, "REQUEST_METHOD": method,
            "REQUEST_URI": path, "QUERY_STRING": path.partition("?")[2], "REMOTE_ADDR": "192.0.2.44", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
        }
        output = subprocess.run(self.command, input=body, stdout=subprocess.PIPE, env=environment, check=False).stdout
        head, _, body = output.decode().partition("\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.split("\r\n")]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        return Answer(status, headers, body)


class Browser:
    def __init__(self, site):
        self.site = site
        self.cookies = {}

    def ask(self, method, path, body=None, headers=None, cookies=None):
        jar = self.cookies if cookies is None else cookies
        sent = dict(headers or {})
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = self.site.ask(method, path, sent, json.dumps(body).encode() if body is not None else b"")
        for name, morsel in answer.set_cookies.items():
            assert morsel["httponly"] and morsel["secure"] and morsel["samesite"] == "Lax" and morsel["path"] == "/", name
            assert "no-store" in answer["cache-control"]
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                assert int(morsel["max-age"]) > 0
                self.cookies[name] = morsel.value
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def login(self, name):
        answer = self.ask("POST", "/login", {"login": name, "password": "correct horse"})
        assert answer.status == 200, answer.json
        assert set(self.cookies) == {"usher_access", "usher_refresh"}
        return self
