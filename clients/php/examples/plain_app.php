<?php

// A small app without a framework.

declare(strict_types=1);

require __DIR__ . '/../src/autoload.php';

use Usher\{Client, UsherException, Visitor};

$client = new Client(getenv('USHER_SOCKET') ?: Client::USUAL_PATH);
$visitor = Visitor::fromGlobals($client, endUser: ['ip' => $_SERVER['REMOTE_ADDR']]);

$sent = json_decode(file_get_contents('php://input'), true);

try {
    switch ("$_SERVER[REQUEST_METHOD] " . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
        case 'POST /register':
            $visitor->register($sent['username'], $sent['email'], $sent['password']);
            $answer = ['ok' => true];
            break;
        case 'POST /login':
            $visitor->login($sent['login'], $sent['password']);
            $answer = ['ok' => true];
            break;
        case 'POST /logout':
            $visitor->logout(everywhere: isset($_GET['everywhere']));
            $answer = ['ok' => true];
            break;
        case 'GET /me':
            $answer = ['username' => $visitor->require()['username']];
            break;
        case 'GET /hello':
            $answer = ['hello' => $visitor->optional()['username'] ?? 'stranger'];
            break;
        case 'GET /admin':
            $answer = ['role' => $visitor->require(roles: ['admin', 'moderator'])['role']];
            break;
        case 'DELETE /users/ada':
            $visitor->require(permissions: ['user:delete']);
            $answer = ['deleted' => 'ada'];
            break;
    }
    $visitor->sendHeaders();
    header('Content-Type: application/json');
    echo json_encode($answer);
} catch (UsherException $refused) {
    $visitor->sendHeaders();
    $refused->send();
}
