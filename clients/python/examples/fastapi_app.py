import os

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from usher import USUAL_PATH, AsyncClient, UsherError
from usher.asgi import UsherMiddleware
from usher.web import authenticate, optional_auth, require_permission, require_roles, visitor

app = FastAPI()
client = AsyncClient(os.environ.get("USHER_SOCKET", USUAL_PATH))
app.add_middleware(UsherMiddleware, client=client, end_user=lambda scope: {"ip": scope["client"][0]})


@app.exception_handler(UsherError)
async def refused(request, error):
    return JSONResponse(error.body(), error.status, error.headers())


class Registration(BaseModel):
    username: str
    email: str
    password: str


@app.post("/register")
async def register(asked: Registration):
    await visitor().register(asked.username, asked.email, asked.password)
    return {}


class Login(BaseModel):
    login: str
    password: str


@app.post("/login")
async def login(asked: Login):
    await visitor().login(asked.login, asked.password)
    return {}


@app.post("/logout")
async def logout(everywhere: bool = False):
    await visitor().logout(everywhere)
    return {}


@app.get("/me")
@authenticate
async def me():
    return {"username": visitor().claims["username"]}


@app.get("/hello")
@optional_auth
async def hello():
    return {"hello": visitor().claims["username"] if visitor().claims else "stranger"}


# A view that is no coroutine runs in a thread, and is guarded all the same.
@app.get("/admin")
@require_roles("admin", "moderator")
def admin():
    return {"role": visitor().claims["role"]}


@app.delete("/users/{name}")
@require_permission("user:delete")
async def delete_user(name: str):
    return {"deleted": name}
