<?php

declare(strict_types=1);

namespace Usher;

/** A request that was not granted. Its text holds no password and no token; `$members` may (a `challenge`). */
abstract class UsherException extends \RuntimeException
{
    /**
     * @param string $code the stable word: `invalid_credentials`
     * @param string $message a sentence for people
     * @param int $status the HTTP status that a web app would send on
     * @param array<string, mixed> $members the whole reply: what an error carries besides, such as `field` or `challenge`
     */
    public function __construct(string $code, string $message, public readonly int $status, #[\SensitiveParameter] public readonly array $members = [])
    {
        parent::__construct($message);
        // A word, as PDOException has one: what getCode() returns.
        $this->code = $code;
    }

    /** Seconds to wait before the next attempt, where the daemon tells. */
    public function retryAfter(): int|float|null
    {
        return isset($this->members['retry_after_ms']) ? $this->members['retry_after_ms'] / 1000 : $this->members['retry_after'] ?? null;
    }

    /** @return array<string, string> the headers that an HTTP response about this has */
    public function headers(): array
    {
        $headers = ['Content-Type' => 'application/json', 'Cache-Control' => 'no-store'];
        if ($this->status === 401) {
            $headers['WWW-Authenticate'] = 'Bearer';
        }
        if ($this->retryAfter() !== null) {
            $headers['Retry-After'] = (string) (int) ceil($this->retryAfter());
        }
        return $headers;
    }

    /** What such a response says: JSON. */
    public function body(): string
    {
        return json_encode(['error' => $this->code, 'message' => $this->getMessage()], JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_UNICODE);
    }

    /** Sends such a response, where there is no framework. */
    public function send(): void
    {
        http_response_code($this->status);
        foreach ($this->headers() as $name => $value) {
            header("$name: $value");
        }
        echo $this->body();
    }

    public function __toString(): string
    {
        return static::class . ": {$this->getMessage()} ({$this->code})";
    }

    /** @return array<string, mixed> */
    public function __debugInfo(): array
    {
        return ['code' => $this->code, 'message' => $this->getMessage(), 'status' => $this->status];
    }

    /**
     * The exception for a reply that is not `ok`.
     *
     * @param array<string, mixed> $reply
     */
    final public static function of(#[\SensitiveParameter] array $reply): self
    {
        ['error' => $error, 'message' => $message, 'status' => $status] = $reply + ['error' => null, 'message' => null, 'status' => null];
        return match (true) {
            !is_string($error) || !is_string($message) || !is_int($status) => new ConnectionLost('garbled'),
            in_array($error, ['bad_request', 'unknown_op', 'missing_field', 'invalid_field', 'line_too_long', 'forbidden_op'], true)
                => new Misuse($error, $message, $status, $reply),
            $status >= 500 => new RetryLater($error, $message, $status, $reply),
            default => new Denied($error, $message, $status, $reply),
        };
    }
}
