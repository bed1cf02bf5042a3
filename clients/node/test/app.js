// The recipe of README.md, whole.
import { createRequire } from "node:module";
import { Client } from "../index.js";
import { usherAuth } from "../express.js";

// (By require, which looks where Debian has its modules.)
const express = createRequire(import.meta.url)("express");

export function makeApp(socket, options) {
  const client = new Client(socket);
  const auth = usherAuth(client, { login: "/login", ...options });
  const app = express();
  app.use(express.json(), auth);

  app.post("/register", (req, res, next) => {
    const { username, email, password } = req.body;
    req.usher.register(username, email, password).then((grant) => res.json(grant.user), next);
  });
  app.post("/login", (req, res, next) => {
    req.usher.login(req.body.login, req.body.password).then((grant) => res.json(grant.user), next);
  });
  app.post("/logout", (req, res, next) => {
    req.usher.logout({ everywhere: req.body.everywhere }).then(() => res.json({}), next);
  });

  app.get("/me", auth.authenticate, (req, res) => res.json(req.user));
  app.get("/", auth.optionalAuth, (req, res) => res.json({ hello: req.user?.username ?? "stranger" }));
  app.get("/desk", auth.requireRoles("admin", "editor"), (req, res) => res.json(req.user));
  app.delete("/users/:id", auth.requirePermission("user:delete"), (req, res) => res.json({}));

  app.use(auth.errors);
  return { app, client };
}
