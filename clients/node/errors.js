// What the daemon refuses with.
const MISUSES = new Set(["bad_request", "unknown_op", "missing_field", "invalid_field", "line_too_long", "forbidden_op"]);

/** A request that was not granted: a `Denied`, a `RetryLater` or a `Misuse`. */
export class UsherError extends Error {
  // Where no console shows them: they may hold a secret, the `challenge` of `otp_required`.
  #members;

  constructor(code, message, status, members = {}) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.#members = members;
  }

  /** The daemon's whole reply. */
  get members() { return this.#members; }

  /** Seconds to wait before the next attempt; null where the daemon does not say. */
  get retryAfter() {
    const { retry_after_ms: milliseconds, retry_after: seconds } = this.#members;
    return milliseconds === undefined ? (seconds ?? null) : milliseconds / 1000;
  }
}

/** The answer is no. Its message is for the visitor. */
export class Denied extends UsherError {}

/** The request is at fault. */
export class Misuse extends UsherError {}

/** The daemon cannot answer now. */
export class RetryLater extends UsherError {
  /** Whether the request may have been carried out all the same. */
  get outcomeUnknown() { return this.code !== "busy" && this.code !== "shutting_down"; }
}

const LOST = {
  unreachable: "The login service cannot be reached.",
  ended: "The login service closed the connection.",
  timed_out: "The login service took too long.",
  garbled: "The login service's answer makes no sense.",
};

/** There was no reply: `code` is `unreachable`, `ended`, `timed_out` or `garbled`. */
export class ConnectionLost extends RetryLater {
  #outcomeUnknown;

  constructor(code, outcomeUnknown) {
    super(code, LOST[code], 503);
    this.#outcomeUnknown = outcomeUnknown;
  }

  get outcomeUnknown() { return this.#outcomeUnknown; }
}

/** The error of a reply that is not `ok`; null for what is no such reply. */
export function refusal(reply) {
  const { ok, error, message, status } = reply;
  if (ok !== false || typeof error !== "string" || typeof message !== "string" || !Number.isInteger(status)) return null;
  const Kind = MISUSES.has(error) ? Misuse : status >= 500 ? RetryLater : Denied;
  return new Kind(error, message, status, reply);
}
