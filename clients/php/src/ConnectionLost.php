<?php

declare(strict_types=1);

namespace Usher;

/** There was no reply. The code is `unreachable`, `ended`, `timed_out` or `garbled`. */
final class ConnectionLost extends RetryLater
{
    private const MESSAGES = [
        'unreachable' => 'The daemon cannot be reached: %s.',
        'ended' => 'The daemon closed the connection before it answered.',
        'timed_out' => 'The daemon has not answered in time.',
        'garbled' => "What the daemon's socket answers is no reply to what was asked.",
    ];

    /**
     * @param bool $sent whether the daemon may have got the whole request
     * @param string $reason why it is `unreachable`
     */
    public function __construct(string $code, private readonly bool $sent = true, string $reason = '')
    {
        parent::__construct($code, sprintf(self::MESSAGES[$code], $reason), 503);
    }

    public function outcomeUnknown(): bool
    {
        return $this->sent;
    }
}
