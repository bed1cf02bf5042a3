// What the table of cases cannot say.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { Client, ConnectionLost, Denied, Misuse } from "../index.js";
import { finish, register, socket, start, stop } from "./daemon.js";

before(start);
after(finish);

// A daemon that answers with what `answer` makes of the requests of a connection so far, lines or nothing.
async function trickster(t, answer) {
  const path = join(tmpdir(), `ush-${process.pid}-${Math.random().toString(36).slice(2)}`);
  let connections = 0;
  const server = createServer((connection) => {
    const requests = [];
    const number = ++connections;
    connection.on("error", () => {});
    connection.setEncoding("utf8");
    connection.on("data", (text) => {
      for (const line of text.trim().split("\n")) {
        requests.push(JSON.parse(line));
        for (const reply of answer(requests, number) ?? []) connection.write(typeof reply === "string" ? reply : `${JSON.stringify(reply)}\n`);
      }
    });
  });
  await new Promise((resolve) => server.listen(path, resolve));
  const client = new Client(path, { timeout: 300 });
  t.after(() => {
    client.close();
    server.close();
  });
  return { client, connections: () => connections };
}

const good = ({ id, token }) => ({ id, ok: true, claims: { sub: token }, user: {}, access_token: "a", refresh_token: "r" });

test("replies in another order go to whom they belong", async (t) => {
  const { client, connections } = await trickster(t, (requests) => (requests.length === 3 ? [...requests].reverse().map(good) : []));
  const claims = await Promise.all(["ann", "bob", "cleo"].map((token) => client.verify(token)));
  assert.deepEqual(claims.map(({ sub }) => sub), ["ann", "bob", "cleo"]);
  assert.equal(connections(), 1);
});

test("an unknown id ends the connection for all in flight", async (t) => {
  const { client } = await trickster(t, (requests, number) =>
    number > 1 ? [good(requests.at(-1))] : requests.length === 2 ? [{ id: "somebody-else", ok: true, claims: { sub: "mallory" } }] : [],
  );
  const results = await Promise.allSettled([client.verify("ann"), client.login("bob", "secret")]);
  for (const { reason } of results) assert.ok(reason instanceof ConnectionLost && reason.code === "garbled" && reason.outcomeUnknown);
  assert.equal((await client.verify("ann")).sub, "ann");
});

test("half a line that nobody asked for ends the connection before anything is asked on it", async (t) => {
  const { client, connections } = await trickster(t, (requests, number) => [good(requests.at(-1)), ...(number === 1 ? ['{"id":"'] : [])]);
  assert.equal((await client.verify("ann")).sub, "ann");
  await sleep(50);
  assert.equal((await client.login("bob", "secret")).access_token, "a");
  assert.equal(connections(), 2);
});

test("a time-out ends the connection: others repeat what they safely can, and its late reply reaches nobody", async (t) => {
  let late;
  const { client, connections } = await trickster(t, (requests, number) => {
    if (number > 1) return [good(requests.at(-1))];
    late = requests[0];
  });
  const first = client.verify("ann");
  await sleep(150);
  const others = Promise.allSettled([client.verify("bob"), client.login("cleo", "secret")]);
  await assert.rejects(first, { code: "timed_out", outcomeUnknown: true });
  const [bob, cleo] = await others;
  assert.equal(bob.value.sub, "bob");
  assert.ok(cleo.reason.code === "ended" && cleo.reason.outcomeUnknown);
  assert.equal(connections(), 2);
  assert.equal(late.token, "ann");
});

test("one visitor's line that is too long does not disturb another's request", async () => {
  const client = new Client(socket);
  const { name, user } = await register(client);
  const [grant, error] = await Promise.allSettled([client.login(name, "correct horse"), client.login(name, "x".repeat(70_000))]);
  assert.equal(grant.value.user.id, user.id);
  assert.ok(error.reason instanceof Misuse && error.reason.code === "line_too_long");
  client.close();
});

test("no console shows a secret", async () => {
  const client = new Client(socket);
  const error = new Denied("otp_required", "A code is needed.", 401, { challenge: "sesame" });
  assert.doesNotMatch(inspect(error, { depth: 9 }) + JSON.stringify(error), /sesame/);
  assert.equal(error.members.challenge, "sesame");
  const { access_token: token } = await register(client);
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }), new RegExp(token));
  client.close();
});

test("what cannot be written is the caller's mistake, and disturbs nobody", async () => {
  const client = new Client(socket);
  const cycle = { name: "sesame" };
  cycle.again = cycle;
  const throwing = { toJSON() { throw new Error("sesame"); } };
  for (const claim of [cycle, 1n, NaN, [-Infinity], throwing, "\ud800", { "\udfff": 1 }, Array.from({ length: 40 }).reduce((inner) => [inner], 1)]) {
    const [error, ping] = await Promise.allSettled([client.profile("token", { claims: { claim } }), client.ping()]);
    assert.ok(error.reason instanceof Misuse && error.reason.code === "bad_request", inspect(error.reason));
    assert.doesNotMatch(inspect(error.reason), /sesame/);
    assert.equal(ping.value.protocol, 1);
  }
  client.close();
});

test("no member stands in for the operation", async () => {
  const client = new Client(socket);
  assert.equal((await client.call("PING", { op: "HELP", id: 5 })).protocol, 1);
  await assert.rejects(client.login("ann", "secret", { op: "PING", password: "other" }), { code: "invalid_credentials" });
  assert.equal((await client.help(null)).length > 10, true);
  client.close();
});

test("requests at once over a restart", async () => {
  const client = new Client(socket);
  const { access_token: token, user } = await register(client);
  let busy = true;
  const asking = Promise.all(
    Array.from({ length: 20 }, async () => {
      while (busy) {
        const claims = await client.verify(token).catch((error) => assert.ok(error instanceof ConnectionLost) ?? sleep(5));
        if (claims) assert.equal(claims.sub, user.id);
      }
    }),
  );
  await sleep(50);
  await stop();
  await start();
  await sleep(50);
  busy = false;
  await asking;
  assert.equal((await client.verify(token)).sub, user.id);
  client.close();
});

test("a kept connection keeps no program running", () => {
  const program = `import { Client } from ${JSON.stringify(new URL("../index.js", import.meta.url).href)};
    console.log((await new Client(${JSON.stringify(socket)}).ping()).server);`;
  assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 10_000 }), "usherd\n");
});
