<?php

// Runs clients/contract/cases.json: contract.php CASES FOLDER [NAME]

declare(strict_types=1);

require __DIR__ . '/../src/autoload.php';

// So that secrets in the arguments of a trace would be found.
ini_set('zend.exception_ignore_args', '0');
ini_set('zend.exception_string_param_max_len', '1000');

use Usher\{Client, ConnectionLost, Denied, Misuse, RetryLater, UsherException};

final class Wrong extends Exception
{
}

function matches(mixed $wanted, mixed $got): bool
{
    if ($wanted === '…') {
        return $got !== null;
    }
    if (!is_array($wanted)) {
        return $wanted === $got || (is_numeric($wanted) && is_numeric($got) && $wanted == $got && !is_string($wanted) && !is_string($got));
    }
    // To PHP an empty list and an empty object are the same.
    if (!is_array($got) || ($wanted !== [] && array_is_list($wanted) && count($wanted) !== count($got))) {
        return false;
    }
    foreach ($wanted as $name => $value) {
        if (!matches($value, $got[$name] ?? null)) {
            return false;
        }
    }
    return true;
}

function filled(mixed $value, array $variables): mixed
{
    if (is_string($value)) {
        foreach ($variables as $name => $known) {
            if ($value === "{{$name}}") {
                return $known;
            }
            $value = is_string($known) ? str_replace("{{$name}}", $known, $value) : $value;
        }
    } elseif (is_array($value)) {
        foreach ($value as $name => $inner) {
            $value[$name] = $name === 'connections' ? $inner : filled($inner, $variables);
        }
    }
    return $value;
}

function camel(string $name): string
{
    return lcfirst(str_replace('_', '', ucwords($name, '_')));
}

function described(UsherException $error): array
{
    return [
        'kind' => match (true) {
            $error instanceof ConnectionLost => 'lost',
            $error instanceof RetryLater => 'retry_later',
            $error instanceof Denied => 'denied',
            $error instanceof Misuse => 'misuse',
        },
        'code' => $error->getCode(), 'status' => $error->status, 'message' => $error->getMessage(), 'members' => $error->members,
        'retry_after' => $error->retryAfter(), 'outcome_unknown' => $error instanceof RetryLater ? $error->outcomeUnknown() : null,
    ];
}

final class Runner
{
    private Client $client;
    private array $variables = [];

    public function __construct(private array $secrets, private string $folder)
    {
    }

    public function run(array $case): array
    {
        if (($case['needs'] ?? null) === 'together') {
            return ['skip' => 'PHP has no threads'];
        }
        if (($case['needs'] ?? null) === 'fork' && !function_exists('pcntl_fork')) {
            return ['skip' => 'there is no pcntl'];
        }
        $this->client = new Client("$this->folder/{$case['server']}.sock", ...(isset($case['timeout']) ? ['timeout' => $case['timeout']] : []));
        $this->variables = [];
        foreach ($case['steps'] as $number => $step) {
            try {
                $this->step($step);
            } catch (Throwable $error) {
                return ['ok' => false, 'step' => $number, 'why' => $error instanceof Wrong ? $error->getMessage() : (string) $error];
            }
        }
        $this->client->close();
        return ['ok' => true];
    }

    private function step(array $step): void
    {
        if (isset($step['fork'])) {
            $this->fork($step);
            return;
        }
        $step = filled($step, $this->variables);
        for ($time = 0; $time < ($step['times'] ?? 1); $time++) {
            $result = isset($step['driver']) ? $this->askDriver($step) : $this->call($step);
        }
        foreach ($step['keep'] ?? [] as $name => $path) {
            $this->variables[$name] = array_reduce(explode('.', $path), fn ($found, $part) => $found[$part], $result);
        }
    }

    private function call(array $step): mixed
    {
        $arguments = [];
        foreach ($step['args'] ?? [] as $name => $value) {
            $arguments[camel($name)] = $value;
        }
        try {
            $result = $this->client->{camel($step['call'])}(...$arguments);
            $wanted = array_key_exists('returns', $step) ? $step['returns'] : '(an exception)';
        } catch (UsherException $error) {
            // This runner's own frames show the arguments.
            $frames = array_filter($error->getTrace(), fn ($frame) => str_starts_with($frame['class'] ?? '', 'Usher\\'));
            $text = "$error\n" . print_r($error, true) . print_r($frames, true) . $error->getPrevious();
            foreach ($this->secrets as $name) {
                if (isset($step['args'][$name]) && str_contains($text, $step['args'][$name])) {
                    throw new Wrong("$name is in the text of " . $error::class);
                }
            }
            $result = described($error);
            $wanted = $step['raises'] ?? '(a result)';
        }
        if (!matches($wanted, $result)) {
            throw new Wrong(substr("{$step['call']}: not " . json_encode($wanted) . ': ' . json_encode($result), 0, 2000));
        }
        return $result;
    }

    private function askDriver(array $step): array
    {
        echo json_encode($step), "\n";
        $reply = json_decode(fgets(STDIN), true);
        if (isset($reply['error']) || !matches($step['returns'] ?? [], $reply)) {
            throw new Wrong('the driver says ' . json_encode($reply));
        }
        return $reply;
    }

    private function fork(array $step): void
    {
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                array_map($this->step(...), $step['fork']);
            } catch (Throwable $error) {
                fwrite(STDERR, "$error\n");
                exit(1);
            }
            exit(0);
        }
        array_map($this->step(...), $step['meanwhile']);
        pcntl_waitpid($child, $status);
        if ($status !== 0) {
            throw new Wrong('the child failed');
        }
    }
}

$table = json_decode(file_get_contents($argv[1]), true);
$runner = new Runner($table['secrets'], $argv[2]);
foreach ($table['cases'] as $case) {
    if (!isset($argv[3]) || $argv[3] === $case['name']) {
        echo json_encode(['case' => $case['name']] + $runner->run($case), JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    }
}
