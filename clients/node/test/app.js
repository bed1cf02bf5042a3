import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Client } from "../index.js";
import { usherAuth } from "../express.js";

// (By require, which looks where Debian has its modules.)
const express = createRequire(import.meta.url)("express");

/** The app of README.md, as it stands there, but for the socket and its imports. */
export function makeApp(socket) {
  const recipe = /^import express.*?^app\.use\(auth\.errors\);$/ms.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8"))[0];
  const client = new Client(socket);
  const code = recipe.replace(/^import .*$/gm, "").replace("new Client()", "client").replace("app.use(auth.errors)", "more(app); $&");
  const app = new Function("express", "client", "usherAuth", "more", `${code}\nreturn app;`)(express, client, usherAuth, more);
  return { app, client };
}

function more(app) {
  app.post("/register", (req, res, next) => {
    const { username, email, password } = req.body;
    req.usher.register(username, email, password).then((grant) => res.json(grant.user), next);
  });
  app.post("/logout-everywhere", (req, res, next) => {
    req.usher.logout({ everywhere: true }).then(() => res.redirect("/"), next);
  });
}
