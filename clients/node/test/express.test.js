import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { usherAuth } from "../express.js";
import { makeApp } from "./app.js";
import { admin, finish, register, socket, start, stop } from "./daemon.js";

let server;
let client;
let base;

before(async () => {
  await start();
  const made = makeApp(socket);
  client = made.client;
  server = made.app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
  client.close();
  server.closeAllConnections();
  server.close();
  await finish();
});

/** A browser: it keeps cookies. */
class Browser {
  cookies = new Map();

  async ask(path, { method = "GET", body, headers } = {}) {
    const cookie = [...this.cookies].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(base + path, {
      method, redirect: "manual", body: body && JSON.stringify(body), headers: { cookie, ...(body && { "content-type": "application/json" }), ...headers },
    });
    this.set = response.headers.get("set-cookie")?.split(/, (?=usher_)/) ?? [];
    for (const line of this.set) {
      const [, name, value] = /^(\w+)=([^;]*)/.exec(line);
      if (line.includes("Max-Age=0;")) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    this.headers = response.headers;
    const text = await response.text();
    return { status: response.status, text, ...(text.startsWith("{") && JSON.parse(text)) };
  }
}

async function loggedIn() {
  const browser = new Browser();
  const { name, user } = await register(client);
  const reply = await browser.ask("/login", { method: "POST", body: { login: name, password: "correct horse" } });
  assert.equal(reply.id, user.id);
  return { browser, name, id: user.id };
}

test("cookies are out of reach of scripts and of other sites", async () => {
  const { browser, id } = await loggedIn();
  assert.deepEqual(browser.set.map((line) => line.split("=")[0]), ["usher_access", "usher_refresh"]);
  for (const line of browser.set) assert.match(line, /; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  assert.equal(browser.headers.get("cache-control"), "no-store");
  assert.equal((await browser.ask("/me")).sub, id);
  assert.deepEqual(browser.set, []);
  assert.equal((await client.sessions(browser.cookies.get("usher_access")))[0].client.ip, "127.0.0.1");
});

test("who is not logged in", async () => {
  const browser = new Browser();
  const { name } = await register(client);
  assert.equal((await browser.ask("/me")).error, "token_required");
  assert.equal(browser.headers.get("www-authenticate"), "Bearer");
  assert.equal((await browser.ask("/me", { headers: { accept: "text/html,*/*" } })).status, 303);
  assert.equal(browser.headers.get("location"), "/login");
  assert.equal((await browser.ask("/")).text, "Hello stranger");
  const login = await browser.ask("/login", { method: "POST", body: { login: name, password: "wrong horse" } });
  assert.deepEqual([login.status, login.error], [401, "invalid_credentials"]);
  const page = await browser.ask("/login", { method: "POST", body: { login: name, password: "wrong horse" }, headers: { accept: "text/html,*/*" } });
  assert.deepEqual([page.status, page.error], [401, "invalid_credentials"], "and not a form without a word");
  const again = await browser.ask("/register", { method: "POST", body: { username: name, email: "x@example.org", password: "correct horse" } });
  assert.deepEqual([again.status, again.error], [409, "account_exists"]);
});

test("roles and permissions, whose change holds at once", async () => {
  const { browser, name } = await loggedIn();
  assert.deepEqual(await browser.ask("/desk").then(({ status, error }) => [status, error]), [403, "insufficient_role"]);
  await admin.call("USER_SET", { user: name, role: "editor", permissions: ["user:*"] });
  assert.equal((await browser.ask("/desk")).text, "Welcome");
  assert.equal(browser.set.length, 2, "the stale token was refreshed");
  assert.equal((await browser.ask("/users/1", { method: "DELETE" })).status, 200);
  await admin.call("USER_SET", { user: name, permissions: [] });
  assert.equal((await browser.ask("/users/1", { method: "DELETE" })).error, "insufficient_permission");
});

test("a header comes before cookies and is not refreshed", async () => {
  const { browser, id } = await loggedIn();
  const { access_token: token, user } = await register(client);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await browser.ask("/me", { headers })).sub, user.id);
  await client.revoke(token);
  assert.equal((await browser.ask("/me", { headers })).error, "token_revoked");
  assert.deepEqual(browser.set, []);
  // That of a proxy's own password is none of ours.
  assert.equal((await browser.ask("/me", { headers: { authorization: "Basic YWRhOnB3" } })).sub, id);
});

