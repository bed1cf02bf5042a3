"""The hooks of the clients, in the apps that their READMEs recommend."""

import importlib
import itertools
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT
from sites import ASGI, CGI, WSGI, Browser, Lines, Server
from Tests.System.tokens import parts, resealed

_numbers = itertools.count()


def python(module, wrap):
    def start(socket):
        pytest.importorskip(module)
        os.environ["USHER_SOCKET"] = socket
        sys.path.insert(0, str(ROOT / "clients/python/examples"))
        return wrap(importlib.import_module(f"{module}_app").app)

    return start


def psr15(socket):
    if not shutil.which("php") or not os.path.isdir("/usr/share/php/Nyholm/Psr7"):
        pytest.skip("php-cli or php-nyholm-psr7 is missing")
    return Lines(["php", str(ROOT / "clients/php/tests/lines.php")], {**os.environ, "USHER_SOCKET": socket})


def php(socket):
    if not shutil.which("php-cgi"):
        pytest.skip("php-cgi is missing")
    return CGI(["php-cgi"], str(ROOT / "clients/php/examples/plain_app.php"), {**os.environ, "USHER_SOCKET": socket})


def rack(socket):
    if not shutil.which("puma"):
        pytest.skip("puma is missing")
    return Server(lambda own: ["puma", "--quiet", "--environment", "production", "--bind", f"unix://{own}", ROOT / "clients/ruby/test/site.ru"], socket).ready()


def express(socket):
    if not os.path.isdir("/usr/share/nodejs/express"):
        pytest.skip("node-express is missing")
    return Server(lambda own: ["node", ROOT / "clients/node/test/site.mjs", own], socket).ready()

APPS = {"flask": python("flask", WSGI), "django": python("django", WSGI), "fastapi": python("fastapi", ASGI), "psr15": psr15, "php": php, "rack": rack, "express": express}


@pytest.fixture(scope="module", params=APPS)
def site(request, daemon):
    site = APPS[request.param](str(daemon.socket))
    yield site
    if isinstance(site, (Lines, Server)):
        site.close()


@pytest.fixture
def someone(admin):
    """Makes an account; its name."""

    def make(**members):
        name = f"visitor{next(_numbers)}"
        admin("USER_ADD", username=name, email=f"{name}@example.org", password="correct horse", **members)
        return name

    return make


@pytest.fixture
def refreshes(admin):
    """How many REFRESHes the daemon was asked for so far."""

    def count():
        operations = {entry["op"]: entry["requests"] for entry in admin("STATUS")["operations"]}
        return operations.get("REFRESH", 0)

    return count


def test_a_visitor_who_is_not_logged_in(site):
    browser = Browser(site)
    for path in ("/me", "/admin"):
        answer = browser.get(path)
        assert (answer.status, answer.json["error"], answer["www-authenticate"]) == (401, "token_required", "Bearer")
    assert browser.ask("DELETE", "/users/ada").status == 401
    assert browser.get("/hello").json == {"hello": "stranger"}


def test_a_visitor_who_is(site, someone):
    name = someone()
    browser = Browser(site).login(name)
    assert browser.get("/me").json == {"username": name}
    assert browser.get("/hello").json == {"hello": name}


def test_cookies_are_alike(site, someone):
    answer = Browser(site).ask("POST", "/login", {"login": someone(), "password": "correct horse"})
    seen = {name: {key: str(value) for key, value in morsel.items() if value} for name, morsel in answer.set_cookies.items()}
    alike = {"path": "/", "httponly": "True", "secure": "True", "samesite": "Lax"}
    assert seen == {"usher_access": {"max-age": "900", **alike}, "usher_refresh": {"max-age": "604800", **alike}}


def test_registering(site):
    name = f"visitor{next(_numbers)}"
    account = {"username": name, "email": f"{name}@example.org", "password": "correct horse"}
    browser = Browser(site)
    assert browser.ask("POST", "/register", account).status == 200
    assert browser.get("/me").json == {"username": name}
    answer = Browser(site).ask("POST", "/register", account)
    assert (answer.status, answer.json["error"], answer.cookies) == (409, "account_exists", {})


def test_the_daemon_is_told_the_visitors_address(site, someone, daemon):
    browser = Browser(site).login(someone())
    for _ in range(2):
        with daemon.connect() as connection:
            session, = connection.ask({"op": "SESSIONS", "token": browser.cookies["usher_access"]})["sessions"]
        assert session["client"]["ip"] == "192.0.2.44"
        # After a REFRESH as well.
        del browser.cookies["usher_access"]
        browser.get("/me")


def test_a_wrong_password(site, someone):
    browser = Browser(site)
    answer = browser.ask("POST", "/login", {"login": someone(), "password": "wrong horse"})
    assert (answer.status, answer.json["error"]) == (401, "invalid_credentials")
    assert not browser.cookies


def test_throttling_says_when_to_come_back(site, someone):
    browser, name = Browser(site), someone()
    for _ in range(6):
        answer = browser.ask("POST", "/login", {"login": name, "password": "wrong horse"})
    assert (answer.status, answer.json["error"]) == (429, "rate_limited")
    assert int(answer["retry-after"]) > 0


def test_roles_and_permissions(site, someone):
    nobody, admin = Browser(site).login(someone()), Browser(site).login(someone(role="moderator", permissions=["user:*"]))
    answer = nobody.get("/admin")
    assert (answer.status, answer.json["error"]) == (403, "insufficient_role")
    answer = nobody.ask("DELETE", "/users/ada")
    assert (answer.status, answer.json["error"]) == (403, "insufficient_permission")
    assert nobody.cookies, "a role that lacks is no reason to log out"
    assert admin.get("/admin").json == {"role": "moderator"}
    assert admin.ask("DELETE", "/users/ada").json == {"deleted": "ada"}


