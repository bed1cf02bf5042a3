<?php

declare(strict_types=1);

namespace Usher;

/**
 * One connection, for one request at a time.
 *
 * @internal
 */
final class Connection
{
    private const MAX_REPLY = 16 << 20;
    private const EAGAIN = 11;

    /** @var resource */
    private $stream;
    private int $lastId;
    private readonly int $pid;
    private bool $busy = false;

    /** @param float $deadline of hrtime, in seconds */
    public function __construct(string $path, float $deadline)
    {
        // One whose reply is outstanding must end with the script, so it is never a persistent one.
        while (!($stream = @stream_socket_client("unix://$path", $errno, $error, self::left($deadline, false)))) {
            if ($errno !== self::EAGAIN) {
                throw new ConnectionLost('unreachable', false, $error ?: 'no answer');
            }
            // So many wait to be taken up that there is no room for one more.
            usleep(10_000);
        }
        stream_set_blocking($stream, false);
        $this->stream = $stream;
        $this->lastId = random_int(0, 1 << 48);
        $this->pid = getmypid();
    }

    /** Whether the next request may go out on it: it is this process's, waits for no reply (to another fiber), and has nothing to read, not even its end. */
    public function isQuiet(): bool
    {
        return !$this->busy && $this->pid === getmypid() && is_resource($this->stream) && !$this->waits(0.0, true);
    }

    /**
     * Sends a request and waits for its reply. The connection is closed unless there is one.
     *
     * @param array<string, mixed> $members
     * @return array<string, mixed>
     * @throws ConnectionLost
     * @throws Misuse where it cannot be written as JSON: then the connection is as before
     */
    public function exchange(string $op, #[\SensitiveParameter] array $members, float $deadline): array
    {
        $id = ++$this->lastId;
        $request = json_encode(['id' => $id, 'op' => $op] + $members, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION);
        if ($request === false) {
            throw new Misuse('bad_request', 'The request cannot be written as JSON: ' . json_last_error_msg() . '.', 400);
        }
        $answered = false;
        $this->busy = true;
        try {
            $sent = $this->send("$request\n", $deadline);
            $reply = (array) json_decode($this->line($deadline, $sent), true);
            $answered = $sent && ($reply['id'] ?? null) === $id && is_bool($reply['ok'] ?? null);
            // Who is turned away at the door, or sent too long a line, is answered without an id.
            $turnedAway = !array_key_exists('id', $reply) && ($reply['ok'] ?? null) === false;
            return $answered || $turnedAway ? $reply : throw new ConnectionLost('garbled');
        } finally {
            $this->busy = false;
            if (!$answered) {
                fclose($this->stream);
            }
        }
    }

    /** Whether all of it could be written. If not, the reason may wait to be read. */
    private function send(#[\SensitiveParameter] string $line, float $deadline): bool
    {
        while (($written = @fwrite($this->stream, $line)) !== strlen($line)) {
            if ($written === false) {
                return false;
            }
            $line = substr($line, $written);
            $this->waits(self::left($deadline, false), false);
        }
        return true;
    }

    private function line(float $deadline, bool $sent): string
    {
        $data = '';
        do {
            $this->waits(self::left($deadline, $sent), true);
            $piece = @fread($this->stream, 8192);
            if ($piece === false || ($piece === '' && feof($this->stream))) {
                throw new ConnectionLost('ended', $sent);
            }
            $data .= $piece;
        } while (!str_contains($piece, "\n") && strlen($data) <= self::MAX_REPLY);
        return strpos($data, "\n") === strlen($data) - 1 ? $data : throw new ConnectionLost('garbled');
    }

    /** Waits until it can be read, or written; false if that takes too long. */
    private function waits(float $seconds, bool $toRead): bool
    {
        $read = $toRead ? [$this->stream] : [];
        $write = $toRead ? [] : [$this->stream];
        $except = [];
        return (bool) @stream_select($read, $write, $except, (int) $seconds, (int) (($seconds - (int) $seconds) * 1e6));
    }

    private static function left(float $deadline, bool $sent): float
    {
        $left = $deadline - hrtime(true) / 1e9;
        return $left > 0 ? $left : throw new ConnectionLost('timed_out', $sent);
    }
}
