<?php

declare(strict_types=1);

namespace Usher;

/** There was no reply. The code is `unreachable`, `ended`, `timed_out` or `garbled`. */
final class ConnectionLost extends RetryLater
{
    public function __construct(string $code, string $message, private readonly bool $sent = true)
    {
        parent::__construct($code, $message, 503);
    }

    public function outcomeUnknown(): bool
    {
        return $this->sent;
    }

    public static function garbled(): self
    {
        return new self('garbled', "What the daemon's socket answers is no reply to what was asked.");
    }

    public static function timedOut(bool $sent = true): self
    {
        return new self('timed_out', 'The daemon has not answered in time.', $sent);
    }

    public static function ended(bool $sent): self
    {
        return new self('ended', 'The daemon closed the connection before it answered.', $sent);
    }
}
