// What from-jsonwebtoken.md shows, put together to an app as its reader would.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { usherAuth } from "../express.js";
import { Client } from "../index.js";
import { admin, finish, socket, start } from "./daemon.js";

const page = readFileSync(new URL("../../from-jsonwebtoken.md", import.meta.url), "utf8");
let app;
let server;
let cookies = {};

before(async () => {
  await start();
  const code = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map((found) => found[1]).join("");
  const body = `${code.replace(/^import .*$/gm, "").replace("new Client()", "new Client(socket)")}\nreturn { app, usher, auth };`;
  // (By require, which looks where Debian has its modules.)
  app = new Function("express", "Client", "usherAuth", "socket", body)(createRequire(import.meta.url)("express"), Client, usherAuth, socket);
  server = app.app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
});

after(async () => {
  app.usher.close();
  server.closeAllConnections();
  server.close();
  await finish();
});

async function ask(method, path, body) {
  const cookie = Object.entries(cookies).map((pair) => pair.join("=")).join("; ");
  const headers = { cookie, "content-type": "application/json" };
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { method, headers, body: body && JSON.stringify(body) });
  for (const [, name, value] of (response.headers.get("set-cookie") ?? "").matchAll(/(usher_\w+)=([^;]*)/g)) cookies[name] = value;
  return { status: response.status, body: await response.text().then((text) => (text.startsWith("{") ? JSON.parse(text) : text)) };
}

test("each step of the page", async () => {
  const account = { username: "ada", email: "ada@example.org", password: "correct horse" };
  const registered = await ask("POST", "/register", account);
  assert.equal(registered.body.username, "ada");
  assert.deepEqual((await ask("GET", "/me")).body, { id: registered.body.id, name: "ada" });
  assert.equal((await ask("POST", "/register", account)).body.error, "account_exists");
  assert.equal((await ask("POST", "/login", { login: "ada", password: "wrong" })).status, 401);
  assert.equal((await ask("POST", "/login", {})).status, 400);
  assert.equal((await ask("POST", "/login", { login: "ada", password: "correct horse" })).body.email, "ada@example.org");

  assert.equal((await ask("GET", "/admin")).body.error, "insufficient_role");
  assert.equal((await ask("DELETE", "/users/7")).body.error, "insufficient_permission");
  await admin.call("USER_SET", { user: "ada", role: "moderator", grant: ["user:delete"] });
  assert.deepEqual((await ask("GET", "/admin")).body, { role: "moderator" });
  assert.equal((await ask("DELETE", "/users/7")).status, 204);

  for (const everywhere of [false, true]) {
    assert.equal((await ask("POST", "/logout", { everywhere })).status, 204);
    assert.equal((await ask("GET", "/me")).body.error, "token_required");
    await ask("POST", "/login", { login: "ada", password: "correct horse" });
  }
});

test("each method that the page names is one", async () => {
  const req = { headers: {} };
  app.auth(req, {}, () => {});
  const named = [...page.matchAll(/\b(req\.usher|usher|auth)\.(\w+)/g)].filter(([, , name]) => !["md", "js"].includes(name));
  assert.ok(named.length > 20);
  for (const [text, on, name] of named) {
    const object = { "req.usher": req.usher, usher: app.usher, auth: app.auth }[on];
    assert.equal(typeof object[name], "function", text);
  }
});
