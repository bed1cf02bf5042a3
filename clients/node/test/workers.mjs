// An app in several processes: workers.mjs DAEMON-SOCKET SOCKET WORKERS. One that ends is replaced.
import cluster from "node:cluster";
import { createRequire } from "node:module";
import { Client } from "../index.js";
import { usherAuth } from "../express.js";

const [daemon, socket, workers] = process.argv.slice(2);
// (Workers that take connections themselves take them along when they are killed.)
cluster.schedulingPolicy = cluster.SCHED_NONE;
const client = new Client(daemon);
if (cluster.isPrimary) {
  await client.ping();
  for (let n = 0; n < workers; n++) cluster.fork();
  cluster.on("exit", () => cluster.fork());
} else {
  const express = createRequire(import.meta.url)("express");
  const auth = usherAuth(client, { address: false });
  const app = express();
  app.get("/me", auth.authenticate, (req, res) => res.json({ username: req.user.username, worker: process.pid }));
  app.listen(socket);
}
