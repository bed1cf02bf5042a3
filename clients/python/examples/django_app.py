import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from usher import USUAL_PATH, Client, UsherError
from usher.web import authenticate, optional_auth, require_permission, require_roles, visitor
from usher.wsgi import UsherMiddleware

client = Client(os.environ.get("USHER_SOCKET", USUAL_PATH))


class Refusals:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if isinstance(error, UsherError):
            return JsonResponse(error.body(), status=error.status, headers=error.headers())


def register(request):
    asked = json.loads(request.body)
    visitor().register(asked["username"], asked["email"], asked["password"])
    return JsonResponse({})


def login(request):
    asked = json.loads(request.body)
    visitor().login(asked["login"], asked["password"])
    return JsonResponse({})


def logout(request):
    visitor().logout(everywhere="everywhere" in request.GET)
    return JsonResponse({})


@authenticate
def me(request):
    return JsonResponse({"username": visitor().claims["username"]})


@optional_auth
def hello(request):
    return JsonResponse({"hello": visitor().claims["username"] if visitor().claims else "stranger"})


@require_roles("admin", "moderator")
def admin(request):
    return JsonResponse({"role": visitor().claims["role"]})


@require_permission("user:delete")
def delete_user(request, name):
    return JsonResponse({"deleted": name})


urlpatterns = [
    path("register", register), path("login", login), path("logout", logout), path("me", me), path("hello", hello), path("admin", admin),
    path("users/<name>", delete_user),
]
settings.configure(SECRET_KEY=os.urandom(32).hex(), ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Refusals"], ALLOWED_HOSTS=["*"], DEBUG=False)
app = UsherMiddleware(get_wsgi_application(), client, end_user=lambda environ: {"ip": environ["REMOTE_ADDR"]})