def test_a_bearer_counts_before_cookies_and_is_not_refreshed(site, someone):
    cookies = Browser(site).login(someone()).cookies
    name = someone()
    token = Browser(site).login(name).cookies["usher_access"]
    browser = Browser(site)
    assert browser.get("/me", headers={"Authorization": f"Bearer {token}"}, cookies=cookies).json == {"username": name}
    answer = browser.get("/me", headers={"Authorization": "Bearer no.such.token"}, cookies=cookies)
    assert (answer.status, answer.json["error"]) == (401, "token_invalid")
    assert not browser.cookies


def test_an_expired_token_is_refreshed_unnoticed(site, someone, refreshes):
    name = someone()
    browser = Browser(site).login(name)
    old = dict(browser.cookies)
    # What the browser does when the access cookie is over.
    del browser.cookies["usher_access"]
    assert browser.get("/me").json == {"username": name}
    assert browser.cookies["usher_refresh"] != old["usher_refresh"]
    # A token that is over, though the cookie is there.
    hour_ago = int(time.time()) - 3600
    browser.cookies["usher_access"] = resealed(browser.cookies["usher_access"], exp=hour_ago, iat=hour_ago, nbf=hour_ago)
    before = refreshes()
    assert browser.get("/hello").json == {"hello": name}
    assert refreshes() == before + 1
    assert browser.get("/me").json == {"username": name}
    assert refreshes() == before + 1


def test_ten_requests_at_once_refresh_once(site, someone, refreshes):
    name = someone()
    cookies = {"usher_refresh": Browser(site).login(name).cookies["usher_refresh"]}
    before = refreshes()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: Browser(site).get("/me", cookies=cookies), range(10)))
    assert [answer.json for answer in answers] == [{"username": name}] * 10
    # PHP has a process a request: there the daemon's grace window gives all of them the same next token.
    assert refreshes() == before + (10 if isinstance(site, (Lines, CGI)) else 1)
    assert len({parts(answer.cookies["usher_refresh"])[1]["jti"] for answer in answers}) == 1


def test_a_change_of_role_holds_at_once(site, someone, admin):
    name = someone()
    browser = Browser(site).login(name)
    assert browser.get("/admin").status == 403
    admin("USER_SET", user=name, role="admin")
    assert browser.get("/admin").json == {"role": "admin"}


def test_a_change_of_role_holds_for_requests_that_were_under_way(site, someone, admin):
    """Their refresh cookie is an old one by then, and what it was exchanged for has been revoked once more."""
    name = someone()
    browser = Browser(site).login(name)
    old = dict(browser.cookies)
    for role in ("admin", "moderator"):
        admin("USER_SET", user=name, role=role)
        answer = Browser(site).get("/admin", cookies=old)
        assert (answer.status, answer.json) == (200, {"role": role})


def test_a_header_of_another_scheme_is_a_proxys(site, someone):
    name = someone()
    cookies = Browser(site).login(name).cookies
    assert Browser(site).get("/me", headers={"Authorization": "Basic YTpi"}, cookies=cookies).json == {"username": name}


def test_logging_out_by_header_leaves_the_session_of_the_cookies_alone(site, someone):
    name, other = someone(), someone()
    cookies = Browser(site).login(name).cookies
    for query in ("", "?everywhere=1"):
        bearer = {"Authorization": f"bearer {Browser(site).login(other).cookies['usher_access']}"}
        assert Browser(site).ask("POST", "/logout" + query, headers=bearer, cookies=cookies).status == 200
        assert Browser(site).get("/me", headers=bearer).status == 401
        assert Browser(site).get("/me", cookies=cookies).json == {"username": name}


def test_logout(site, someone):
    browser = Browser(site).login(someone())
    stolen = dict(browser.cookies)
    assert browser.ask("POST", "/logout").status == 200
    assert not browser.cookies
    answer = browser.get("/me", cookies=stolen)
    assert (answer.status, answer.json["error"]) == (401, "token_revoked")
    assert browser.ask("POST", "/logout").status == 200


def test_logout_everywhere(site, someone):
    name = someone()
    here, there = Browser(site).login(name), Browser(site).login(name)
    del here.cookies["usher_access"]
    assert here.ask("POST", "/logout?everywhere=1").status == 200
    answer = there.get("/me")
    assert (answer.status, answer.json["error"]) == (401, "token_revoked")
    assert not there.cookies, "a session that is over leaves no cookies"


def test_a_daemon_that_is_gone_logs_nobody_out(site, someone, daemon):
    browser = Browser(site).login(someone())
    cookies = dict(browser.cookies)
    daemon.stop()
    try:
        for path in ("/me", "/hello", "/admin"):
            answer = browser.get(path)
            assert (answer.status, answer.json["error"]) == (503, "unreachable")
        answer = browser.get("/me", cookies={"usher_refresh": cookies["usher_refresh"]})
        assert answer.status == 503
    finally:
        daemon.start()
    assert browser.cookies == cookies
    assert browser.get("/me").status == 200


def test_apps_share_a_login(daemon, someone):
    """Whoever logs in to one is logged in to all, whatever they are written in, and logs out of all."""
    sites = []
    for start in APPS.values():
        try:
            sites.append(start(str(daemon.socket)))
        except pytest.skip.Exception:
            pass
    name = someone()
    for first in sites:
        browser = Browser(first).login(name)
        for site in sites:
            browser.site = site
            assert browser.get("/me").json == {"username": name}
        assert browser.ask("POST", "/logout?everywhere=1").status == 200
        assert not browser.cookies
    for site in sites:
        if isinstance(site, (Lines, Server)):
            site.close()
