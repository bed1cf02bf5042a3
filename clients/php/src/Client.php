<?php

declare(strict_types=1);

namespace Usher;

/**
 * A client of usherd. It keeps one connection, which ends with the script; one with a request that was not answered is closed and never used again.
 *
 * Every method throws {@see Denied}, {@see RetryLater} or {@see Misuse}. `$client` is the visitor, `['ip' => …, 'user_agent' => …]`.
 */
final class Client
{
    public const USUAL_PATH = '/run/usher/usher.sock';
    private const REPEATABLE = ['VERIFY', 'AUTHORIZE', 'PING', 'HELP'];

    private ?Connection $connection = null;

    /** @param float $timeout seconds from connecting to the reply */
    public function __construct(private readonly string $path = self::USUAL_PATH, private readonly float $timeout = 10.0)
    {
    }

    /** Closes the connection. The next request makes another one. */
    public function close(): void
    {
        // (One that a fiber waits on closes when it has its reply.)
        $this->connection = null;
    }

    /**
     * Sends a request. For operations that have no method here.
     *
     * @param array<string, mixed> $members those that are null are left out
     * @return array<string, mixed> the reply without `id` and `ok`
     * @throws UsherException
     */
    public function call(string $op, #[\SensitiveParameter] array $members = []): array
    {
        $deadline = hrtime(true) / 1e9 + $this->timeout;
        $members = array_filter($members, fn (#[\SensitiveParameter] $value) => $value !== null);
        foreach (['client', 'claims'] as $name) {
            if (($members[$name] ?? null) === []) {
                $members[$name] = new \stdClass();
            }
        }
        try {
            $reply = $this->connection($deadline)->exchange($op, $members, $deadline);
        } catch (ConnectionLost $lost) {
            // What was not sent whole was not carried out. What was, and changes nothing, may be asked again.
            if ($lost->getCode() !== 'ended' || ($lost->outcomeUnknown() && !in_array($op, self::REPEATABLE, true))) {
                throw $lost;
            }
            $reply = $this->connection($deadline)->exchange($op, $members, $deadline);
        }
        return $reply['ok'] ? array_diff_key($reply, ['id' => 0, 'ok' => 0]) : throw UsherException::of($reply);
    }

    /** @return array{server: string, version: string, protocol: int} */
    public function ping(): array
    {
        return $this->call('PING');
    }

    /** @return list<array<string, mixed>> */
    public function help(?string $topic = null): array
    {
        return $this->member('ops', 'HELP', ['topic' => $topic]);
    }

    /**
     * Creates an account.
     *
     * @return array<string, mixed> `user`, and `access_token` and `refresh_token`, unless the email must be confirmed first
     */
    public function register(string $username, string $email, #[\SensitiveParameter] string $password, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('REGISTER', ['username' => $username, 'email' => $email, 'password' => $password, 'audience' => $audience, 'client' => $client]);
    }

    /**
     * @param string $login a username or an email
     * @return array<string, mixed> `user`, `access_token`, `refresh_token`, …
     * @throws Denied with the code `otp_required`, and a `challenge` in `$members`, where the user has a second factor
     */
    public function login(string $login, #[\SensitiveParameter] string $password, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('LOGIN', ['login' => $login, 'password' => $password, 'audience' => $audience, 'client' => $client]);
    }

    /** The second step. @return array<string, mixed> */
    public function finishLogin(#[\SensitiveParameter] string $challenge, #[\SensitiveParameter] string $code, ?array $client = null): array
    {
        return $this->call('LOGIN', ['challenge' => $challenge, 'code' => $code, 'client' => $client]);
    }

    /** @return ?array<string, mixed> the token's claims; with `optional` null where it is no good */
    public function verify(#[\SensitiveParameter] ?string $token = null, #[\SensitiveParameter] ?string $authorization = null, ?string $audience = null, ?bool $optional = null): ?array
    {
        $members = ['token' => $token, 'authorization' => $authorization, 'audience' => $audience, 'optional' => $optional];
        return $this->member('claims', 'VERIFY', $members, $optional ? ['array', 'null'] : ['array']);
    }

    /**
     * @param ?list<string> $roles any of which will do
     * @param ?list<string> $permissions all of which are required
     * @return array<string, mixed> the token's claims
     */
    public function authorize(#[\SensitiveParameter] ?string $token = null, ?array $roles = null, ?array $permissions = null, #[\SensitiveParameter] ?string $authorization = null, ?string $audience = null): array
    {
        return $this->member('claims', 'AUTHORIZE', ['token' => $token, 'roles' => $roles, 'permissions' => $permissions, 'authorization' => $authorization, 'audience' => $audience]);
    }

    /** Exchanges a refresh token, which is good once. @return array<string, mixed> as `login` does */
    public function refresh(#[\SensitiveParameter] string $refreshToken, ?array $client = null): array
    {
        return $this->call('REFRESH', ['refresh_token' => $refreshToken, 'client' => $client]);
    }

    /**
     * @param ?string $scope `token`, `session` or `user`
     * @return bool false where nothing could be used any more
     */
    public function revoke(#[\SensitiveParameter] string $token, ?string $scope = null, ?string $session = null): bool
    {
        return $this->member('revoked', 'REVOKE', ['token' => $token, 'scope' => $scope, 'session' => $session], ['bool']);
    }

    /** @return array{sessions_ended: int} */
    public function password(#[\SensitiveParameter] string $token, #[\SensitiveParameter] string $password, #[\SensitiveParameter] string $newPassword, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('PASSWORD', ['token' => $token, 'password' => $password, 'new_password' => $newPassword, 'audience' => $audience, 'client' => $client]);
    }

    /** @return array{reset_token: ?string} the token to send to the `email` of the reply. Show all visitors the same page. */
    public function recover(string $email, ?array $client = null): array
    {
        return $this->call('RECOVER', ['email' => $email, 'client' => $client]);
    }

    /** @return array<string, mixed> `user`, `sessions_ended` */
    public function reset(#[\SensitiveParameter] string $resetToken, #[\SensitiveParameter] string $newPassword, ?array $client = null): array
    {
        return $this->call('RESET', ['reset_token' => $resetToken, 'new_password' => $newPassword, 'client' => $client]);
    }

    /** Confirms an email by its `confirmationToken`; issues one by `token` or `email`. @return array<string, mixed> */
    public function confirm(#[\SensitiveParameter] ?string $confirmationToken = null, #[\SensitiveParameter] ?string $token = null, ?string $email = null, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('CONFIRM', ['confirmation_token' => $confirmationToken, 'token' => $token, 'email' => $email, 'audience' => $audience, 'client' => $client]);
    }

    /** @return array<string, mixed> the user as it is now, after what is asked for has been changed */
    public function profile(#[\SensitiveParameter] string $token, ?string $username = null, ?string $email = null, ?array $claims = null, #[\SensitiveParameter] ?string $password = null, #[\SensitiveParameter] ?string $code = null, ?string $audience = null, ?array $client = null): array
    {
        return $this->member('user', 'PROFILE', ['token' => $token, 'username' => $username, 'email' => $email, 'claims' => $claims, 'password' => $password, 'code' => $code, 'audience' => $audience, 'client' => $client]);
    }

    /** @return list<array<string, mixed>> */
    public function sessions(#[\SensitiveParameter] string $token, ?string $audience = null): array
    {
        return $this->member('sessions', 'SESSIONS', ['token' => $token, 'audience' => $audience]);
    }

    /** @return array{deleted: true} */
    public function delete(#[\SensitiveParameter] string $token, #[\SensitiveParameter] string $password, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('DELETE', ['token' => $token, 'password' => $password, 'audience' => $audience, 'client' => $client]);
    }

    /**
     * @param string $action `status`, `enrol`, `confirm`, `recovery_codes` or `disable`
     * @return array<string, mixed>
     */
    public function totp(string $action, #[\SensitiveParameter] string $token, #[\SensitiveParameter] ?string $password = null, #[\SensitiveParameter] ?string $code = null, ?string $audience = null, ?array $client = null): array
    {
        return $this->call('TOTP', ['action' => $action, 'token' => $token, 'password' => $password, 'code' => $code, 'audience' => $audience, 'client' => $client]);
    }

    private function connection(float $deadline): Connection
    {
        if (!$this->connection?->isQuiet()) {
            // What nobody is using closes with its last reference, the copy of one that a parent process has included.
            $this->connection = null;
            $this->connection = new Connection($this->path, $deadline);
        }
        return $this->connection;
    }

    /** @param list<string> $types what it may be, as {@see get_debug_type} has it */
    private function member(string $name, string $op, #[\SensitiveParameter] array $members, array $types = ['array']): mixed
    {
        $value = $this->call($op, $members)[$name] ?? null;
        return in_array(get_debug_type($value), $types, true) ? $value : throw new ConnectionLost('garbled');
    }
}
