<?php

// Runs an app: a request a line (JSON) on stdin, an answer a line on stdout.

declare(strict_types=1);

ini_set('display_errors', 'stderr');
require __DIR__ . '/../src/autoload.php';
spl_autoload_register(function (string $class): void {
    foreach (['Nyholm\\Psr7\\', 'Psr\\Http\\Message\\'] as $prefix) {
        if (str_starts_with($class, $prefix)) {
            require '/usr/share/php/' . strtr($class, '\\', '/') . '.php';
        }
    }
});
require __DIR__ . '/psr15_interfaces.php';

use Nyholm\Psr7\ServerRequest;

$app = require __DIR__ . '/../examples/psr15_app.php';
while ($line = fgets(STDIN)) {
    $asked = json_decode($line, true);
    $request = new ServerRequest($asked['method'], $asked['path'], $asked['headers'], $asked['body'], '1.1', ['REMOTE_ADDR' => '192.0.2.44']);
    parse_str(parse_url($asked['path'], PHP_URL_QUERY) ?? '', $query);
    $cookies = [];
    foreach (explode('; ', $asked['headers']['Cookie'] ?? '') as $pair) {
        [$name, $value] = explode('=', $pair, 2) + [1 => ''];
        $cookies[$name] = $value;
    }
    $response = $app($request->withQueryParams($query)->withCookieParams($cookies));
    $headers = [];
    foreach ($response->getHeaders() as $name => $values) {
        foreach ($values as $value) {
            $headers[] = [$name, $value];
        }
    }
    echo json_encode(['status' => $response->getStatusCode(), 'headers' => $headers, 'body' => (string) $response->getBody()]), "\n";
}
