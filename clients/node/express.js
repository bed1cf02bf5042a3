import { ConnectionLost, Denied, UsherError } from "./errors.js";

const ACCESS = "usher_access";
const REFRESH = "usher_refresh";

// Milliseconds. Longer than the requests of one page take to arrive, and shorter than the daemon's own grace window (30 s).
const REMEMBERED = 10_000;

/**
 * Express middleware: `app.use(auth)` puts a Visitor at `req.usher`, and `auth.authenticate`, `auth.optionalAuth`, `auth.requireRoles(…)` and
 * `auth.requirePermission(…)` protect routes. Tokens come in an Authorization header or in cookies; those that have expired are refreshed on the way.
 *
 * `secure: false` is for development without TLS alone; `domain` shares the login with subdomains; `address: false` is for an app that
 * the daemon does not trust to tell addresses; `login` is the path of a page that visitors with a browser are sent to where they must log in; `refuse(error, req, res)` answers in another way than with JSON.
 */
export function usherAuth(client, { secure = true, domain, address = true, login, refuse = (error, req, res) => refusal(error, req, res, login) } = {}) {
  const tail = `; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}${domain ? `; Domain=${domain}` : ""}`;
  const app = { client, refresh: singleFlight(client), tail, address };
  const visitors = new WeakMap();

  function visitor(req, res) {
    if (!visitors.has(req)) visitors.set(req, new Visitor(app, req, res));
    return (req.usher = visitors.get(req));
  }

  const guard = (check) => async (req, res, next) => {
    try {
      req.user = await check(visitor(req, res));
    } catch (error) {
      return auth.errors(error, req, res, next);
    }
    next();
  };

  function auth(req, res, next) {
    visitor(req, res);
    next();
  }
  auth.authenticate = guard((visitor) => visitor.require());
  auth.optionalAuth = guard((visitor) => visitor.optional());
  auth.requireRoles = (...roles) => guard((visitor) => visitor.require({ roles: roles.flat() }));
  auth.requirePermission = (...permissions) => guard((visitor) => visitor.require({ permissions: permissions.flat() }));
  /** The error handler for what routes raise themselves: `app.use(auth.errors)`. */
  auth.errors = async (error, req, res, next) => {
    if (!(error instanceof UsherError) || res.headersSent) return next(error);
    try {
      await refuse(error, req, res);
    } catch (other) {
      next(other);
    }
  };
  return auth;
}

/** Who asks. */
class Visitor {
  #app;
  #req;
  #res;
  #authorization;
  #access;
  #refresh;

  /** What the visitor's token said when it was asked for last. */
  claims = null;

