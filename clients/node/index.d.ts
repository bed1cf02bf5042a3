/** The daemon's reply as protocol.md has it. */
export type Reply = Record<string, any>;

/** The visitor, as the app sees them. */
export interface EndUser {
  ip?: string;
  user_agent?: string;
}

export interface User {
  id: string;
  username: string;
  email: string;
  role: string;
  permissions: string[];
  claims: Record<string, unknown>;
  email_verified: boolean;
  created_at: number;
  last_login_at: number | null;
}

/** What an access token says. */
export interface Claims {
  iss: string;
  aud: string;
  sub: string;
  iat: number;
  nbf?: number;
  exp: number;
  jti: string;
  sid: string;
  role?: string;
  permissions?: string[];
  username?: string;
  email?: string;
  [claim: string]: unknown;
}

export interface Grant {
  user: User;
  access_token: string;
  refresh_token: string;
  token_type: "Bearer";
  /** Seconds. */
  expires_in: number;
  refresh_expires_in: number;
}

/** Of a login, how many attempts there may be, how many are left, and the seconds until there are more. */
export interface LoginGrant extends Grant {
  limit: number;
  remaining: number;
  reset: number;
}

/** With the setting `require_confirmed_email` there is a `confirmation_token`, and no session. */
export type Registration = Partial<Omit<Grant, "user">> & { user: User; confirmation_token?: string; confirmation_expires_in?: number };

export interface Session {
  id: string;
  current: boolean;
  audience: string;
  created_at: number;
  last_used_at: number;
  expires_at: number;
  client?: EndUser;
}

/** Members that are null or undefined count as absent. */
type Optional<T> = { [K in keyof T]?: T[K] | null };
type WithAudience = Optional<{ audience: string; client: EndUser }>;
type WithClient = Optional<{ client: EndUser }>;

/** A client of usherd, with one method an operation. All methods reject with `Denied`, `Misuse` and `RetryLater`. */
export class Client {
  /** @param options.timeout the milliseconds that a request may take from connecting to the end of its reply; 10,000 */
  constructor(path?: string, options?: { timeout?: number });

  ping(): Promise<{ server: string; version: string; protocol: number }>;
  help(options?: Optional<{ topic: string }>): Promise<Reply[]>;
  register(username: string, email: string, password: string, options?: WithAudience): Promise<Registration>;
  login(login: string, password: string, options?: WithAudience): Promise<LoginGrant>;
  finishLogin(challenge: string, code: string, options?: WithClient): Promise<LoginGrant>;
  verify(token: string | null | undefined, options: Optional<{ authorization: string; audience: string }> & { optional: true }): Promise<Claims | null>;
  verify(token?: string | null, options?: Optional<{ authorization: string; audience: string; optional: false }>): Promise<Claims>;
  authorize(
    token?: string | null,
    options?: Optional<{ roles: string[]; permissions: string[]; authorization: string; audience: string }>,
  ): Promise<Claims>;
  refresh(refreshToken: string, options?: WithClient): Promise<Grant>;
  revoke(token: string, options?: Optional<{ scope: "token" | "session" | "user"; session: string }>): Promise<boolean>;
  password(token: string, password: string, newPassword: string, options?: WithAudience): Promise<Reply>;
  recover(email: string, options?: WithClient): Promise<{ reset_token?: string | null; expires_in?: number; email?: string }>;
  reset(resetToken: string, newPassword: string, options?: WithClient): Promise<{ user: User; sessions_ended: number }>;
  confirm(options: WithAudience & Optional<{ confirmation_token: string; token: string; email: string }>): Promise<Reply>;
  profile(
    token: string,
    options?: WithAudience & Optional<{ username: string; email: string; claims: Record<string, unknown>; password: string; code: string }>,
  ): Promise<User>;
  sessions(token: string, options?: Optional<{ audience: string }>): Promise<Session[]>;
  delete(token: string, password: string, options?: WithAudience): Promise<Reply>;
  totp(
    action: "status" | "enrol" | "confirm" | "recovery_codes" | "disable",
    token: string,
    options?: WithAudience & Optional<{ password: string; code: string }>,
  ): Promise<Reply>;

  /** Any operation, by its name: the reply without `id` and `ok`. */
  call(op: string, members?: Record<string, unknown>): Promise<Reply>;
  /** Closes the connection. The client can be used on. */
  close(): void;
}

export class UsherError extends Error {
  /** The stable word for programs: `invalid_credentials`. */
  readonly code: string;
  /** The HTTP status that a web app would send on. */
  readonly status: number;
  /** The daemon's whole reply. It may hold a secret: the `challenge` of `otp_required`. */
  get members(): Reply;
  /** Seconds to wait before the next attempt; null where the daemon does not say. */
  get retryAfter(): number | null;
}

/** The answer is no. Its message is for the visitor. */
export class Denied extends UsherError {}

/** The request is at fault. */
export class Misuse extends UsherError {}

/** The daemon cannot answer now. */
export class RetryLater extends UsherError {
  /** Whether the request may have been carried out all the same. */
  get outcomeUnknown(): boolean;
}

/** There was no reply. */
export class ConnectionLost extends RetryLater {
  readonly code: "unreachable" | "ended" | "timed_out" | "garbled";
}
