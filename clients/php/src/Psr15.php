<?php

declare(strict_types=1);

namespace Usher;

use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

/**
 * PSR-15 middleware. `new Psr15(…)` itself, around all routes, makes the visitor (`$request->getAttribute(Visitor::class)`), adds cookies to the
 * response, and turns exceptions of Usher's into JSON responses. `authenticate()` and its like are for single routes within it.
 */
final class Psr15 implements MiddlewareInterface
{
    /**
     * @param ?\Closure(ServerRequestInterface): array{ip?: string, user_agent?: string} $endUser the visitor's address, for the throttle
     *     and the list of sessions, where the app may tell it
     */
    public function __construct(
        private readonly Client $client,
        private readonly ResponseFactoryInterface $responses,
        private readonly ?\Closure $endUser = null,
        private readonly ?string $cookieDomain = null,
        private readonly bool $secureCookies = true,
    ) {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        $visitor = new Visitor(
            $this->client, $request->getCookieParams(), $request->hasHeader('Authorization') ? $request->getHeaderLine('Authorization') : null,
            $this->endUser ? ($this->endUser)($request) : null, $this->cookieDomain, $this->secureCookies,
        );
        try {
            $response = $handler->handle($request->withAttribute(Visitor::class, $visitor));
        } catch (UsherException $error) {
            $response = $this->responses->createResponse($error->status);
            foreach ($error->headers() as $name => $value) {
                $response = $response->withHeader($name, $value);
            }
            $response->getBody()->write($error->body());
        }
        foreach ($visitor->headers() as $name => $values) {
            $response = $response->withAddedHeader($name, $values);
        }
        return $response;
    }

    /** For visitors who are logged in. `$request->getAttribute('claims')` says who it is. */
    public static function authenticate(): MiddlewareInterface
    {
        return self::guard(fn (Visitor $visitor) => $visitor->require());
    }

    /** For everybody; the attribute `claims` is null for those who are not logged in. */
    public static function optionalAuth(): MiddlewareInterface
    {
        return self::guard(fn (Visitor $visitor) => $visitor->optional());
    }

    /** For visitors who have any of the roles. */
    public static function requireRoles(string ...$roles): MiddlewareInterface
    {
        return self::guard(fn (Visitor $visitor) => $visitor->require(roles: $roles));
    }

    /** For visitors who have all of the permissions. */
    public static function requirePermission(string ...$permissions): MiddlewareInterface
    {
        return self::guard(fn (Visitor $visitor) => $visitor->require(permissions: $permissions));
    }

    private static function guard(\Closure $check): MiddlewareInterface
    {
        return new class ($check) implements MiddlewareInterface {
            public function __construct(private readonly \Closure $check)
            {
            }

            public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
            {
                return $handler->handle($request->withAttribute('claims', ($this->check)($request->getAttribute(Visitor::class))));
            }
        };
    }
}
