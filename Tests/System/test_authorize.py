"""AUTHORIZE: roles and permissions, on top of what VERIFY asks."""

import time

import pytest

from .connection import assert_failure, assert_ok
from .people import Person
from .tokens import ABSENT, access, parts


def authorize(connection, token, **members):
    return connection.call("AUTHORIZE", token=token, **members)


def holder(*permissions, role="user"):
    return access(role=role, permissions=list(permissions))


# Roles


def test_a_user_of_ours(connection, person):
    reply = assert_ok(authorize(connection, person.access, roles=["user"]), "claims")
    assert reply["claims"] == parts(person.access)[1]


@pytest.mark.parametrize("roles", [["editor"], ["admin", "editor"], ["editor", "admin"], ["editor", "editor"]])
def test_any_role_will_do(connection, roles):
    assert_ok(authorize(connection, holder(role="editor"), roles=roles), "claims")


@pytest.mark.parametrize("roles", [["admin"], ["Editor"], ["editor "], ["edito"], ["editors"], ["*"], ["editor:*"], ["admin", "owner"], ["\u0435ditor"]])
def test_no_other_role_will_do(connection, roles):
    assert_failure(authorize(connection, holder(role="editor"), roles=roles), "insufficient_role", roles=roles)


@pytest.mark.parametrize("role", [ABSENT, None, "", 5, True, ["editor"], {"editor": True}])
def test_a_token_without_a_role(connection, role):
    reply = authorize(connection, access(role=role, permissions=["a"]), roles=["editor"])
    assert reply["ok"] is False and reply["error"] in ("insufficient_role", "token_invalid")


# Permissions

WILDCARDS = [
    # granted, asked, covered
    ("post:edit", "post:edit", True), ("post:edit", "post:edi", False), ("post:edit", "post:edits", False), ("post:edit", "post:edit:own", False), ("post:edit", "post", False),
    ("post:edit", "POST:EDIT", False), ("post:edit", "post:edit ", False), ("post:edit", "post:*", False), ("post:edit", "*", False),
    ("user:*", "user:delete", True), ("user:*", "user:avatar:edit", True), ("user:*", "user:a", True), ("user:*", "user:*", True), ("user:*", "user:a:*", True),
    ("user:*", "user", False), ("user:*", "user:", False), ("user:*", "users:delete", False), ("user:*", "use", False), ("user:*", "User:delete", False), ("user:*", "*", False),
    ("user:*", "xuser:delete", False), ("user:*", "user.delete", False), ("user:*", "post:delete", False),
    ("user:avatar:*", "user:avatar:edit", True), ("user:avatar:*", "user:edit", False), ("user:avatar:*", "user:avatar", False), ("user:avatar:*", "user:*", False),
    ("*", "*", True), ("*", "a", False), ("*", "a:b", False), ("*", "**", False), ("*", ":", False),
    ("user*", "user*", True), ("user*", "users", False), ("user*", "user:delete", False), ("user*", "user", False),
    ("*:edit", "*:edit", True), ("*:edit", "post:edit", False), ("user:*:edit", "user:avatar:edit", False), ("user:*:edit", "user:*:edit", True),
    ("user:**", "user:delete", False), ("user:**", "user:**", True), ("a", "a", True), ("a", "b", False), ("é:*", "é:ü", True), ("é:*", "e:ü", False),
]


@pytest.mark.parametrize("granted, asked, covered", WILDCARDS)
def test_wildcards(connection, granted, asked, covered):
    reply = authorize(connection, holder(granted), permissions=[asked])
    if covered:
        assert_ok(reply, "claims")
    else:
        assert_failure(reply, "insufficient_permission", permissions=[asked])


def test_all_permissions_are_needed(connection):
    token = holder("post:*", "user:read", "comment:edit")
    assert_ok(authorize(connection, token, permissions=["post:edit", "user:read", "comment:edit", "post:delete"]), "claims")
    reply = authorize(connection, token, permissions=["post:edit", "user:edit", "user:read", "comment:delete", "root"])
    assert_failure(reply, "insufficient_permission", permissions=["user:edit", "comment:delete", "root"])


def test_odd_names_come_back_as_they_were(connection):
    asked = ['a"b\\c', "é😀", "a\nb", "\x7f\u2028", "\0"]
    assert_failure(authorize(connection, holder(), permissions=asked), "insufficient_permission", permissions=asked)
    assert_failure(authorize(connection, holder(), roles=asked), "insufficient_role", roles=asked)
    assert_ok(authorize(connection, holder(*asked), permissions=asked), "claims")


def test_a_user_of_ours_has_no_permissions(connection, person):
    assert_failure(authorize(connection, person.access, permissions=["a"]), "insufficient_permission", permissions=["a"])


