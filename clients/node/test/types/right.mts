// What the types allow. It is compiled, and never run.
import { Client, ConnectionLost, Denied, Misuse, RetryLater, UsherError, type Claims, type LoginGrant } from "usher-client";
import { usherAuth, type Visitor } from "usher-client/express";

const client = new Client("/run/usher/usher.sock", { timeout: 500 });
const grant: LoginGrant = await client.login("ada", "secret", { client: { ip: "192.0.2.7", user_agent: "Firefox" }, audience: null });
const claims: Claims = await client.verify(grant.access_token);
const optional: Claims | null = await client.verify(undefined, { authorization: "Bearer x", optional: true });
const registered = await client.register("ada", "ada@example.org", "secret");
const mayBeNone: string | undefined = registered.access_token;
const remaining: number = grant.remaining + (await client.refresh(grant.refresh_token)).expires_in;
await client.authorize(grant.access_token, { roles: ["admin"], permissions: ["user:delete"] });
const revoked: boolean = await client.revoke(grant.access_token, { scope: "session" });
const ips: (string | undefined)[] = (await client.sessions(grant.access_token)).map((session) => session.client?.ip);
await client.totp("enrol", grant.access_token, { password: "secret" });
await client.call("STATUS", { anything: 1 });
client.close();

try {
  await client.ping();
} catch (error) {
  if (error instanceof Denied || error instanceof Misuse) console.log(error.code, error.status, error.members.field, error.retryAfter ?? 0);
  if (error instanceof ConnectionLost && error.code === "timed_out" && error.outcomeUnknown) throw error;
  const kinds: UsherError[] = error instanceof RetryLater ? [error] : [];
  console.log(kinds);
}

const auth = usherAuth(client, { secure: false, domain: "example.org", login: "/login", refuse: (error, _req, res) => res.status(error.status).end() });
const app = { use(..._handlers: ((req: any, res: any, next: (error?: unknown) => void) => unknown)[]) {} };
app.use(auth, auth.authenticate, auth.optionalAuth, auth.requireRoles("admin", "moderator"), auth.requirePermission("user:delete"));
app.use((req: { usher: Visitor; user?: Claims | null }) => req.usher.require({ roles: ["admin"] }).then(({ sub }) => sub === req.user?.sub));
const visitor = {} as Visitor;
const user = (await visitor.login("ada", "secret")).user.username;
await visitor.logout({ everywhere: true });
console.log(claims.sub, optional?.sub, mayBeNone, remaining, revoked, ips, user, visitor.claims?.role, visitor.accessToken, visitor.endUser.ip);
