"""A small web app on Flask: `make demo` starts it."""

import html
import math
import os
import re
import sys
import time
from pathlib import Path

from flask import Flask, redirect, request

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "clients/python"))
from usher import USUAL_PATH, Client, Denied, Misuse, UsherError  # noqa: E402
from usher.web import require_roles, visitor  # noqa: E402
from usher.wsgi import UsherMiddleware  # noqa: E402

PAGES = HERE.parent / "pages"
CHALLENGE = "demo_challenge"
APPS = {name: os.environ.get(f"DEMO_{name.upper()}", "/") for name in ("php", "python", "ruby")}

client = Client(os.environ.get("USHER_SOCKET", USUAL_PATH))
app = Flask(__name__)
app.wsgi_app = UsherMiddleware(app.wsgi_app, client, end_user=lambda environ: {
    "ip": environ["REMOTE_ADDR"], "user_agent": environ.get("HTTP_USER_AGENT", "")[:200]})


def fill(name, values):
    """`{{name}}` is a text, `{{{name}}}` is HTML."""

    def value(match):
        text = str(values.get(match[2], ""))
        return text if match[1] else html.escape(text)

    return re.sub(r"\{\{(\{?)(\w+)\}?\}\}", value, (PAGES / f"{name}.html").read_text(encoding="utf-8"))


def page(name, status=200, /, **values):
    values = {**values, **APPS, "app": "python", "title": name.capitalize()}
    return fill("layout", {**values, "body": fill(name, values)}), status, {"Cache-Control": "no-store"}


def notice(error):
    return f"{error.message} Try again in {math.ceil(error.retry_after / 60)} minute(s)." if error.retry_after else error.message


@app.before_request
def from_here():
    """What changes something may come from our own pages alone. (Browsers tell; the other apps are other origins.)"""
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return page("refused", 403, heading="Not from here", notice="Another site sent this form.")


@app.errorhandler(404)
@app.errorhandler(405)
def nothing_here(_):
    return page("refused", 404, heading="Nothing here", notice="There is no such page.")


@app.errorhandler(UsherError)
def refused(error):
    if error.status == 401:
        return redirect("/login", 303)
    return page("refused", error.status, heading="Not for you" if error.status == 403 else "Not now", notice=notice(error))


@app.get("/")
def home():
    claims = visitor().optional()
    if claims is None:
        return page("stranger")
    issued = time.strftime("%T", time.localtime(claims["iat"]))
    account = {name: claims[name] for name in ("username", "email", "role")}
    return page("home", **account, issued=issued, lifetime=claims["exp"] - claims["iat"])


@app.get("/login")
def login_form():
    return page("login")


@app.get("/register")
def register_form():
    return page("register")


@app.get("/code")
def code_form():
    return page("code") if CHALLENGE in request.cookies else redirect("/login", 303)


def form(name, send):
    """A form is sent; if it is refused, it comes again, with the reason."""
    try:
        send(request.form)
    except (Denied, Misuse) as error:
        if error.code == "otp_required":
            return with_challenge(redirect("/code", 303), error.members["challenge"], error.members["expires_in"])
        return page(name, error.status, **{**request.form, "notice": notice(error)})
    return with_challenge(redirect("/", 303), "", 0)


def with_challenge(response, challenge, seconds):
    """That of a login whose second step lacks stands for the password: out of reach of scripts, and for that step alone."""
    response.set_cookie(CHALLENGE, challenge, max_age=seconds, path="/code", secure=True, httponly=True, samesite="Lax")
    return response


@app.post("/login")
def login():
    return form("login", lambda sent: visitor().login(sent.get("login", ""), sent.get("password", "")))


@app.post("/code")
def code():
    return form("code", lambda sent: visitor().finish_login(request.cookies.get(CHALLENGE, ""), sent.get("code", "")))


@app.post("/register")
def register():
    return form("register", lambda sent: visitor().register(*(sent.get(name, "") for name in ("username", "email", "password"))))


@app.post("/logout")
def logout():
    visitor().logout(everywhere=request.form.get("everywhere") == "yes")
    return redirect("/", 303)


@app.get("/admin")
@require_roles("admin", "moderator")
def admin():
    return page("admin", username=visitor().claims["username"], role=visitor().claims["role"])


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)
