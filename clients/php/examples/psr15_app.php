<?php

// A small app with PSR-15 middleware. A router of a framework (Slim, Mezzio) would stand where the `match` is.

declare(strict_types=1);

use Nyholm\Psr7\Factory\Psr17Factory;
use Nyholm\Psr7\Response;
use Psr\Http\Message\{ResponseInterface, ServerRequestInterface};
use Psr\Http\Server\{MiddlewareInterface, RequestHandlerInterface};
use Usher\{Client, Psr15, Visitor};

/** The last handler of a chain: a function. */
final class View implements RequestHandlerInterface
{
    public function __construct(private readonly Closure $view)
    {
    }

    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        $answer = ($this->view)($request);
        return new Response(200, ['Content-Type' => 'application/json'], json_encode($answer));
    }

    public function behind(MiddlewareInterface $middleware): RequestHandlerInterface
    {
        return new class ($middleware, $this) implements RequestHandlerInterface {
            public function __construct(private readonly MiddlewareInterface $middleware, private readonly RequestHandlerInterface $next)
            {
            }

            public function handle(ServerRequestInterface $request): ResponseInterface
            {
                return $this->middleware->process($request, $this->next);
            }
        };
    }
}

$client = new Client(getenv('USHER_SOCKET') ?: Client::USUAL_PATH);
$usher = new Psr15($client, new Psr17Factory(), endUser: fn ($request) => ['ip' => $request->getServerParams()['REMOTE_ADDR']]);

$router = new class implements RequestHandlerInterface {
    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        $route = match ($request->getMethod() . ' ' . $request->getUri()->getPath()) {
            'POST /register' => new View($this->register(...)),
            'POST /login' => new View($this->login(...)),
            'POST /logout' => new View($this->logout(...)),
            'GET /me' => (new View($this->me(...)))->behind(Psr15::authenticate()),
            'GET /hello' => (new View($this->hello(...)))->behind(Psr15::optionalAuth()),
            'GET /admin' => (new View($this->admin(...)))->behind(Psr15::requireRoles('admin', 'moderator')),
            'DELETE /users/ada' => (new View(fn () => ['deleted' => 'ada']))->behind(Psr15::requirePermission('user:delete')),
        };
        return $route->handle($request);
    }

    private function register(ServerRequestInterface $request): array
    {
        ['username' => $username, 'email' => $email, 'password' => $password] = json_decode((string) $request->getBody(), true);
        $request->getAttribute(Visitor::class)->register($username, $email, $password);
        return ['ok' => true];
    }

    private function login(ServerRequestInterface $request): array
    {
        ['login' => $login, 'password' => $password] = json_decode((string) $request->getBody(), true);
        $request->getAttribute(Visitor::class)->login($login, $password);
        return ['ok' => true];
    }

    private function logout(ServerRequestInterface $request): array
    {
        $request->getAttribute(Visitor::class)->logout(everywhere: isset($request->getQueryParams()['everywhere']));
        return ['ok' => true];
    }

    private function me(ServerRequestInterface $request): array
    {
        return ['username' => $request->getAttribute('claims')['username']];
    }

    private function hello(ServerRequestInterface $request): array
    {
        return ['hello' => $request->getAttribute('claims')['username'] ?? 'stranger'];
    }

    private function admin(ServerRequestInterface $request): array
    {
        return ['role' => $request->getAttribute('claims')['role']];
    }
};

return fn (ServerRequestInterface $request): ResponseInterface => $usher->process($request, $router);
