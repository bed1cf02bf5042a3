import type { Claims, Client, EndUser, Grant, LoginGrant, Registration, UsherError } from "./index.js";

type Next = (error?: unknown) => void;
/** Express's own `Request` and `Response` fit. */
type Handler = (req: any, res: any, next: Next) => void;

export interface Options {
  /** False is for development without TLS alone. */
  secure?: boolean;
  /** Shares the login with the subdomains of this domain. */
  domain?: string;
  /** False is for an app that the daemon does not trust to tell visitors' addresses. */
  address?: boolean;
  /** The path of a page that visitors with a browser are sent to where they must log in. */
  login?: string;
  /** Answers in another way than with JSON who may not go on. */
  refuse?: (error: UsherError, req: any, res: any) => void;
}

export interface Auth extends Handler {
  /** For visitors who are logged in: `req.user` has their claims. */
  authenticate: Handler;
  /** For everybody: `req.user` is null for those who are not logged in. */
  optionalAuth: Handler;
  /** For visitors who have any of the roles. */
  requireRoles(...roles: string[]): Handler;
  /** For visitors who have all of the permissions. */
  requirePermission(...permissions: string[]): Handler;
  /** The error handler for what routes raise themselves. */
  errors(error: unknown, req: any, res: any, next: Next): Promise<void>;
}

/** `app.use(usherAuth(client))` puts a `Visitor` at `req.usher`. */
export function usherAuth(client: Client, options?: Options): Auth;

export interface Visitor {
  /** What the visitor's token said when it was asked for last. */
  claims: Claims | null;
  require(required?: { roles?: string[]; permissions?: string[] }): Promise<Claims>;
  optional(): Promise<Claims | null>;
  login(login: string, password: string, options?: { audience?: string }): Promise<LoginGrant>;
  register(username: string, email: string, password: string, options?: { audience?: string }): Promise<Registration>;
  finishLogin(challenge: string, code: string): Promise<LoginGrant>;
  logout(options?: { everywhere?: boolean }): Promise<void>;
  /** For what the client is asked on the visitor's behalf, after `require`. */
  readonly accessToken: string | undefined;
  remember<T extends Partial<Grant>>(grant: T): T;
  forget(): void;
  readonly endUser: EndUser;
}