  constructor(app, req, res) {
    this.#app = app;
    this.#req = req;
    this.#res = res;
    const { authorization, cookie = "" } = req.headers;
    // (A proxy may have a password of its own there.)
    if (/^bearer(\s|$)/i.test(authorization)) this.#authorization = authorization;
    else [this.#access, this.#refresh] = [ACCESS, REFRESH].map((name) => cookieValue(cookie, name));
  }

  /** The claims of a visitor who is logged in, has any of the roles and all of the permissions. Rejects with `Denied` where there is none. */
  async require({ roles, permissions } = {}) {
    this.claims = null;
    const method = roles || permissions ? "authorize" : "verify";
    const options = { authorization: this.#authorization, roles, permissions };
    return (this.claims = await this.#refreshing(() => this.#app.client[method](this.#access, options)));
  }

  /** The claims of a visitor who is logged in; null of another one. */
  async optional() {
    try {
      return await this.require();
    } catch (error) {
      if (error instanceof Denied) return null;
      throw error;
    }
  }

  /** LOGIN, REGISTER and the second step of LOGIN, with the visitor's address, whose tokens go into cookies. They answer as the client's do. */
  async login(login, password, options) { return this.remember(await this.#app.client.login(login, password, { client: this.endUser, ...options })); }

  async register(username, email, password, options) {
    return this.remember(await this.#app.client.register(username, email, password, { client: this.endUser, ...options }));
  }

  async finishLogin(challenge, code) { return this.remember(await this.#app.client.finishLogin(challenge, code, { client: this.endUser })); }

  /** Ends the session, or all of the user's, and drops the cookies. */
  async logout({ everywhere = false } = {}) {
    // It takes a living access token.
    if (everywhere) await this.require();
    const token = (everywhere ? undefined : this.#refresh) ?? this.accessToken;
    if (token) await this.#app.client.revoke(token, { scope: everywhere ? "user" : "session" });
    this.forget();
  }

  /** For what the client is asked on the visitor's behalf, after `require`: `client.sessions(req.usher.accessToken)`. */
  get accessToken() { return this.#access ?? this.#authorization?.split(/\s+/)[1]; }

  /** Keeps the tokens of a reply in cookies. One without tokens (an email is to be confirmed first) changes nothing. */
  remember(grant) {
    if (!grant.access_token) return grant;
    this.#keep(grant.access_token, grant.expires_in, grant.refresh_token, grant.refresh_expires_in);
    return grant;
  }

  /** Drops the cookies; `logout` ends the session, too. */
  forget() {
    this.#keep("", 0, "", 0);
  }

  /** Who the visitor is on the net, as the daemon wants it. (`app.set("trust proxy", …)` says which proxies are believed. What may follow a
   * `%` is the network interface.) */
  get endUser() {
    const ip = this.#app.address ? (this.#req.ip ?? this.#req.socket.remoteAddress)?.split("%")[0] : undefined;
    return { ip, user_agent: this.#req.headers["user-agent"]?.slice(0, 256) };
  }

  #keep(access, accessSeconds, refresh, refreshSeconds) {
    [this.#access, this.#refresh, this.#authorization, this.claims] = [access || undefined, refresh || undefined, undefined, null];
    const others = [this.#res.getHeader("set-cookie") ?? []].flat().filter((cookie) => !/^usher_(access|refresh)=/.test(cookie));
    const cookie = (name, value, seconds) => `${name}=${value}; Max-Age=${seconds}${this.#app.tail}`;
    this.#res.setHeader("set-cookie", [...others, cookie(ACCESS, access, accessSeconds), cookie(REFRESH, refresh, refreshSeconds)]);
    this.#res.setHeader("cache-control", "no-store");
  }

  /**
   * What `ask` makes of the access token, or of a new one where this one is no good any more. Nor may the new one be, if the account has
   * changed since it was made: then there is another one.
   */
  async #refreshing(ask, times = 2) {
    // Once the response has begun new tokens would be lost.
    const renewable = this.#refresh && !this.#res.headersSent && times > 0;
    if (this.#access || !renewable) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Denied) || error.status !== 401 || !renewable) throw error;
      }
    }
    try {
      this.remember(await this.#app.refresh(this.#refresh, { client: this.endUser }));
    } catch (error) {
      if (error instanceof Denied) this.forget();
      throw error;
    }
    return this.#refreshing(ask, times - 1);
  }
}

/** One REFRESH at a time of one token: who comes meanwhile, or soon after, gets what the first one got. */
function singleFlight(client) {
  const flights = new Map();
  return (token, options) => {
    if (!flights.has(token)) {
      const flight = refreshOnce(client, token, options);
      flights.set(token, flight);
      const forget = () => flights.delete(token);
      flight.then(() => setTimeout(forget, REMEMBERED).unref(), forget);
    }
    return flights.get(token);
  };
}

async function refreshOnce(client, token, options) {
  try {
    return await client.refresh(token, options);
  } catch (error) {
    // It may have taken place, and the old token is good for some seconds only: that cannot wait for the visitor's next request.
    if (!(error instanceof ConnectionLost) || error.code !== "ended" || !error.outcomeUnknown) throw error;
    return client.refresh(token, options);
  }
}

function refusal(error, req, res, login) {
  if (res.getHeader("cache-control") === undefined) res.setHeader("cache-control", "no-store");
  // (Whose password was wrong is told so.)
  if (login && error.status === 401 && error.code.includes("token") && req.headers.accept?.includes("text/html")) return res.redirect(303, login);
  if (error.status === 401) res.setHeader("www-authenticate", "Bearer");
  if (error.retryAfter !== null) res.setHeader("retry-after", String(Math.ceil(error.retryAfter)));
  res.status(error.status).json({ error: error.code, message: error.message });
}

/** (Whatever else a cookie has in it is no token.) */
function cookieValue(header, name) {
  const pair = header.split(";").find((part) => part.trim().startsWith(`${name}=`));
  return /^[!-~]{1,4096}$/.exec(pair?.trim().slice(name.length + 1) ?? "")?.[0];
}
