<?php

declare(strict_types=1);

namespace Usher;

/**
 * The visitor of a web app: who it is, by header or cookies, with a silent refresh.
 *
 * Send `headers()` with the response. There is no persistent state: of requests that refresh at the same time in several processes, the daemon's
 * grace window gives each the same next token.
 */
final class Visitor
{
    /** @var ?array<string, mixed> what the visitor's token says; null before it was asked for, and where there is none */
    public ?array $claims = null;

    /** @var list<string> */
    private array $setCookies = [];
    private bool $sent = false;
    private bool $ownsResponse = false;
    private ?string $authorization;
    private ?string $access;
    private ?string $refresh;

    /**
     * @param array<string, string> $cookies those of the request
     * @param ?string $authorization the header of this name, which counts before cookies
     * @param ?array{ip?: string, user_agent?: string} $endUser for the throttle and the list of sessions, where the app may tell it
     * @param ?string $domain shares the cookies with subdomains
     */
    public function __construct(
        private readonly Client $client,
        #[\SensitiveParameter] array $cookies,
        #[\SensitiveParameter] ?string $authorization = null,
        public readonly ?array $endUser = null,
        private readonly ?string $domain = null,
        private readonly bool $secure = true,
    ) {
        // (A proxy may have a password of its own there.)
        $this->authorization = preg_match('/^bearer(\s|$)/i', $authorization ?? '') ? $authorization : null;
        $this->access = $this->authorization === null ? self::cookie($cookies, 'usher_access') : null;
        $this->refresh = $this->authorization === null ? self::cookie($cookies, 'usher_refresh') : null;
    }

    /**
     * For a script without a framework, which sends `headers()` itself: see `sendHeaders`. The options are the constructor's.
     *
     * @param ?array{ip?: string, user_agent?: string} $endUser
     */
    public static function fromGlobals(Client $client, ?array $endUser = null, ?string $domain = null, bool $secure = true): self
    {
        $authorization = $_SERVER['HTTP_AUTHORIZATION'] ?? $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ?? null;
        $visitor = new self($client, $_COOKIE, $authorization, $endUser, $domain, $secure);
        $visitor->ownsResponse = true;
        return $visitor;
    }

    /**
     * Demands that the visitor is logged in, and has any of the roles and all of the permissions.
     *
     * @param ?list<string> $roles
     * @param ?list<string> $permissions
     * @return array<string, mixed> the claims
     * @throws UsherException
     */
    public function require(?array $roles = null, ?array $permissions = null): array
    {
        $this->claims = null;
        if ($this->authorization !== null) {
            return $this->claims = $this->ask($roles, $permissions, null, $this->authorization);
        }
        for ($refreshed = 0;; $refreshed++) {
            $sent = $this->sent || ($this->ownsResponse && headers_sent());
            $renewable = $this->refresh !== null && !$sent && $refreshed < 2;
            if ($this->access !== null || !$renewable) {
                try {
                    return $this->claims = $this->ask($roles, $permissions, $this->access);
                } catch (Denied $denied) {
                    // (Twice, where the account has changed since the refresh.)
                    if ($denied->status !== 401 || !$renewable) {
                        throw $denied;
                    }
                }
            }
            try {
                $this->remember($this->refreshed());
            } catch (Denied $denied) {
                $this->forget();
                throw $denied;
            }
        }
    }

    /** @return ?array<string, mixed> the claims; null of a visitor who is not logged in */
    public function optional(): ?array
    {
        try {
            return $this->require();
        } catch (Denied) {
            return null;
        }
    }

    /** For what the client is asked on the visitor's behalf, after `require`: `$client->sessions($visitor->accessToken())`. */
    public function accessToken(): ?string
    {
        return $this->access ?? preg_filter('/^\S+\s+(\S+)\s*$/', '$1', $this->authorization ?? '');
    }

