"""Visitors of Python apps: refreshes that fail, and responses that have begun."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import usher
import usher.web
from sites import ASGI, WSGI
from usher.asgi import UsherMiddleware as ASGIMiddleware
from usher.wsgi import UsherMiddleware as WSGIMiddleware

GRANT = {"user": {}, "access_token": "new", "refresh_token": "next", "expires_in": 900, "refresh_expires_in": 604800}


class SlowClient:
    """Counts REFRESHes, which take a while, and may fail the first time."""

    def __init__(self, failure=None):
        self.failure, self.count, self.lock = failure, 0, threading.Lock()

    def refresh(self, refresh_token, client):
        with self.lock:
            self.count += 1
        time.sleep(0.2)
        if self.failure and self.count == 1:
            raise self.failure
        return GRANT


class AsyncSlowClient(SlowClient):
    async def refresh(self, refresh_token, client):
        self.count += 1
        await asyncio.sleep(0.2)
        if self.failure and self.count == 1:
            raise self.failure
        return GRANT


BUSY = usher.RetryLater("busy", "…", 503)


def outcome(call):
    try:
        return call()
    except usher.UsherError as error:
        return error


def test_a_refresh_that_fails_fails_for_all_who_wait_and_is_tried_again_later():
    client = SlowClient(BUSY)
    refreshes = usher.web.Refreshes(client)
    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda _: outcome(lambda: refreshes("token", None)), range(10)))
    assert outcomes == [BUSY] * 10 and client.count == 1
    assert refreshes("token", None) == refreshes("token", None) == GRANT
    assert client.count == 2
    assert refreshes("another", None) == GRANT and client.count == 3


def test_a_refresh_whose_reply_was_lost_is_asked_for_again_at_once():
    for lost, count in ((usher.ConnectionLost("ended"), 2), (usher.ConnectionLost("timed_out"), 1)):
        client, other = SlowClient(lost), AsyncSlowClient(lost)
        found = [outcome(lambda: usher.web.Refreshes(client)("token", None)), outcome(lambda: asyncio.run(refresh_by(other)))]
        assert found == ([GRANT] * 2 if count == 2 else [lost] * 2)
        assert client.count == other.count == count


async def refresh_by(client):
    return await usher.web.AsyncRefreshes(client)("token", None)


def test_what_interrupts_one_thread_interrupts_no_other():
    client = SlowClient(KeyboardInterrupt())
    refreshes = usher.web.Refreshes(client)

    def ask():
        try:
            return refreshes("token", None)
        except BaseException as error:
            return type(error)

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(lambda _: ask(), range(5)))
    assert sorted(kind.__name__ for kind in outcomes) == ["ConnectionLost"] * 4 + ["KeyboardInterrupt"]


def test_a_grant_without_tokens_changes_no_cookies(faulty):
    def app(environ, start_response):
        visitor = environ["usher.visitor"]
        assert visitor.remember({"user": {"username": "ada"}, "confirmation_token": "…"})["user"]
        assert visitor.access_token is None
        visitor.remember(GRANT)
        assert visitor.access_token == "new"
        visitor.forget()
        assert visitor.access_token is None
        start_response("200 OK", [])
        return []

    answer = WSGI(WSGIMiddleware(app, usher.Client(faulty.path))).ask("GET", "/", {}, b"")
    assert answer.cookies == {"usher_access": "", "usher_refresh": ""}


def test_a_new_token_that_is_over_as_well_is_refreshed_once_more(faulty):
    expired = {"send": '{"id":<id>,"ok":false,"error":"token_expired","message":"…","status":401}\n'}
    granted = {"send": '{"id":<id>,"ok":true,' + json.dumps(GRANT)[1:] + "\n"}
    faulty.play([["read", expired, "read", granted, "read", expired, "read", granted, "read", "answer"]])
    client = usher.Client(faulty.path)
    visitor = usher.web.Visitor(client, usher.web.Refreshes(client), usher.web.Cookies(), "usher_access=old; usher_refresh=old", None, None)
    assert visitor.require()["sub"] == "new"
    assert faulty.seen()["ops"] == ["VERIFY", "REFRESH", "VERIFY", "REFRESH", "VERIFY"]


def test_the_second_step_of_a_login(faulty):
    granted = {"send": '{"id":<id>,"ok":true,' + json.dumps(GRANT)[1:] + "\n"}

    def app(environ, start_response):
        assert environ["usher.visitor"].finish_login("challenge", "123456")["user"] == {}
        start_response("200 OK", [])
        return []

    async def asgi(scope, receive, send):
        assert (await scope["usher.visitor"].finish_login("challenge", "123456"))["user"] == {}
        await send({"type": "http.response.start", "status": 200})

    for site in (WSGI(WSGIMiddleware(app, usher.Client(faulty.path))), ASGI(ASGIMiddleware(asgi, usher.AsyncClient(faulty.path)))):
        faulty.play([["read", granted]])
        assert site.ask("POST", "/code", {}, b"").cookies == {"usher_access": "new", "usher_refresh": "next"}
        assert faulty.seen()["ops"] == ["LOGIN"]


@pytest.mark.parametrize("header, token", [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Bearer", None), ("Basic abc", None), ("abc", None)])
def test_the_access_token_of_a_header(header, token):
    visitor = usher.web.Visitor(None, None, usher.web.Cookies(), "", header, None)
    assert visitor.access_token == token
    assert "abc" not in f"{visitor!r} {visitor}"


def test_an_app_that_begins_a_response_and_then_demands_a_login(faulty):
    def app(environ, start_response):
        start_response("200 OK", [])
        environ["usher.visitor"].require()

    started = []
    faulty.play([["read", {"send": '{"id":<id>,"ok":false,"error":"token_required","message":"…","status":401}\n'}]])
    body = WSGIMiddleware(app, usher.Client(faulty.path))({}, lambda status, headers, exc_info=None: started.append((status[:3], exc_info and exc_info[0])))
    assert started == [("200", None), ("401", usher.Denied)] and b"token_required" in b"".join(body)


def test_a_websocket_of_a_stranger_is_turned_away(faulty):
    async def app(scope, receive, send):
        await scope["usher.visitor"].require()

    faulty.play([["read", {"send": '{"id":<id>,"ok":false,"error":"token_required","message":"…","status":401}\n'}]])
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(ASGIMiddleware(app, usher.AsyncClient(faulty.path))({"type": "websocket", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_refresh_goes_on_when_the_first_who_asked_has_gone():
    async def scenario():
        client = AsyncSlowClient()
        refreshes = usher.web.AsyncRefreshes(client)
        tasks = [asyncio.create_task(refreshes("token", None)) for _ in range(10)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        assert await asyncio.gather(*tasks[1:]) == [GRANT] * 9
        assert client.count == 1

    asyncio.run(scenario())


def test_a_failed_refresh_is_not_remembered_by_tasks():
    async def scenario():
        client = AsyncSlowClient(BUSY)
        refreshes = usher.web.AsyncRefreshes(client)
        outcomes = await asyncio.gather(*(refreshes("token", None) for _ in range(10)), return_exceptions=True)
        assert outcomes == [BUSY] * 10 and client.count == 1
        assert await refreshes("token", None) == GRANT

    asyncio.run(scenario())


def test_nothing_is_refreshed_once_the_headers_are_sent(faulty):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            environ["usher.visitor"].require()
        except usher.Denied as denied:
            return [json.dumps(denied.code).encode()]

    faulty.play([["read", {"send": '{"id":<id>,"ok":false,"error":"token_expired","message":"…","status":401}\n'}]])
    site = WSGI(WSGIMiddleware(app, usher.Client(faulty.path)))
    answer = site.ask("GET", "/", {"Cookie": "usher_access=old; usher_refresh=good"}, b"")
    assert answer.json == "token_expired" and not answer.cookies
    assert faulty.seen()["ops"] == ["VERIFY"]


def test_an_app_without_handlers_of_its_own(faulty):
    def app(environ, start_response):
        environ["usher.visitor"].require(roles=["admin"])

    async def asgi(scope, receive, send):
        await scope["usher.visitor"].require(roles=["admin"])

    sites = [WSGI(WSGIMiddleware(app, usher.Client(faulty.path))), ASGI(ASGIMiddleware(asgi, usher.AsyncClient(faulty.path)))]
    for site in sites:
        faulty.play([["read", {"send": '{"id":<id>,"ok":false,"error":"busy","message":"Later.","status":503,"retry_after_ms":1200}\n'}]])
        answer = site.ask("GET", "/", {"Authorization": "Bearer token"}, b"")
        assert (answer.status, answer.json) == (503, {"error": "busy", "message": "Later."})
        assert (answer["retry-after"], answer["cache-control"]) == ("2", "no-store")


def test_cookies_are_read_as_browsers_send_them():
    read = usher.web.Cookies().read
    assert read("a=1; usher_access=x.y.z; usher_refresh=r; usher_access=other") == ("x.y.z", "r")
    assert read("usher_access=; =; ;x") == (None, None)
    assert read("") == (None, None)
    # What is no token.
    assert read(f"usher_access=\xe9; usher_refresh={'x' * 4097}") == (None, None)


def test_no_roles_at_all_are_not_everybodys(daemon, admin):
    if not admin("USER_LIST", search="nora")["users"]:
        admin("USER_ADD", username="nora", email="nora@example.org", password="correct horse")
    client = usher.Client(str(daemon.socket))
    token = client.login("nora", "correct horse")["access_token"]
    caught = []

    def app(environ, start_response):
        @usher.web.require_roles()
        def view():
            return []

        try:
            view()
        except usher.Misuse as misuse:
            caught.append(misuse.code)
        start_response("200 OK", [])
        return []

    WSGI(WSGIMiddleware(app, client)).ask("GET", "/", {"Authorization": f"Bearer {token}"}, b"")
    assert caught == ["invalid_field"]


def test_a_view_that_would_block_the_loop_says_so(faulty):
    async def app(scope, receive, send):
        usher.web.authenticate(lambda: None)()

    with pytest.raises(RuntimeError, match="coroutine"):
        ASGI(ASGIMiddleware(app, usher.AsyncClient(faulty.path))).ask("GET", "/", {}, b"")
