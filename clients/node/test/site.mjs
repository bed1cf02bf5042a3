// The app that is the same in all languages: site.mjs SOCKET.
import { createRequire } from "node:module";
import { Client } from "../index.js";
import { usherAuth } from "../express.js";

const express = createRequire(import.meta.url)("express");
const auth = usherAuth(new Client(process.env.USHER_SOCKET));
const app = express();
app.set("trust proxy", true);
app.use(express.json(), auth);

const nothing = (action) => (req, res, next) => action(req).then(() => res.json({}), next);
app.post("/register", nothing(({ usher, body }) => usher.register(body.username, body.email, body.password)));
app.post("/login", nothing(({ usher, body }) => usher.login(body.login, body.password)));
app.post("/logout", nothing(({ usher, query }) => usher.logout({ everywhere: "everywhere" in query })));
app.get("/me", auth.authenticate, (req, res) => res.json({ username: req.user.username }));
app.get("/hello", auth.optionalAuth, (req, res) => res.json({ hello: req.user?.username ?? "stranger" }));
app.get("/admin", auth.requireRoles("admin", "moderator"), (req, res) => res.json({ role: req.user.role }));
app.delete("/users/:name", auth.requirePermission("user:delete"), (req, res) => res.json({ deleted: req.params.name }));
app.use(auth.errors);
app.listen(process.argv[2]);