    /**
     * Keeps what REGISTER or LOGIN answered in the visitor's cookies. One without tokens (an email is to be confirmed first) changes nothing.
     *
     * @param array<string, mixed> $grant
     * @return array<string, mixed> the same
     */
    public function remember(#[\SensitiveParameter] array $grant): array
    {
        if (!isset($grant['access_token'])) {
            return $grant;
        }
        $this->authorization = $this->claims = null;
        $this->access = $grant['access_token'];
        $this->refresh = $grant['refresh_token'];
        $this->setCookies = [
            $this->setCookie('usher_access', $this->access, $grant['expires_in']),
            $this->setCookie('usher_refresh', $this->refresh, $grant['refresh_expires_in']),
        ];
        return $grant;
    }

    /**
     * LOGIN, with the visitor's address if the app tells it. The tokens go into cookies; the answer is the client's.
     *
     * @return array<string, mixed>
     */
    public function login(string $login, #[\SensitiveParameter] string $password, ?string $audience = null): array
    {
        return $this->remember($this->client->login($login, $password, $audience, $this->endUser));
    }

    /** REGISTER, likewise. @return array<string, mixed> */
    public function register(string $username, string $email, #[\SensitiveParameter] string $password, ?string $audience = null): array
    {
        return $this->remember($this->client->register($username, $email, $password, $audience, $this->endUser));
    }

    /** The second step of LOGIN, likewise. @return array<string, mixed> */
    public function finishLogin(#[\SensitiveParameter] string $challenge, #[\SensitiveParameter] string $code): array
    {
        return $this->remember($this->client->finishLogin($challenge, $code, $this->endUser));
    }

    /** Ends the session, or all of the user's, and drops the cookies. */
    public function logout(bool $everywhere = false): void
    {
        if ($everywhere) {
            // It takes a living access token.
            $this->require();
        }
        $token = ($everywhere ? null : $this->refresh) ?? $this->accessToken();
        if ($token !== null) {
            $this->client->revoke($token, $everywhere ? 'user' : 'session');
        }
        $this->forget();
    }

    /** Drops the cookies. `logout` ends the session, too. */
    public function forget(): void
    {
        $this->access = $this->refresh = $this->authorization = $this->claims = null;
        $this->setCookies = [$this->setCookie('usher_access', '', 0), $this->setCookie('usher_refresh', '', 0)];
    }

    /**
     * What the response is to have besides. From then on nothing is refreshed: the new tokens would be lost.
     *
     * @return array<string, list<string>>
     */
    public function headers(): array
    {
        $this->sent = true;
        return $this->setCookies === [] ? [] : ['Set-Cookie' => $this->setCookies, 'Cache-Control' => ['no-store']];
    }

    /** For a script without a framework. */
    public function sendHeaders(): void
    {
        foreach ($this->headers() as $name => $values) {
            foreach ($values as $value) {
                header("$name: $value", false);
            }
        }
    }

    public function __debugInfo(): array
    {
        return ['claims' => $this->claims];
    }

    /** @return array<string, mixed> */
    private function refreshed(): array
    {
        try {
            return $this->client->refresh($this->refresh, $this->endUser);
        } catch (ConnectionLost $lost) {
            // It may have taken place, and the old token is good for some seconds only: that cannot wait for the visitor's next request.
            return $lost->getCode() === 'ended' && $lost->outcomeUnknown() ? $this->client->refresh($this->refresh, $this->endUser) : throw $lost;
        }
    }

    private function ask(?array $roles, ?array $permissions, #[\SensitiveParameter] ?string $token, #[\SensitiveParameter] ?string $authorization = null): array
    {
        // An empty list is one: the daemon refuses it.
        return $roles === null && $permissions === null
            ? $this->client->verify($token, $authorization)
            : $this->client->authorize($token, $roles, $permissions, $authorization);
    }

    private function setCookie(string $name, #[\SensitiveParameter] string $value, int $seconds): string
    {
        return "$name=$value; Max-Age=$seconds; Path=/; HttpOnly; SameSite=Lax" . ($this->secure ? '; Secure' : '') . ($this->domain !== null ? "; Domain=$this->domain" : '');
    }

    private static function cookie(#[\SensitiveParameter] array $cookies, string $name): ?string
    {
        // Anything else is no token, and may be no JSON.
        return preg_match('/^[\x21-\x7e]{1,4096}$/D', is_string($cookies[$name] ?? null) ? $cookies[$name] : '') ? $cookies[$name] : null;
    }
}
