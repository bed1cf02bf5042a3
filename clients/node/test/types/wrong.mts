// What the types refuse: each of these lines, and no other.
import { Client, ConnectionLost, UsherError } from "usher-client";
import { usherAuth, type Visitor } from "usher-client/express";

const client = new Client();
const visitor = {} as Visitor;
const auth = usherAuth(client);
new Client("/run/s", { timeout: "1s" }); // wrong
client.login("ada"); // wrong
client.login("ada", "secret", { client: { address: "192.0.2.7" } }); // wrong
client.register("ada", "ada@example.org", "secret", "web"); // wrong
(await client.register("ada", "ada@example.org", "secret")).access_token.length; // wrong
(await client.verify("t", { optional: true })).sub; // wrong
client.authorize("t", { role: "admin" }); // wrong
client.revoke("t", { scope: "everywhere" }); // wrong
client.totp("on", "t"); // wrong
client.finish_login("challenge", "123456"); // wrong
(await client.login("ada", "secret")).accessToken; // wrong
new ConnectionLost("garbled", true).code === "lost"; // wrong
new UsherError("a", "b", 400).code = "c"; // wrong
usherAuth(client, { sameSite: "none" }); // wrong
usherAuth(); // wrong
auth.requireRoles(["admin"]); // wrong
visitor.require("admin"); // wrong
visitor.claims.sub; // wrong
visitor.accessToken = "t"; // wrong