@pytest.mark.parametrize("permissions", [ABSENT, None, [], "a", 5, {"a": True}, [5], [None], [["a"]]])
def test_a_token_without_permissions(connection, permissions):
    reply = authorize(connection, access(role="user", permissions=permissions), permissions=["a"])
    assert reply["ok"] is False and reply["error"] in ("insufficient_permission", "token_invalid")


# Both


def test_roles_and_permissions(connection):
    token = holder("post:*", role="editor")
    assert_ok(authorize(connection, token, roles=["editor"], permissions=["post:edit"]), "claims")
    assert_failure(authorize(connection, token, roles=["editor"], permissions=["user:edit"]), "insufficient_permission", permissions=["user:edit"])
    assert_failure(authorize(connection, token, roles=["admin"], permissions=["post:edit"]), "insufficient_role", roles=["admin"])


def test_a_role_that_lacks_is_told_first(connection):
    assert_failure(authorize(connection, holder(), roles=["admin"], permissions=["root"]), "insufficient_role", roles=["admin"])


# The caller's mistakes


def test_neither_roles_nor_permissions(connection, person):
    assert_failure(authorize(connection, person.access), "missing_field", field="roles")
    assert_failure(authorize(connection, person.access, roles=None, permissions=None), "missing_field", field="roles")


@pytest.mark.parametrize("member", ["roles", "permissions"])
def test_an_empty_list(connection, person, member):
    assert_failure(authorize(connection, person.access, **{member: []}), "invalid_field", field=member)
    assert_failure(authorize(connection, person.access, **{"roles": ["user"], "permissions": ["a"], member: []}), "invalid_field", field=member)


@pytest.mark.parametrize("value", ["user", 5, True, {}, {"user": 1}, [5], [""], ["user", ""], ["user", None], [["user"]], ["user", 5], [True], [{}]])
@pytest.mark.parametrize("member", ["roles", "permissions"])
def test_another_type(connection, person, member, value):
    assert_failure(authorize(connection, person.access, **{member: value}), "invalid_field", field=member)


def test_both_ways_at_once(connection, person):
    assert_failure(authorize(connection, person.access, authorization=f"Bearer {person.access}", roles=["user"]), "invalid_field")


# As VERIFY


def test_the_token_is_looked_at_first(connection, person):
    now = int(time.time())
    assert_failure(connection.call("AUTHORIZE", roles=["admin"]), "token_required")
    assert_failure(authorize(connection, "x", roles=["admin"]), "token_invalid")
    assert_failure(authorize(connection, "", roles=["admin"]), "token_invalid")
    assert_failure(authorize(connection, access(exp=now - 3600), roles=["admin"]), "token_expired", expired_at=now - 3600)
    assert_failure(authorize(connection, access(nbf=now + 3600, exp=now + 7200), roles=["admin"]), "token_not_active", active_at=now + 3600)
    connection.call("REVOKE", token=person.access)
    assert_failure(authorize(connection, person.access, roles=["admin"]), "token_revoked")
    assert_failure(authorize(connection, person.refresh, roles=["user"]), "token_invalid")


def test_authorization_header(connection, person):
    for scheme in ("Bearer", "bearer"):
        assert_ok(connection.call("AUTHORIZE", authorization=f"{scheme} {person.access}", roles=["user"]), "claims")
    assert_failure(connection.call("AUTHORIZE", authorization="Basic x", roles=["user"]), "token_required")
    assert_failure(connection.call("AUTHORIZE", authorization="Bearer", roles=["user"]), "token_invalid")


def test_audience(connection):
    token = access(aud="api", role="user")
    assert_failure(authorize(connection, token, roles=["user"]), "token_invalid")
    assert_ok(authorize(connection, token, roles=["user"], audience="api"), "claims")


@pytest.mark.parametrize("optional", [True, False, None, "yes", 5])
def test_optional_is_ignored(connection, person, optional):
    assert_failure(connection.call("AUTHORIZE", roles=["user"], optional=optional), "token_required")
    assert_failure(authorize(connection, "x", roles=["user"], optional=optional), "token_invalid")
    assert_failure(authorize(connection, person.access, roles=["admin"], optional=optional), "insufficient_role")
    assert_ok(authorize(connection, person.access, roles=["user"], optional=optional), "claims")


def test_many_names(connection):
    names = [f"area{n}:action" for n in range(200)]
    assert_ok(authorize(connection, holder(*[f"area{n}:*" for n in range(200)]), permissions=names), "claims")
    assert_failure(authorize(connection, holder(), permissions=names), "insufficient_permission", permissions=names)
    assert_ok(authorize(connection, holder(role="last"), roles=[*names, "last"]), "claims")


def test_a_login_changes_nothing_of_what_is_granted(connection):
    person = Person(connection)
    person.login(connection)
    assert_ok(authorize(connection, person.access, roles=["user"]), "claims")
    assert_failure(authorize(connection, person.access, roles=["admin"]), "insufficient_role", roles=["admin"])
