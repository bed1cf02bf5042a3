import { Connection } from "./connection.js";
import { ConnectionLost, Misuse, refusal } from "./errors.js";

export { ConnectionLost, Denied, Misuse, RetryLater, UsherError } from "./errors.js";

// What changes nothing, and may be asked again when the connection was lost.
const REPEATABLE = new Set(["VERIFY", "AUTHORIZE", "PING", "HELP"]);

// What the daemon may refuse without an id goes on a connection of its own, for its answer would be everybody's: a line that is too long, half a
// surrogate, what is nested too deeply. (More than that is in here.)
const questionable = (json) => json.length > 8192 || json.includes("\\ud") || json.split(/[[{]/).length > 30;

/**
 * A client of usherd, with one method an operation. All requests share one connection, which is made when it is needed.
 *
 * What comes back is the daemon's reply as protocol.md has it, or the member of it that a method's comment names. All methods reject with
 * `Denied`, `Misuse` and `RetryLater`; the latter also as `ConnectionLost`. `options` are members of the request, as index.d.ts has them.
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

  ping() { return this.call("PING"); }

  /** The list of operations, or the one that is the `topic`. */
  help(options) { return this.#member("ops", "HELP", options); }

  /** `client`, here and below: `{ ip, user_agent }` of the visitor. Without `ip` the daemon cannot throttle attackers one by one. */
  register(username, email, password, options) { return this.call("REGISTER", { ...options, username, email, password }); }

  /** `login` is a username or an email. A user with a second factor is `Denied` with `otp_required`; go on with `finishLogin`. */
  login(login, password, options) { return this.call("LOGIN", { ...options, login, password }); }

  /** The second step: the `challenge` is in the members of what `login` rejected with. */
  finishLogin(challenge, code, options) { return this.call("LOGIN", { ...options, challenge, code }); }

  /** The claims of an access token, or of a whole Authorization header; null for a bad one if it is `optional`. */
  verify(token, options) { return this.#member("claims", "VERIFY", { ...options, token }, options?.optional); }

  /** The claims of a token that has any of the roles and all of the permissions. */
  authorize(token, options) { return this.#member("claims", "AUTHORIZE", { ...options, token }); }

  /** The next pair of tokens. One refresh token must not be in use twice at once: see `usher-client/express`. */
  refresh(refreshToken, options) { return this.call("REFRESH", { ...options, refresh_token: refreshToken }); }

  /** Whether there was anything to revoke. `scope` is `token`, `session` or `user`; `session` is the id of another session to end. */
  revoke(token, options) { return this.#member("revoked", "REVOKE", { ...options, token }); }

  password(token, password, newPassword, options) { return this.call("PASSWORD", { ...options, token, password, new_password: newPassword }); }

  /** The `reset_token` is null where no account has this email: show visitors the same page. */
  recover(email, options) { return this.call("RECOVER", { ...options, email }); }

  reset(resetToken, newPassword, options) { return this.call("RESET", { ...options, reset_token: resetToken, new_password: newPassword }); }

  /** Takes a `confirmation_token` back, or issues one for a `token` or an `email`. */
  confirm(options) { return this.call("CONFIRM", options); }

  /** The user, after the changes that were asked for. */
  profile(token, options) { return this.#member("user", "PROFILE", { ...options, token }); }

  /** Where the user is logged in. */
  sessions(token, options) { return this.#member("sessions", "SESSIONS", { ...options, token }); }

  delete(token, password, options) { return this.call("DELETE", { ...options, token, password }); }

  /** `action`: `status`, `enrol`, `confirm`, `recovery_codes` or `disable`. */
  totp(action, token, options) { return this.call("TOTP", { ...options, action, token }); }

  /** Any operation, by its name: the reply without `id` and `ok`. Members that are null or undefined are left out. */
  async call(op, members) {
    const reply = await this.#answer(op, written(op, members), performance.now() + this.#timeout);
    if (reply.ok !== true) throw refusal(reply) ?? new ConnectionLost("garbled", true);
    const { id: _, ok: __, ...rest } = reply;
    return rest;
  }

  /** Closes the connection; what waits for a reply gets none. The client can be used on. */
  close() { this.#connection?.close(); }

  async #member(name, op, members, optional = false) {
    const value = (await this.call(op, members))[name] ?? null;
    if (value === null && !optional) throw new ConnectionLost("garbled", true);
    return value;
  }

  async #answer(op, members, deadline) {
    // What was not sent whole was not carried out.
    let unsent = 1;
    let repeats = REPEATABLE.has(op) ? 1 : 0;
    for (;;) {
      try {
        return await this.#exchange(members, deadline);
      } catch (error) {
        const again = error.code === "ended" && (error.outcomeUnknown ? repeats-- : unsent--) > 0;
        if (!again) throw error;
      }
    }
  }

  async #exchange(members, deadline) {
    if (!questionable(members)) {
      if (!this.#connection || this.#connection.ended) this.#connection = new Connection(this.#path);
      return this.#connection.ask(members, deadline);
    }
    const connection = new Connection(this.#path);
    try {
      return await connection.ask(members, deadline);
    } finally {
      connection.close();
    }
  }
}

/** The members of a request as JSON, without braces. */
function written(op, members) {
  try {
    // (The operation comes last: no member may stand in for it.)
    const given = Object.entries({ ...members, op }).filter(([name, value]) => name !== "id" && value !== null && value !== undefined);
    return JSON.stringify(Object.fromEntries(given), finite).slice(1, -1);
  } catch {
    // Whose text may show what could not be written.
    throw new Misuse("bad_request", "A member of the request cannot be written as JSON.", 400);
  }
}

function finite(_, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError();
  return value;
}
