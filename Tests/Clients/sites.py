"""Web apps of several kinds behind one face, and a browser that visits them."""

import asyncio
import io
import json
import threading
from http.cookies import SimpleCookie


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = [(name.lower(), value) for name, value in headers]
        self.json = json.loads(body) if body else None

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
    """An app in a process that reads a request a line, and writes an answer a line."""

    def __init__(self, process):
        self.process = process
        self.lock = threading.Lock()

    def ask(self, method, path, headers, body):
        with self.lock:
            line = json.dumps({"method": method, "path": path, "headers": headers, "body": body.decode()})
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        return Answer(answer["status"], [tuple(header) for header in answer["headers"]], answer["body"])


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
        for name, value in answer.headers:
            if name == "set-cookie":
                for cookie, morsel in SimpleCookie(value).items():
                    assert morsel["httponly"] and morsel["secure"] and morsel["samesite"] == "Lax" and morsel["path"] == "/", value
                    assert answer["cache-control"] and "no-store" in answer["cache-control"]
                    if morsel["max-age"] == "0":
                        self.cookies.pop(cookie, None)
                    else:
                        assert int(morsel["max-age"]) > 0
                        self.cookies[cookie] = morsel.value
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def login(self, name):
        answer = self.ask("POST", "/login", {"login": name, "password": "correct horse"})
        assert answer.status == 200, answer.json
        assert set(self.cookies) == {"usher_access", "usher_refresh"}
        return self
