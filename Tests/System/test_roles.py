"""Roles: what they allow holds at once for all who have them, and after a kill."""

from .connection import assert_failure, assert_ok
from .people import Person


def test_a_role_is_for_all_who_have_it(make):
    daemon = make(admin=True).start()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        assert_failure(app.call("ROLE_GRANT", role="user", permissions=["a"]), "forbidden_op")
        ada, eve = Person(app), Person(app)
        assert_ok(admin.call("USER_SET", user=eve.username, role="guest"))
        eve.rotate(app)
        assert_ok(admin.call("ROLE_GRANT", role="user", permissions=["post:*"]))
        assert assert_failure(app.call("VERIFY", token=ada.access), "token_revoked")["reason"] == "stale"
        assert_ok(app.call("VERIFY", token=eve.access))
        older = ada.access
        assert ada.rotate(app)["user"]["permissions"] == ["post:*"]
        assert_ok(app.call("AUTHORIZE", token=ada.access, permissions=["post:edit"]))
    daemon.kill9()
    daemon.start()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        assert_failure(app.call("VERIFY", token=older), "token_revoked")
        assert_ok(app.call("AUTHORIZE", token=ada.access, permissions=["post:edit"]))
        assert assert_ok(admin.call("ROLE_LIST"))["roles"] == [{"name": "user", "permissions": ["post:*"]}]
        assert_ok(admin.call("ROLE_DELETE", role="user"))
        assert_failure(app.call("VERIFY", token=ada.access), "token_revoked")
        assert ada.rotate(app)["user"]["permissions"] == []
