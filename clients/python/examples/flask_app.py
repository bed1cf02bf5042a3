import os

from flask import Flask, request

from usher import USUAL_PATH, Client, UsherError
from usher.web import authenticate, optional_auth, require_permission, require_roles, visitor
from usher.wsgi import UsherMiddleware

app = Flask(__name__)
client = Client(os.environ.get("USHER_SOCKET", USUAL_PATH))
app.wsgi_app = UsherMiddleware(app.wsgi_app, client, end_user=lambda environ: {"ip": environ["REMOTE_ADDR"]})


@app.errorhandler(UsherError)
def refused(error):
    return error.body(), error.status, error.headers()


@app.post("/register")
def register():
    asked = request.get_json()
    visitor().register(asked["username"], asked["email"], asked["password"])
    return {}


@app.post("/login")
def login():
    asked = request.get_json()
    visitor().login(asked["login"], asked["password"])
    return {}


@app.post("/logout")
def logout():
    visitor().logout(everywhere="everywhere" in request.args)
    return {}


@app.get("/me")
@authenticate
def me():
    return {"username": visitor().claims["username"]}


@app.get("/hello")
@optional_auth
def hello():
    return {"hello": visitor().claims["username"] if visitor().claims else "stranger"}


@app.get("/admin")
@require_roles("admin", "moderator")
def admin():
    return {"role": visitor().claims["role"]}


@app.delete("/users/<name>")
@require_permission("user:delete")
def delete_user(name):
    return {"deleted": name}
