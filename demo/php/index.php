<?php

// A small web app without a framework: `make demo` starts it.

declare(strict_types=1);

require __DIR__ . '/../../clients/php/src/autoload.php';

use Usher\{Client, Denied, Misuse, UsherException, Visitor};

$client = new Client(getenv('USHER_SOCKET') ?: Client::USUAL_PATH);
$visitor = Visitor::fromGlobals($client, endUser: ['ip' => $_SERVER['REMOTE_ADDR'], 'user_agent' => text(substr($_SERVER['HTTP_USER_AGENT'] ?? '', 0, 200))]);

/** `{{name}}` is a text, `{{{name}}}` is HTML. */
function fill(string $name, array $values): string
{
    return preg_replace_callback('/\{\{(\{?)(\w+)\}?\}\}/', function (array $found) use ($values): string {
        $text = (string) ($values[$found[2]] ?? '');
        return $found[1] ? $text : htmlspecialchars($text);
    }, file_get_contents(__DIR__ . "/../pages/$name.html"));
}

function page(string $name, array $values = [], int $status = 200): void
{
    global $visitor;
    foreach (['php', 'python', 'ruby'] as $app) {
        $values[$app] = getenv('DEMO_' . strtoupper($app)) ?: '/';
    }
    $values = ['app' => 'php', 'title' => ucfirst($name)] + $values;
    $html = fill('layout', ['body' => fill($name, $values)] + $values);
    http_response_code($status);
    header('Cache-Control: no-store');
    $visitor->sendHeaders();
    echo $html;
}

function redirect(string $path): void
{
    global $visitor;
    $visitor->sendHeaders();
    header("Location: $path", true, 303);
}

function notice(UsherException $error): string
{
    $wait = ceil($error->retryAfter() / 60);
    return $error->getMessage() . ($wait > 0 ? " Try again in $wait minute(s)." : '');
}

/** What a visitor sent, if it is a text. */
function text(mixed $value): string
{
    return is_string($value) && preg_match('//u', $value) ? $value : '';
}

/** What a form's field holds. */
function field(string $name): string
{
    return text($_POST[$name] ?? null);
}

/** The challenge of a login whose second step lacks stands for the password: out of reach of scripts, and for that step alone. */
function keepChallenge(string $challenge, int $seconds): void
{
    setcookie('demo_challenge', $challenge, ['expires' => $seconds ? time() + $seconds : 1, 'path' => '/code', 'secure' => true, 'httponly' => true, 'samesite' => 'Lax']);
}

/** A form is sent; if it is refused, it comes again, with the reason. */
function form(string $name, callable $send): void
{
    global $visitor;
    try {
        $send();
        keepChallenge('', 0);
        redirect('/');
    } catch (Denied | Misuse $error) {
        if ($error->getCode() === 'otp_required') {
            keepChallenge($error->members['challenge'], $error->members['expires_in']);
            redirect('/code');
        } else {
            page($name, ['notice' => notice($error)] + array_map(text(...), $_POST), $error->status);
        }
    }
}

function home(?array $claims): void
{
    if ($claims === null) {
        page('stranger');
        return;
    }
    $token = ['issued' => date('H:i:s', $claims['iat']), 'lifetime' => $claims['exp'] - $claims['iat']];
    page('home', $token + array_intersect_key($claims, ['username' => 1, 'email' => 1, 'role' => 1]));
}

// What changes something may come from our own pages alone. (Browsers tell; the other apps are other origins.)
if (!in_array($_SERVER['REQUEST_METHOD'], ['GET', 'HEAD']) && !in_array($_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'none', ['same-origin', 'none'])) {
    page('refused', ['heading' => 'Not from here', 'notice' => 'Another site sent this form.'], 403);
    return;
}
$challenge = $_COOKIE['demo_challenge'] ?? '';
// What answers GET answers HEAD.
$method = $_SERVER['REQUEST_METHOD'] === 'HEAD' ? 'GET' : $_SERVER['REQUEST_METHOD'];

try {
    match ("$method " . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
        'GET /' => home($visitor->optional()),
        'GET /login' => page('login'),
        'GET /register' => page('register'),
        'GET /code' => $challenge === '' ? redirect('/login') : page('code'),
        'POST /code' => form('code', fn () => $visitor->finishLogin($challenge, field('code'))),
        'POST /login' => form('login', fn () => $visitor->login(field('login'), field('password'))),
        'POST /register' => form('register', fn () => $visitor->register(field('username'), field('email'), field('password'))),
        'POST /logout' => [$visitor->logout(everywhere: field('everywhere') === 'yes'), redirect('/')],
        'GET /admin' => page('admin', $visitor->require(roles: ['admin', 'moderator'])),
        default => page('refused', ['heading' => 'Nothing here', 'notice' => 'There is no such page.'], 404),
    };
} catch (UsherException $error) {
    if ($error->status === 401) {
        redirect('/login');
    } else {
        page('refused', ['heading' => $error->status === 403 ? 'Not for you' : 'Not now', 'notice' => notice($error)], $error->status);
    }
}
