import { Connection } from "./connection.js";
import { ConnectionLost, refusal } from "./errors.js";

export { ConnectionLost, Denied, Misuse, RetryLater, UsherError } from "./errors.js";

// What changes nothing, and may be asked again when the connection was lost.
const REPEATABLE = new Set(["VERIFY", "AUTHORIZE", "PING", "HELP"]);

// A longer line goes on a connection of its own: the daemon's answer to one that is too long ends a connection, and must not do so for others.
const LONG_LINE = 8192;

/**
 * A client of usherd, with one method an operation. All requests share one connection, which is made when it is needed.
 *
 * What comes back is the daemon's reply as protocol.md has it, or the member of it that a method's comment names. All methods reject with
 * `Denied`, `Misuse` and `RetryLater`; the latter also as `ConnectionLost`.
 */
export class Client {
  #path;
  #timeout;
  #connection = null;

  /** `timeout`: the milliseconds that a request may take from connecting to the end of its reply. */
  constructor(path = "/run/usher/usher.sock", { timeout = 10_000 } = {}) {
    this.#path = path;
    this.#timeout = timeout;
  }

  ping() {
    return this.call("PING");
  }

  /** The list of operations, or the one that is the `topic`. */
  async help({ topic } = {}) {
    return member("ops", await this.call("HELP", { topic }));
  }

  /** `client`, here and below: `{ ip, user_agent }` of the visitor. Without `ip` the daemon cannot throttle attackers one by one. */
  register(username, email, password, { audience, client } = {}) {
    return this.call("REGISTER", { username, email, password, audience, client });
  }

  /** `login` is a username or an email. A user with a second factor is `Denied` with `otp_required`; go on with `finishLogin`. */
  login(login, password, { audience, client } = {}) {
    return this.call("LOGIN", { login, password, audience, client });
  }

  /** The second step: the `challenge` is in the members of what `login` rejected with. */
  finishLogin(challenge, code, { client } = {}) {
    return this.call("LOGIN", { challenge, code, client });
  }

  /** The claims of an access token, or of a whole Authorization header; null for a bad one if it is `optional`. */
  async verify(token, { authorization, audience, optional } = {}) {
    const reply = await this.call("VERIFY", { token, authorization, audience, optional });
    return optional && reply.claims === null ? null : member("claims", reply);
  }

  /** The claims of a token that has any of the roles and all of the permissions. */
  async authorize(token, { roles, permissions, authorization, audience } = {}) {
    return member("claims", await this.call("AUTHORIZE", { token, authorization, roles, permissions, audience }));
  }

  /** The next pair of tokens. One refresh token must not be in use twice at once: see `usher-client/express`. */
  refresh(refreshToken, { client } = {}) {
    return this.call("REFRESH", { refresh_token: refreshToken, client });
  }

  /** Whether there was anything to revoke. `scope` is `token`, `session` or `user`; `session` is the id of another session to end. */
  async revoke(token, { scope, session } = {}) {
    return member("revoked", await this.call("REVOKE", { token, scope, session }));
  }

  password(token, password, newPassword, { audience, client } = {}) {
    return this.call("PASSWORD", { token, password, new_password: newPassword, audience, client });
  }

  /** The `reset_token` is null where no account has this email: show visitors the same page. */
  recover(email, { client } = {}) {
    return this.call("RECOVER", { email, client });
  }

  reset(resetToken, newPassword, { client } = {}) {
    return this.call("RESET", { reset_token: resetToken, new_password: newPassword, client });
  }

  /** Takes a `confirmation_token` back, or issues one for a `token` or an `email`. */
  confirm({ confirmation_token, token, email, audience, client } = {}) {
    return this.call("CONFIRM", { confirmation_token, token, email, audience, client });
  }

  /** The user, after the changes that were asked for. */
  async profile(token, { username, email, claims, password, code, audience, client } = {}) {
    return member("user", await this.call("PROFILE", { token, username, email, claims, password, code, audience, client }));
  }

  /** Where the user is logged in. */
  async sessions(token, { audience } = {}) {
    return member("sessions", await this.call("SESSIONS", { token, audience }));
  }

  delete(token, password, { audience, client } = {}) {
    return this.call("DELETE", { token, password, audience, client });
  }

  /** `action`: `status`, `enrol`, `confirm`, `recovery_codes` or `disable`. */
  totp(action, token, { password, code, audience, client } = {}) {
    return this.call("TOTP", { action, token, password, code, audience, client });
  }

  /** Any operation, by its name: the reply without `id` and `ok`. Members that are null or undefined are left out. */
  async call(op, members = {}) {
    const request = { op };
    for (const [name, value] of Object.entries(members)) if (value !== null && value !== undefined) request[name] = value;
    const reply = await this.#answer(request, performance.now() + this.#timeout);
    if (reply.ok !== true) throw refusal(reply) ?? new ConnectionLost("garbled", true);
    const { id: _, ok: __, ...rest } = reply;
    return rest;
  }

  /** Closes the connection; what waits for a reply gets none. The client can be used on. */
  close() {
    this.#connection?.close();
  }

  async #answer(request, deadline) {
    // What was not sent whole was not carried out.
    let unsent = 1;
    let repeats = REPEATABLE.has(request.op) ? 1 : 0;
    for (;;) {
      try {
        return await this.#exchange(request, deadline);
      } catch (error) {
        const again = error.code === "ended" && (error.outcomeUnknown ? repeats-- : unsent--) > 0;
        if (!again) throw error;
      }
    }
  }

  async #exchange(request, deadline) {
    if (JSON.stringify(request).length > LONG_LINE) return this.#exchangeAlone(request, deadline);
    if (!this.#connection || this.#connection.ended) this.#connection = new Connection(this.#path);
    return this.#connection.ask(request, deadline);
  }

  async #exchangeAlone(request, deadline) {
    const connection = new Connection(this.#path);
    try {
      return await connection.ask(request, deadline);
    } finally {
      connection.close();
    }
  }
}

function member(name, reply) {
  const value = reply[name];
  if (value === null || value === undefined) throw new ConnectionLost("garbled", true);
  return value;
}