test("an expired token is refreshed once for ten requests", async () => {
  const { browser, id } = await loggedIn();
  const calls = [];
  const refresh = client.refresh;
  client.refresh = (...args) => calls.push(args) && refresh.apply(client, args);
  // Browsers drop it when it expires.
  browser.cookies.delete("usher_access");
  const tabs = Array.from({ length: 10 }, () => Object.assign(new Browser(), { cookies: new Map(browser.cookies) }));
  const replies = await Promise.all(tabs.map((tab) => tab.ask("/me")));
  assert.deepEqual([...new Set(replies.map(({ sub }) => sub))], [id]);
  assert.equal(new Set(tabs.map((tab) => tab.cookies.get("usher_refresh"))).size, 1);
  // One whose cookies came late.
  assert.equal((await browser.ask("/me")).sub, id);
  assert.equal(calls.length, 1);
  client.refresh = refresh;
});

test("an account that changes while a refresh is remembered", async () => {
  const { browser, name, id } = await loggedIn();
  browser.cookies.delete("usher_access");
  const late = Object.assign(new Browser(), { cookies: new Map(browser.cookies) });
  assert.equal((await browser.ask("/me")).sub, id);
  await admin.call("USER_SET", { user: name, role: "editor" });
  assert.equal((await late.ask("/me")).role, "editor");
  assert.equal((await late.ask("/me")).sub, id);
});

test("what is no token is nobody", async () => {
  for (const [name, value] of [["usher_access", "\xff"], ["usher_access", "a b"], ["usher_refresh", "\x01"], ["usher_access", "a".repeat(9000)], ["usher_access", ""]]) {
    const { status, text } = await ask(`${name}=${value}`);
    assert.deepEqual([status, text], [200, "Hello stranger"]);
  }
  const found = await ask("usher_access", { authorization: "Bearer \xff" });
  assert.equal(found.text, "Hello stranger");

  // (fetch refuses to send these.)
  async function ask(cookie, headers) {
    const seen = { headers: { cookie, ...headers }, ip: "fe80::1%eth0" };
    const set = {};
    const reply = {};
    const res = { getHeader: () => undefined, setHeader: (name, value) => (set[name] = value), status: (status) => ((reply.status = status), res), json: (body) => (reply.text = body.error) };
    await usherAuth(client).optionalAuth(seen, res, () => Object.assign(reply, { status: 200, text: `Hello ${seen.user?.username ?? "stranger"}` }));
    return reply;
  }
});

test("an address with a network interface", async () => {
  const { name } = await register(client);
  const req = { headers: {}, ip: "fe80::1%eth0" };
  usherAuth(client)(req, { getHeader() {}, setHeader() {} }, () => {});
  assert.ok((await req.usher.login(name, "correct horse")).access_token);
});

test("an app's own refusal that fails is passed on", async () => {
  for (const refuse of [() => { throw new Error("no template"); }, async () => { throw new Error("no template"); }]) {
    const passed = [];
    await usherAuth(client, { refuse }).authenticate({ headers: {} }, {}, (error) => passed.push(error?.message));
    assert.deepEqual(passed, ["no template"]);
  }
});

test("logging out, here and everywhere", async () => {
  const { browser, name } = await loggedIn();
  const token = browser.cookies.get("usher_access");
  await browser.ask("/logout", { method: "POST", body: {} });
  assert.equal(browser.cookies.size, 0);
  await assert.rejects(client.verify(token), { code: "token_revoked" });
  const { access_token: elsewhere } = await client.login(name, "correct horse");
  await browser.ask("/login", { method: "POST", body: { login: name, password: "correct horse" } });
  browser.cookies.delete("usher_access");
  assert.equal((await browser.ask("/logout-everywhere", { method: "POST" })).status, 302);
  await assert.rejects(client.verify(elsewhere), { code: "token_revoked" });
});

test("a session that was ended elsewhere drops the cookies", async () => {
  const { browser, name } = await loggedIn();
  await admin.call("USER_LOGOUT", { user: name });
  assert.equal((await browser.ask("/")).text, "Hello stranger");
  assert.equal(browser.cookies.size, 0);
});

test("an app that may not tell addresses", () => {
  const req = { headers: { "user-agent": "Lynx" }, ip: "192.0.2.7" };
  for (const address of [true, false]) {
    const seen = { ...req };
    usherAuth(client, { address })(seen, {}, () => {});
    assert.deepEqual(seen.usher.endUser, { ip: address ? "192.0.2.7" : undefined, user_agent: "Lynx" });
  }
});

test("who is forgotten has no token", () => {
  const req = { headers: { authorization: "Bearer abc" } };
  usherAuth(client)(req, { getHeader() {}, setHeader() {} }, () => {});
  assert.equal(req.usher.accessToken, "abc");
  req.usher.forget();
  assert.equal(req.usher.accessToken, undefined);
});

test("no daemon is no logout", async () => {
  const { browser, id } = await loggedIn();
  await stop();
  for (const path of ["/me", "/"]) {
    assert.equal((await browser.ask(path)).status, 503);
    assert.deepEqual(browser.set, []);
  }
  await start();
  assert.equal((await browser.ask("/me")).sub, id);
});
